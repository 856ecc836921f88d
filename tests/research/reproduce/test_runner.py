"""`summdiff reproduce` in quick mode on tiny files: the runner, the runs and the written reports.

One file, so that a test worker trains `made` once.
"""

import csv
import json
import shutil
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from results_page import write_pages

from summdiff.cli.app import main
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.synthetic import make_synthetic
from summdiff.data.tvsum import TVSum
from summdiff.errors import DataError
from summdiff.evaluation import evaluate, read_predictions
from summdiff.research.reproduce import ProgressLines, ReproduceRequest, reproduce
from summdiff.research.reproduce import runs as runs_module
from summdiff.research.reproduce.measurements import Measurement, SystemRun
from summdiff.research.reproduce.runner import plan_tables, table_data, tasks_of
from summdiff.research.reproduce.runs import RunFolder
from summdiff.research.reproduce.table_plans import Scale, read_tables
from summdiff.research.reproduce.table_report import read_report
from summdiff.research.reproduce.write_reports import csv_rows, markdown_tables
from summdiff.research.training.processes import Interrupted


def run(*words):
    """Run a command line and return its exit code."""
    before = sys.argv
    sys.argv = ["summdiff", *map(str, words)]
    try:
        main()
    except SystemExit as leave:
        return leave.code or 0
    finally:
        sys.argv = before
    return 0


@pytest.mark.slow
def test_all_makes_every_table_of_the_paper(made):
    """Runs that `made` has trained are not trained again."""
    every = replace(made.request, names=("all",), seeds=(0,), output=made.request.output.with_name("all"))
    assert [page.parent.name for page in reproduce(every)] == list(read_tables().tables)


@pytest.mark.slow
def test_studies_are_made_like_tables(made, files):
    names = ("tvsum_systems", "ddim_steps", "default_parts", "default_samples")
    request = replace(made.request, names=names, seeds=(0,), output=made.request.output.with_name("studies"))
    assert [page.parent.name for page in reproduce(request)] == list(names)
    assert (request.output / "ddim_steps" / "ddim_steps.png").stat().st_size > 5000
    assert "What only a model that samples can do" in (request.output / "default_samples" / "README.md").read_text()


def test_nothing_is_trained_twice(made, monkeypatch):
    before = (made.request.output / "table3" / "table3.csv").read_text()

    def refuse(*values, **named):
        raise AssertionError("trained again")

    for name in ("cross_validate", "train", "predict"):
        monkeypatch.setattr(runs_module, name, refuse)
    for request in (made.request, made.once):
        reproduce(request)
    assert (made.request.output / "table3" / "table3.csv").read_text() == before


def test_a_stopped_run_continues(files, tmp_path, monkeypatch):
    """Stopped after the second of four runs, the same request trains the other two."""
    table = tmp_path / "own.yaml"
    table.write_text("tables: {own: {title: Two kinds of ridge regression, rows: [{system: [ridge, ridge_both]}]}}")
    request = ReproduceRequest(
        (str(table),), data=list(files.values()), quick=True, output=tmp_path / "results", runs=tmp_path / "runs"
    )
    trained = []

    class Stops(ProgressLines):
        def start(self, task, seconds_left):
            if len(trained) == 2:
                raise Interrupted("Stopped.", 2)
            trained.append(task)

    with pytest.raises(Interrupted):
        reproduce(request, progress=Stops())
    assert not (tmp_path / "results" / "own").exists()

    more = []
    monkeypatch.setattr(ProgressLines, "start", lambda self, task, seconds_left: more.append(task))
    reproduce(request)
    assert len(more) == 2
    assert not set(more) & set(trained)


def test_mr_hisum_is_judged_on_its_split(tmp_path):
    path = tmp_path / "planted.h5"
    split = make_synthetic(path, videos=20, min_seconds=24, max_seconds=40, dimension=8)
    request = ReproduceRequest(
        ("table7",), data=[path], quick=True, output=tmp_path / "results", runs=tmp_path / "runs"
    )
    reproduce(request)
    report = read_report(tmp_path / "results" / "table7" / "table7.json")
    (table,) = report["tables"]
    assert table["data"]["splits"] == split.name
    assert table["videos"] == len(MrHiSum(path, split).split.test) == 2
    assert {m["name"] for m in table["measures"]} == {"f1", "map50", "map15", "tau", "rho"}
    assert "paper_map15" in csv_rows(report)[0]


def test_a_dry_run_measures_speeds_once_and_writes_no_results(files, tmp_path, capsys):
    words = ("reproduce", "table7", "--dry-run", "--runs", tmp_path / "runs", "--output", tmp_path / "results")
    small = ("--set", "folds=2", "--set", "network.width=16", "--set", "network.heads=2")
    assert run(*words, *small, "--data", files["tvsum"]) == 0
    printed = capsys.readouterr()
    assert "4 to train" in printed.out
    assert "In all about" in printed.out
    assert "Measuring a short epoch" in printed.err
    assert not (tmp_path / "results").exists()
    assert run(*words, *small, "--data", files["tvsum"]) == 0
    assert "Measuring" not in capsys.readouterr().err


