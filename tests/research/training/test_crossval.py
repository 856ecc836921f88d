import csv
import io
import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from forked import FORKED
from scipy import stats

from summdiff.cli import _training_display
from summdiff.cli.app import main
from summdiff.data.splits import read_splits
from summdiff.data.tvsum import TVSum
from summdiff.errors import ModelError, UsageError
from summdiff.evaluation import evaluate, read_predictions
from summdiff.research.networks.storage import load_in_torch, load_network
from summdiff.research.training import crossval
from summdiff.research.training.crossval import cross_validate, cross_validate_seeds, train_folds
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


class Waiting(Noted):
    """Waits after each epoch until a signal has come."""

    def on_epoch(self, row):
        signals = signal.getsignal(signal.SIGTERM).__self__
        until = time.monotonic() + 60
        while not signals.received and time.monotonic() < until:
            time.sleep(0.01)


@dataclass(frozen=True)
class Interruption:
    """A cross-validation by `summdiff crossval --processes 2` that got SIGTERM in the first epoch of both folds."""

    recipe: Path
    code: int
    errors: str
    lines: list[str]
    losses: list[list[str]]


@pytest.fixture(scope="module")
def interruption(data_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossval")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: small\ndata: {data_file}\noutput: {folder / 'out'}\nepochs: 2\nfolds: 2\nvalidation: 0.2\n"
        "other_spaces: true\nvalidate_every: 2\n"
        "network: {width: 16, heads: 2, encoder_layers: 1, denoiser_layers: 1}\n"
        "diffusion: {samples: 2, steps: 2}\naugmentation: {views: 1}\n"
    )
    logs, waiting = logs_of(folder / "out"), Waiting(folder / "said.txt")
    over = threading.Event()

    def terminate():
        while not over.wait(0.02):
            if all(log.exists() for log in logs):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    before = signal.signal(signal.SIGTERM, lambda *_: None)  # a signal that comes too late must not end the tests
    thread = threading.Thread(target=terminate)
    try:
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as errors:
            patch.setattr(_training_display, "training_display", lambda *_, **options: waiting)
            patch.setattr(multiprocessing, "get_context", lambda method: FORKED)
            patch.setattr(sys, "argv", ["summdiff", "crossval", str(recipe), "--processes", "2"])
            thread.start()
            with pytest.raises(SystemExit) as left:
                main()
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGTERM, before)
    said = waiting.path.read_text().splitlines()
    return Interruption(recipe, left.value.code, errors.getvalue(), said, [losses(log) for log in logs])


@pytest.fixture(scope="module")
def result(interruption, tmp_path_factory):
    """The same cross-validation, resumed by this process, and what is said."""
    callbacks = Noted(tmp_path_factory.mktemp("resumed") / "said.txt")
    found = cross_validate(read_recipe(interruption.recipe), callbacks=callbacks)
    return found, callbacks.path.read_text().splitlines()


def logs_of(output):
    return [output / "crossval" / f"fold{number}" / "log.csv" for number in (1, 2)]


def losses(log):
    return [row["loss"] for row in csv.DictReader(log.read_text().splitlines())]


def test_sigterm_stops_all_processes_and_a_second_call_resumes(interruption, result):
    assert interruption.code == 143, interruption.errors
    assert interruption.errors == "summdiff: Stopped; the same command goes on from there.\n"
    assert interruption.lines == ["Running fold 1/2, fold 2/2; 0 more to come."]
    assert [len(rows) for rows in interruption.losses] == [1, 1]
    after = [losses(log) for log in logs_of(result[0].path.parents[1])]
    assert [len(rows) for rows in after] == [2, 2]
    assert [rows[:1] for rows in after] == interruption.losses


def test_every_video_is_predicted_once_by_a_model_that_never_saw_it(result, data_file):
    found, lines = result
    assert len([line for line in lines if re.match(r"fold [12]/2 is finished: tau ", line)]) == 2
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
    assert set(load_in_torch(found.path.with_name("fold1")).provenance["trained_on"]).isdisjoint(
        f"tvsum/{name}" for name in found.metrics["folds"][0]["split"]["test"]
    )
    for fold in found.metrics["folds"]:
        assert {"tau", "rho", "spread"} <= set(fold["validation"]) & set(fold["test"])


def test_a_fold_has_no_graphs_until_they_are_exported(result):
    with pytest.raises(ModelError, match="summdiff export-graphs"):
        load_model(result[0].path.with_name("fold1"))


def small(data_file, folder, **changes):
    """A recipe whose folds take a fraction of a second."""
    fields = {
        "name": "small",
        "data": data_file,
        "output": folder,
        "epochs": 1,
        "folds": 2,
        "network": {"model": "mlp", "width": 8},
        "targets": {"people": "mean"},
        "augmentation": {"views": 1},
    }
    return Recipe.model_validate(fields | changes)


class Fits:
    """Counts trainings and sanity checks, and can break a training off."""

    def __init__(self, monkeypatch, fail_at=None):
        self.labels, self.checked, self._fit, self._fail_at = [], 0, crossval.fit, fail_at
        monkeypatch.setattr(crossval, "fit", self)

    def __call__(self, recipe, videos, directory, **options):
        self.labels.append(f"{directory.parent.name}/{directory.name}")
        self.checked += options["check"]
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


def test_single_folds_can_be_trained_before_the_rest(data_file, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    assert train_folds(small(data_file, tmp_path), [2]) == [tmp_path / "crossval" / "fold2"]
    assert not (tmp_path / "crossval" / "metrics.json").exists()
    cross_validate(small(data_file, tmp_path))
    assert fits.labels == ["crossval/fold2", "crossval/fold1"]
    with pytest.raises(UsageError, match="no fold 3: there are 2, counted from 1"):
        train_folds(small(data_file, tmp_path), [1, 3])


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
    assert fits.checked == 2  # once a recipe: of `alone`, and of seed 6


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
    assert "1 videos of ovp.h5 are left out" in callbacks.path.read_text()
    first = read_predictions(found.path.with_name("fold1") / "predictions.h5").curves["video_2"]
    assert np.array_equal(read_predictions(found.path.with_name("predictions.h5")).curves["video_2"], first)
