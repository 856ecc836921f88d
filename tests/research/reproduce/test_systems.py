import csv
import json
import sys

import numpy as np
import pytest

from summdiff.data.tvsum import TVSum
from summdiff.errors import UsageError
from summdiff.evaluation import evaluate, read_predictions
from summdiff.research.reproduce import ddim_steps, f1_offset, paired, systems
from summdiff.research.training.recipe_files import read_recipe


def run(module, *words):
    """As from the command line."""
    before = sys.argv
    sys.argv = [module.__name__, *map(str, words)]
    try:
        module.main()
    finally:
        sys.argv = before


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_table_has_what_cross_validation_found(recipes, small_tvsum, tmp_path, capsys):
    """And the steps' table, from the models that it left, agrees where the number of steps is the recipe's."""
    output = tmp_path / "results" / "systems.csv"
    run(systems, *recipes, "--seeds", "0,1", "--output", output)
    rows = rows_of(output)
    assert tuple(rows[0]) == systems.COLUMNS
    assert [(row["system"], row["variant"], row["seeds"]) for row in rows[:3]] == [
        ("summdiff", "paper", "2"),
        ("summdiff", "joint", "2"),
        ("ridge", "relational", "1"),
    ]
    assert {"random", "constant", "annotator with another", "oracle"} <= {row["system"] for row in rows}

    taus = []
    for seed in (0, 1):
        predictions = read_predictions(tmp_path / "joint" / "crossval" / f"seed{seed}" / "predictions.h5")
        judged = evaluate(TVSum(small_tvsum), [predictions], seed=seed)
        taus.append(judged.means[predictions.name]["tau"].value)
    joint = rows[1]
    assert float(joint["tau"]) == pytest.approx(np.mean(taus), abs=6e-5)
    assert float(joint["tau_sd"]) == pytest.approx(np.std(taus, ddof=1), abs=6e-5)
    assert int(joint["params"]) > 1000
    assert float(joint["train_seconds"]) > 0
    said = json.loads(output.with_suffix(".json").read_text())
    assert said["seeds"] == [0, 1]
    assert said["data"]["sha256"] == TVSum(small_tvsum).fingerprint()
    assert "summdiff_paper" in said["systems"]
    assert "last epoch" in said["systems"]["summdiff_joint"]["about"]["selection"]
    assert "tau_sd" in capsys.readouterr().out

    steps = tmp_path / "results" / "steps.csv"
    run(ddim_steps, recipes[1], "--seeds", "0,1", "--steps", "1,2", "--output", steps)
    found = {row["steps"]: row for row in rows_of(steps)}
    assert found["2"]["tau"] == joint["tau"]
    assert found["1"]["tau"] != found["2"]["tau"]
    for kind in ("png", "svg"):
        assert steps.with_suffix(f".{kind}").stat().st_size > 1000


def test_recipes_that_do_not_compare_are_refused(recipes, tmp_path):
    one, other = (read_recipe(path) for path in recipes)
    with pytest.raises(UsageError, match="do not share data"):
        systems.run_systems([one, other.model_copy(update={"split_seed": 3})], [0], processes=1)
    with pytest.raises(UsageError, match="same name"):
        systems.run_systems([one, one], [0], processes=1)
    with pytest.raises(SystemExit, match="cannot be read"):
        run(systems, tmp_path / "none.yaml", "--output", tmp_path / "x.csv")
    with pytest.raises(SystemExit, match="no list of different whole numbers"):
        run(ddim_steps, recipes[0], "--steps", "few", "--output", tmp_path / "x.csv")


def test_differences_are_those_of_the_two_rows(recipes, small_tvsum, tmp_path):
    """And an offset changes F1 at most: ranks stay."""
    output = tmp_path / "paired.csv"
    run(paired, *recipes, "--seeds", "0,1", "--output", output)
    rows = {(row["system"], row["variant"], row["measure"]): row for row in rows_of(output)}
    assert {key[:2] for key in rows} == {("summdiff", "joint"), ("ridge", "relational; the first's own input")}
    judged = []
    for variant in ("paper", "joint"):
        for seed in (0, 1):
            folder = tmp_path / variant / "crossval" / f"seed{seed}"
            judged.append(evaluate(TVSum(small_tvsum), [read_predictions(folder / "predictions.h5")]).systems[0].values)
    per_video = np.mean([one["tau"] for one in judged[:2]], axis=0) - np.mean(
        [one["tau"] for one in judged[2:]], axis=0
    )
    row = rows["summdiff", "joint", "tau"]
    assert float(row["difference"]) == pytest.approx(per_video.mean(), abs=6e-5)
    assert float(row["low"]) < float(row["difference"]) < float(row["high"])
    assert (int(row["better"]), int(row["worse"])) == ((per_video > 0).sum(), (per_video < 0).sum())

    offset = tmp_path / "offset.csv"
    run(f1_offset, recipes[1], "--seeds", "0,1", "--offset", "0", "--output", offset)
    (row,) = rows_of(offset)
    assert row["f1"] == row["f1_offset"]
    run(f1_offset, recipes[1], "--seeds", "0,1", "--offset=-1000", "--output", offset)
    (moved,) = rows_of(offset)
    assert (moved["tau"], moved["f1"]) == (row["tau"], row["f1"])
    assert float(moved["f1_offset"]) == 0  # nothing is worth choosing