def test_a_file_without_single_annotators_is_refused_before_any_training(files, tmp_path):
    """The usual file of TVSum is like this."""
    path = tmp_path / "usual.h5"
    shutil.copy(files["tvsum"], path)
    with h5py.File(path, "r+") as file:
        for name in file:
            file[name].pop("user_scores", None)
    with pytest.raises(DataError, match="has no 'user_scores'"):
        table_data(ReproduceRequest(("table1",), data=[path]))


def test_mistakes_end_in_a_sentence(files, tmp_path, monkeypatch, capsys):
    def message(*words):
        assert run("reproduce", *words) in (1, 2)
        text = capsys.readouterr().err.strip().splitlines()[-1]
        assert text.startswith("summdiff: ")
        return text

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUMMDIFF_DATA", raising=False)
    assert "no 'table8'" in message("table8", "--data", files["tvsum"])
    assert "set SUMMDIFF_DATA" in message("table1")
    assert "missing.h5" in message("table1", "--data", "missing.h5")
    (tmp_path / "wrong.h5").write_text("no data")
    assert "wrong.h5" in message("table1", "--data", "wrong.h5")
    assert "give --data twice" in message("table3", "--data", files["tvsum"])
    assert "none.yaml' cannot be read" in message("none.yaml", "--data", files["tvsum"])
    assert "none is given" in message("table1", "--data", files["tvsum"], "--split", "split.json")
    assert "no accelerator 'abacus'" in message("table1", "--data", files["tvsum"], "--accelerator", "abacus")
    (tmp_path / "results-quick").write_text("in the way")
    assert "results-quick' cannot be made" in message("table7", "--quick", "--data", files["tvsum"])
    make_synthetic(tmp_path / "planted.h5", videos=4, min_seconds=24, max_seconds=30, dimension=8)
    with pytest.raises(DataError, match="no split"):
        table_data(ReproduceRequest(("table1",), data=[tmp_path / "planted.h5"], split=tmp_path / "none.json"))


def rows_on_tvsum(name, data, *changes):
    (plan,) = plan_tables([name], data, Scale(quick=True, changes=changes), print)
    return plan.rows[0][1]


def test_only_other_seeds_or_recipes_are_trained(made, data):
    runs = RunFolder(made.request.runs, made.request.values_folder)
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
    runs = RunFolder(made.request.runs, made.request.values_folder)
    run = rows_on_tvsum("figure3", data)[0].measurement.run
    values = runs.get(Measurement(run), 0)
    predictions = read_predictions(runs.recipe(run, 0).output / "crossval" / "predictions.h5")
    tvsum = TVSum(data[0].path)
    tau = dict(zip(tvsum.names, evaluate(tvsum, [predictions]).systems[0].values["tau"], strict=True))
    np.testing.assert_allclose(values.rows["scores"]["tau"], [tau[name] for name in values.names], rtol=1e-5)
    columns = values.about["columns"]["scores"]
    assert columns["parameters"] > 1000
    assert columns["train_seconds"] > 0
    assert "validation_tau" in columns


def test_other_sampling_steps_change_the_curves(made, data):
    """All of figure 3 comes from one training."""
    runs = RunFolder(made.request.runs, made.request.values_folder)
    rows = rows_on_tvsum("figure3", data)
    tau = {row.at["steps"]: runs.get(row.measurement, 0).rows["scores"]["tau"] for row in rows}
    trained = runs.get(Measurement(rows[0].measurement.run), 0).rows["scores"]["tau"]
    np.testing.assert_array_equal(tau[3], trained)
    assert not np.array_equal(tau[1], tau[6])


def test_a_constant_changes_f1_at_most(made, data):
    runs = RunFolder(made.request.runs, made.request.values_folder)
    run = rows_on_tvsum("figure3", data)[0].measurement.run
    trained = runs.get(Measurement(run), 0).rows["scores"]
    assert Measurement(run, offset=0.0).file == Measurement(run).file
    up, down = (runs.get(Measurement(run, offset=offset), 0) for offset in (0.5, -1000.0))
    for moved in (up, down):
        np.testing.assert_allclose(moved.rows["scores"]["tau"], trained["tau"])
    assert down.rows["scores"]["f1"].max() == 0  # no shot is worth choosing
    assert up.about["columns"]["scores"]["median_score"] < up.about["columns"]["scores"]["highest_score"]


def test_samples_are_studied_beside_simpler_ways(made, data):
    runs = RunFolder(made.request.runs, made.request.values_folder)
    small = ("network.width=16", "network.heads=2", "network.feed_forward=16", "network.denoiser_layers=1")
    rows = rows_on_tvsum("default_samples", data, *small)
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
    runs = RunFolder(made.request.runs, made.request.values_folder)
    ours, vasnet = (row.measurement.run for row in rows_on_tvsum("table3", data)[::2][:2])
    kept = [list((runs.recipe(run, 0).output / "crossval").rglob("*.safetensors")) for run in (ours, vasnet)]
    assert kept[0]
    assert not kept[1]


