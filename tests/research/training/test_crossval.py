import csv
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from summdiff.data.splits import read_splits
from summdiff.data.tvsum import TVSum
from summdiff.errors import UsageError
from summdiff.evaluation import evaluate, read_predictions
from summdiff.research.networks.storage import load_network
from summdiff.research.training import crossval
from summdiff.research.training.crossval import cross_validate, cross_validate_seeds
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.scoring import load_model


class Noted(Callbacks):
    """Notes what is said, also in other processes."""

    def __init__(self, path):
        self.path = path

    def message(self, sentence):
        with self.path.open("a") as file:
            file.write(f"{sentence}\n")


@pytest.fixture(scope="module")
def result(data_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossval")
    (folder / "recipe.yaml").write_text(
        f"name: small\ndata: {data_file}\noutput: {folder / 'out'}\nepochs: 1\nfolds: 2\nvalidation: 0.2\n"
        "other_spaces: true\n"
        "network: {width: 16, heads: 2, encoder_layers: 1, denoiser_layers: 1}\n"
        "diffusion: {samples: 2, steps: 2}\naugmentation: {views: 1}\n"
    )
    callbacks = Noted(folder / "said.txt")
    found = cross_validate(read_recipe(folder / "recipe.yaml"), processes=2, callbacks=callbacks)
    return found, callbacks.path.read_text().splitlines()


def test_every_video_is_predicted_once_by_a_model_that_never_saw_it(result, data_file):
    found, lines = result
    assert len([line for line in lines if re.match(r"fold [12]/2 is finished: tau ", line)]) == 2
    assert lines[0] == "Running fold 1/2, fold 2/2; 0 more to come."
    tested = [name for fold in found.metrics["folds"] for name in fold["split"]["test"]]
    assert sorted(tested) == sorted(TVSum(data_file).names)
    for fold in found.metrics["folds"]:
        split = fold["split"]
        assert not set(split["test"]) & {*split["train"], *split["validation"]}
        assert not set(split["train"]) & set(split["validation"])


def test_the_evaluation_can_be_repeated_from_the_predictions(result, data_file):
    found, _ = result
    data, taus = TVSum(data_file), []
    predictions = read_predictions(found.path.with_name("predictions.h5"))
    for name in data.names:
        assert predictions.curves[name].shape == (2, len(data[name].features))
        mean = predictions.curves[name].mean(axis=0)
        taus.append(np.mean([stats.kendalltau(mean, user).statistic for user in data[name].user_scores]))
    tau = found.metrics["evaluation"]["systems"]["small"]["means"]["tau"]
    assert tau["value"] == pytest.approx(np.mean(taus), abs=1e-9)
    assert tau["low"] < tau["value"] < tau["high"]
    again = evaluate(data, [replace(predictions, name="small")])
    assert again.means["small"]["tau"] == found.evaluation.means["small"]["tau"]
    tested = [set(split.test) for split in read_splits(found.path.with_name("splits.json"), data.names)]
    assert tested == [set(fold["split"]["test"]) for fold in found.metrics["folds"]]


def test_the_predictions_file_describes_the_run(result, data_file):
    found, _ = result
    written = json.loads(found.path.read_text())
    assert written == found.metrics
    assert written["evaluation"]["data"]["sha256"] == TVSum(data_file).fingerprint()
    assert written["recipe"]["seed"] == 0
    systems = written["evaluation"]["systems"]
    assert "last epoch" in systems["small"]["about"]["selection"]
    assert "validation" in systems["ridge"]["about"]["selection"]
    assert systems["small"]["about"]["cross-validation"]["folds"] == 2
    assert not [note for note in written["evaluation"]["notes"] if "TRAINED" in note or "does not say" in note]


def test_references_are_ordered(result):
    tau = {name: means["tau"].value for name, means in result[0].evaluation.means.items()}
    assert abs(tau["random"]) < 0.15
    assert tau["random"] < tau["ridge"] < tau["oracle"]
    assert max(tau["annotator with another"], tau["mean of the others"]) < tau["oracle"]


def test_the_written_recipe_repeats_the_run(result):
    found, _ = result
    again = read_recipe(found.path.with_name("recipe.yaml"))
    assert again.stated() == found.metrics["recipe"]
    assert again.data_path().exists()


def test_time_and_memory_are_recorded(result):
    found, _ = result
    cost = found.metrics["cost"]
    network = load_network(found.path.with_name("fold1"))
    assert cost["parameters"] == sum(weight.numel() for weight in network.parameters())
    assert cost["train_seconds"] == pytest.approx(
        sum(fold["train_seconds"] for fold in found.metrics["folds"]), abs=1e-2
    )
    assert cost["predict_ms"] > 0
    assert 50 < cost["peak_memory_mb"] < 10_000
    assert set(load_model(found.path.with_name("fold1")).provenance["trained_on"]).isdisjoint(
        f"tvsum/{name}" for name in found.metrics["folds"][0]["split"]["test"]
    )
    for fold in found.metrics["folds"]:
        assert {"tau", "rho", "spread"} <= set(fold["validation"]) & set(fold["test"])


def small(data_file, folder, **changes):
    """A recipe that takes a second a fold."""
    fields = {
        "name": "small",
        "data": data_file,
        "output": folder,
        "epochs": 1,
        "folds": 2,
        "network": {"width": 16, "heads": 2, "encoder_layers": 1, "denoiser_layers": 1},
        "diffusion": {"samples": 2, "steps": 2},
        "augmentation": {"views": 1},
    }
    return Recipe.model_validate(fields | changes)


class Fits:
    """Counts trainings, and can break one off."""

    def __init__(self, monkeypatch, fail_at=None):
        self.labels, self._fit, self._fail_at = [], crossval.fit, fail_at
        monkeypatch.setattr(crossval, "fit", self)

    def __call__(self, recipe, videos, directory, **options):
        self.labels.append(f"{directory.parent.name}/{directory.name}")
        if len(self.labels) == self._fail_at:
            self._fail_at = None
            raise KeyboardInterrupt
        return self._fit(recipe, videos, directory, **options)


def test_a_finished_fold_is_not_trained_again(data_file, tmp_path, monkeypatch):
    fits = Fits(monkeypatch, fail_at=2)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(small(data_file, tmp_path / "parts"))
    assert not list((tmp_path / "parts" / "crossval" / "fold1").glob("checkpoint-*"))
    parts = cross_validate(small(data_file, tmp_path / "parts"))
    assert fits.labels == ["crossval/fold1", "crossval/fold2", "crossval/fold2"]
    whole = cross_validate(small(data_file, tmp_path / "whole"))
    assert parts.evaluation.means == whole.evaluation.means
    del fits.labels[:]
    again = cross_validate(small(data_file, tmp_path / "whole"))
    assert fits.labels == []
    assert again.metrics == whole.metrics
    other = cross_validate(small(data_file, tmp_path / "whole", learning_rate=0.01))  # is not mixed up with the first
    assert len(fits.labels) == 2
    assert other.evaluation.means["small"] != whole.evaluation.means["small"]
    cross_validate(small(data_file, tmp_path / "whole", learning_rate=0.01, resume="never"))
    assert len(fits.labels) == 4


def test_several_seeds_are_summarized(data_file, tmp_path, monkeypatch):
    path, results = cross_validate_seeds(small(data_file, tmp_path), [3, 5])
    written = json.loads(path.read_text())
    taus = [found.evaluation.means["small"]["tau"].value for found in results]
    assert taus[0] != taus[1]
    assert written["rows"]["small"]["tau"] == {
        "mean": pytest.approx(np.mean(taus)),
        "sd": pytest.approx(np.std(taus, ddof=1)),
        "values": taus,
    }
    assert [found.metrics["recipe"]["seed"] for found in results] == [3, 5]
    assert written["rows"]["ridge"]["tau"]["sd"] == 0
    fits = Fits(monkeypatch)
    alone = cross_validate(small(data_file, tmp_path / "alone", seed=5))
    assert alone.evaluation.means["small"]["tau"].value == taus[1]
    del fits.labels[:]
    cross_validate_seeds(small(data_file, tmp_path), [5, 3, 6])
    assert fits.labels == ["seed6/fold1", "seed6/fold2"]


@pytest.mark.parametrize("kind", ["summe", "youtube_highlights", "mr_hisum"])
def test_other_data_sets_can_be_cross_validated(kind, small_files, tmp_path):
    """With features on a grid of their own (SumMe), and with domains."""
    path = small_files(kind)
    callbacks = Noted(tmp_path / "said.txt")
    found = cross_validate(small(path, tmp_path / "out", kind=kind, conditioning="features"), callbacks=callbacks)
    rows = found.evaluation.means
    assert {"small", "ridge", "random", "oracle"} <= set(rows)
    measure = {"summe": "tau_b", "youtube_highlights": "map", "mr_hisum": "tau"}[kind]
    assert rows["random"][measure].value < rows["oracle"][measure].value
    assert len(found.evaluation.names) == (5 if kind == "summe" else 6)
    assert ("1 of 6 videos" in callbacks.path.read_text()) == (kind == "summe")
    if kind == "youtube_highlights":
        assert {"map_dog", "map_surfing"} <= set(found.metrics["folds"][0]["test"])


def test_folds_are_divided_among_processes(data_file, tmp_path):
    with pytest.raises(UsageError, match="set devices=1 and use --processes"):
        cross_validate(small(data_file, tmp_path, devices=2))


def test_published_splits_can_be_used(data_file, tmp_path):
    """Without validation videos, and with one video that is tested twice."""
    names = TVSum(data_file).names
    splits = [
        {
            "train_keys": [f"old.h5/{name}" for name in names if name not in test] + ["ovp.h5/video_1"],
            "test_keys": [f"old.h5/{name}" for name in test],
        }
        for test in (names[:2], names[1:3])
    ]
    (tmp_path / "splits.json").write_text(json.dumps(splits))
    callbacks = Noted(tmp_path / "said.txt")
    recipe = small(data_file, tmp_path / "out", splits=tmp_path / "splits.json", validation=0.25)
    found = cross_validate(recipe, callbacks=callbacks)
    assert found.evaluation.names == names[:3]
    assert [len(fold["split"]["validation"]) for fold in found.metrics["folds"]] == [2, 2]
    assert "1 videos of other files" in callbacks.path.read_text()
    first = read_predictions(found.path.with_name("fold1") / "predictions.h5").curves["video_2"]
    assert np.array_equal(read_predictions(found.path.with_name("predictions.h5")).curves["video_2"], first)


def test_sigterm_stops_all_processes_and_a_second_call_resumes(data_file, recipe_file, tmp_path):
    overrides = ["epochs=100", "folds=2", "validate_every=100", f"output={tmp_path / 'out'}"]
    command = [sys.executable, "-m", "summdiff", "crossval", str(recipe_file), *overrides, "--processes", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        logs = [tmp_path / "out" / "crossval" / f"fold{number}" / "log.csv" for number in (1, 2)]
        while process.poll() is None and not all(log.exists() for log in logs):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    assert all(list(log.parent.glob("checkpoint-*.pt")) for log in logs)
    before = [losses(log) for log in logs]
    assert all(1 <= len(rows) < 100 for rows in before)
    cross_validate(read_recipe(recipe_file, overrides))
    for log, rows in zip(logs, before, strict=True):
        assert losses(log)[: len(rows)] == rows
        assert len(losses(log)) == 100


def losses(log):
    return [row["loss"] for row in csv.DictReader(log.read_text().splitlines())]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts by itself")
def test_memory_excludes_the_parent_process():
    """Linux's getrusage starts a new process with the value of its parent."""
    ballast = np.ones(80_000_000)  # 640 MB
    code = "from summdiff.research.training.crossval import peak_memory; print(peak_memory())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 50 < float(child.stdout) < crossval.peak_memory() - 300
    assert ballast[-1] == 1
