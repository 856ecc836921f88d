import json

import numpy as np
import pytest

from summdiff.data.tvsum import TVSum
from summdiff.evaluation import evaluate, read_predictions
from summdiff.research.reproduce.runner import plan_tables, tasks_of
from summdiff.research.reproduce.runs import Measurement, RunFolder, SystemRun
from summdiff.research.reproduce.table_plans import Scale


def rows_on_tvsum(name, data):
    (plan,) = plan_tables([name], data, Scale(quick=True), print)
    return plan.rows[0][1]


def test_only_other_seeds_or_recipes_are_trained(made, data):
    runs = RunFolder(made.request.runs)
    tasks = tasks_of(plan_tables(["table7"], data, Scale(quick=True), print), (0, 1, 2))
    assert [task.seed for task in tasks if not runs.has(task.measurement, task.seed)] == [2, 2, 2, 2]
    longer = plan_tables(["table7"], data, Scale(quick=True, changes=("epochs=3",)), print)
    assert not any(runs.has(task.measurement, task.seed) for task in tasks_of(longer, (0,)))


def test_the_digest_depends_on_the_content_of_files_and_not_on_their_paths(data, tmp_path):
    paths = [tmp_path / name for name in ("a.bin", "b.bin", "c.bin")]
    for path, content in zip(paths, (b"1", b"1", b"2"), strict=True):
        path.write_bytes(content)
    without = SystemRun("vasnet_tvsum", data[0]).digest
    first, moved, other = (SystemRun("vasnet_tvsum", data[0], (f"init_from={path}",)).digest for path in paths)
    assert first == moved
    assert len({without, first, other}) == 3


def test_values_are_those_of_the_predictions(made, data):
    runs = RunFolder(made.request.runs)
    run = rows_on_tvsum("figure3", data)[0].measurement.run
    values = runs.get(Measurement(run), 0)
    predictions = read_predictions(runs.recipe(run, 0).output / "crossval" / "predictions.h5")
    tvsum = TVSum(data[0].path)
    tau = dict(zip(tvsum.names, evaluate(tvsum, [predictions]).systems[0].values["tau"], strict=True))
    np.testing.assert_allclose(values.rows["scores"]["tau"], [tau[name] for name in values.names])
    columns = values.about["columns"]["scores"]
    assert columns["parameters"] > 1000
    assert columns["train_seconds"] > 0
    assert "validation_tau" in columns


def test_other_sampling_steps_change_the_curves(made, data):
    """All of figure 3 comes from one training."""
    runs = RunFolder(made.request.runs)
    rows = rows_on_tvsum("figure3", data)
    tau = {row.at["steps"]: runs.get(row.measurement, 0).rows["scores"]["tau"] for row in rows}
    trained = runs.get(Measurement(rows[0].measurement.run), 0).rows["scores"]["tau"]
    np.testing.assert_array_equal(tau[3], trained)
    assert not np.array_equal(tau[1], tau[6])


def test_a_constant_changes_f1_at_most(made, data):
    runs = RunFolder(made.request.runs)
    run = rows_on_tvsum("figure3", data)[0].measurement.run
    trained = runs.get(Measurement(run), 0).rows["scores"]
    assert Measurement(run, offset=0.0).file == Measurement(run).file
    up, down = (runs.get(Measurement(run, offset=offset), 0) for offset in (0.5, -1000.0))
    for moved in (up, down):
        np.testing.assert_allclose(moved.rows["scores"]["tau"], trained["tau"])
    assert down.rows["scores"]["f1"].max() == 0  # no shot is worth choosing
    assert up.about["columns"]["scores"]["median_score"] < up.about["columns"]["scores"]["highest_score"]


def test_samples_are_studied_beside_simpler_ways(made, data):
    runs = RunFolder(made.request.runs)
    rows = rows_on_tvsum("default_samples", data)
    values = {row.readout: runs.get(row.measurement, 0).rows[row.readout] for row in rows}
    assert set(values["samples"]) == {"spread_rho", "brier", "group_tau", "group_f1", "single_tau", "known_tau"}
    assert set(values["mean curve"]) == {"spread_rho", "known_tau"}
    assert set(values["shifted within 8 s"]) == {"known_tau"}
    assert np.mean(values["white noise"]["single_tau"]) == pytest.approx(
        np.mean(values["samples"]["single_tau"]), abs=0.02
    )
    about = runs.get(rows[0].measurement, 0).about
    assert 0 <= about["columns"]["samples"]["calibration_error"] <= 1


def test_weights_of_networks_that_are_not_sampled_are_removed(made, data):
    runs = RunFolder(made.request.runs)
    ours, vasnet = (row.measurement.run for row in rows_on_tvsum("table3", data)[::2][:2])
    kept = [list((runs.recipe(run, 0).output / "crossval").rglob("*.safetensors")) for run in (ours, vasnet)]
    assert kept[0]
    assert not kept[1]


def test_a_result_says_what_it_was_trained_on(made, data):
    """In the JSON file, for people who look into the folder."""
    run = rows_on_tvsum("figure3", data)[0].measurement.run
    path = RunFolder(made.request.runs).recipe(run, 0).output / "run.json"
    about = json.loads(path.read_text())["about"]
    assert about["folds"] == 2
    assert len(about["chosen"]) == len(about["trained_on"]) == 2