def test_a_result_says_what_it_was_trained_on(made, data):
    """In the JSON file, for people who look into the folder."""
    run = rows_on_tvsum("figure3", data)[0].measurement.run
    path = RunFolder(made.request.runs, made.request.values_folder).path(Measurement(run), 0)
    about = json.loads(path.read_text())["about"]
    assert about["folds"] == 2
    assert len(about["chosen"]) == len(about["trained_on"]) == 2


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_each_table_gets_its_files(made):
    assert [page.parent.name for page in made.pages] == ["table7", "figure3", "table3"]
    for name in ("table7", "figure3", "table3"):
        folder = made.request.output / name
        files = {path.name for path in folder.iterdir()}
        assert {f"{name}.csv", f"{name}_differences.csv", f"{name}.md", f"{name}.json", "README.md"} <= files
        report = json.loads((folder / f"{name}.json").read_text())
        assert report["quick"]
        assert report["seeds"] == ([0, 1] if name == "table7" else [0])
        assert report["command"].startswith("summdiff reproduce")
        for path in (folder / "README.md", folder / f"{name}.md"):
            assert "QUICK MODE" in path.read_text()
            assert "SYNTHETIC" in path.read_text()
    for suffix in ("png", "svg"):
        assert (made.request.output / "figure3" / f"figure3.{suffix}").stat().st_size > 5000


def test_the_csv_has_means_and_deviations_over_seeds_and_the_papers_numbers(made, data):
    rows = rows_of(made.request.output / "table7" / "table7.csv")
    row = next(row for row in rows if row["data"] == "tvsum" and row["lambda"] == "1")
    (plan,) = plan_tables(["table7"], data, Scale(quick=True), print)
    runs = RunFolder(made.request.runs, made.request.values_folder)
    measurement = next(r.measurement for r in plan.rows[0][1] if r.at["lambda"] == 1)
    taus = [runs.get(measurement, seed).rows["scores"]["tau"].mean() for seed in (0, 1)]
    assert float(row["tau"]) == pytest.approx(np.mean(taus), abs=6e-5)
    assert float(row["tau_sd"]) == pytest.approx(np.std(taus, ddof=1), abs=6e-5)
    assert row["paper_f1"] == "57.71"
    assert float(row["parameters"]) > 1000
    highlights = [row for row in rows if row["data"] == "youtube_highlights"]
    assert all(row["map"] and row["map_dog"] and not row["paper_f1"] for row in highlights)


def test_differences_are_those_of_the_first_row_from_the_others(made):
    folder = made.request.output / "table7"
    rows = [row for row in rows_of(folder / "table7.csv") if row["data"] == "tvsum"]
    (difference,) = [
        row for row in rows_of(folder / "table7_differences.csv") if row["data"] == "tvsum" and row["measure"] == "tau"
    ]
    assert difference["row"] == "lambda = 4"
    assert float(difference["difference"]) == pytest.approx(float(rows[0]["tau"]) - float(rows[1]["tau"]), abs=2e-4)
    assert float(difference["low"]) <= float(difference["difference"]) <= float(difference["high"])


def test_the_page_of_results_is_made_of_the_reports(made, tmp_path):
    output = tmp_path / "results.md"
    assert output in write_pages(made.request.output, output)
    text = output.read_text()
    for name in ("table3", "table7", "figure3"):
        report = read_report(made.request.output / name / f"{name}.json")
        assert markdown_tables(report)[4] in text
        assert report["claim"]["on"][0]["numbers"] in text
        page = next(words for words in text.split("(") if f"/{name}/README.md" in words).split(")")[0]
        assert (output.parent / page).exists()


def test_tables_are_made_of_kept_values_and_other_sampling_trains_again(made, data, tmp_path):
    """Values are kept with the tables; weights may be gone."""
    values = tmp_path / "measured"
    shutil.copytree(made.request.values_folder, values)
    runs, before = RunFolder(tmp_path / "runs", values), RunFolder(made.request.runs, made.request.values_folder)
    rows = {row.at["steps"]: row.measurement for row in rows_on_tvsum("figure3", data)}
    np.testing.assert_array_equal(
        runs.get(rows[6], 0).rows["scores"]["tau"], before.get(rows[6], 0).rows["scores"]["tau"]
    )
    assert not runs.folder.exists()
    runs.path(rows[6], 0).unlink()
    again = runs.get(rows[6], 0)
    np.testing.assert_allclose(again.rows["scores"]["tau"], before.get(rows[6], 0).rows["scores"]["tau"], atol=0.02)
    assert again.about["versions"]["summdiff"]
