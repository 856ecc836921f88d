"""Trained and measured systems, each in its own folder, so that tables share them and nothing is trained twice.

A run is a recipe with changes, cross-validated on a data set, or trained on a whole data set and judged on another. Its
folders are named by a digest of the recipe and the data: one for training, which is large, and a small one for measured
values, which goes with the tables, so that tables can be made in several sittings and on several machines. An
interrupted run continues from its last checkpoint.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import read_json
from summdiff._version import __version__
from summdiff.atomic import make_folder, written_whole
from summdiff.data.h5 import AnnotatedFile
from summdiff.evaluation import MAIN_MEASURE, Evaluation, Predictions, evaluate, predict, read_predictions
from summdiff.research.networks.storage import load_in_torch
from summdiff.research.reproduce.measurements import MeasuredValues, Measurement, SystemRun, TableData
from summdiff.research.reproduce.sampling_study import study_samples
from summdiff.research.training.crossval import FOLD_FILE, cross_validate
from summdiff.research.training.crossval_report import predictions_file, system_name
from summdiff.research.training.logs import LOG, Callbacks
from summdiff.research.training.loop import train
from summdiff.research.training.provenance import validation_count
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.videos import to_cross_validate
from summdiff.scoring import load_model
from summdiff.scoring.model_files import WEIGHTS

_DIGITS = 6  # of a stored value


class RunFolder:
    """The folders in which runs are trained, and their values kept.

    Attributes:
        folder: of training: weights, logs, predictions.
        values: of measured values.
        place: fields of all recipes that say where training runs (`accelerator`, `threads`, …).
        processes: folds trained at the same time.
    """

    def __init__(
        self,
        folder: Path,
        values: Path,
        *,
        place: Mapping[str, Any] | None = None,
        processes: int = 1,
        callbacks: Callbacks | None = None,
    ) -> None:
        """Remember the settings; folders are made when something is written."""
        self.folder, self.values, self.place, self.processes = folder, values, dict(place or {}), processes
        self.callbacks = callbacks or Callbacks()

    def has(self, measurement: Measurement, seed: int) -> bool:
        """Return whether the values exist."""
        return self.path(measurement, seed).exists()

    def path(self, measurement: Measurement, seed: int) -> Path:
        """Return the file of the values."""
        return self.values / _name(measurement.run) / f"seed{seed}" / measurement.file

    def get(self, measurement: Measurement, seed: int) -> MeasuredValues:
        """Return the values; train and judge first if they are missing.

        Raises:
            DataError, UsageError, OutputError: as `cross_validate`.
            Interrupted: SIGINT or SIGTERM; the same call continues the run.
        """
        path = self.path(measurement, seed)
        if not path.exists():
            if measurement.target is not None:
                result = self._transfer(measurement.run, measurement.target, seed)
            elif measurement.trains:
                result = self._cross_validate(measurement.run, seed)
            else:
                self._train(measurement.run, seed)
                result = self._measure(measurement, seed)
            result["about"]["versions"] = versions()
            make_folder(path.parent)
            with written_whole(path) as partial:
                partial.write_text(json.dumps(_rounded(result)) + "\n", encoding="utf-8")
        return _read(path)

    def _train(self, run: SystemRun, seed: int) -> None:
        """Cross-validate a run if its values are missing, or its weights, which are not kept with the values."""
        trained = (self._folder(run, seed) / "crossval" / predictions_file("scores")).exists()
        if not trained:
            self.path(Measurement(run), seed).unlink(missing_ok=True)
        self.get(Measurement(run), seed)

    def recipe(self, run: SystemRun, seed: int, output: Path | None = None) -> Recipe:
        """Return the run's recipe with its output folder, device and seed."""
        here = {"seed": seed, "output": output or self._folder(run, seed)}
        return run.recipe.model_copy(update=self.place | here)

    def _folder(self, run: SystemRun, seed: int) -> Path:
        return self.folder / _name(run) / f"seed{seed}"

    def _cross_validate(self, run: SystemRun, seed: int) -> dict[str, Any]:
        recipe = self.recipe(run, seed)
        result = cross_validate(recipe, processes=self.processes, callbacks=self.callbacks, ridge=False)
        folds, main, cost = result.metrics["folds"], MAIN_MEASURE[run.data.kind], result.metrics["cost"]
        readouts = {system_name(recipe, readout): readout for readout in folds[0]["readouts"]}
        folders = [result.path.parent / f"fold{number}" for number in range(1, len(folds) + 1)]
        validation = [fold["validation"][main] for fold in folds if fold["validation"]]
        columns = {"parameters": cost["parameters"], "train_seconds": cost["train_seconds"]}
        columns |= {"predict_ms": cost["predict_ms"]}
        if validation:
            columns[f"validation_{main}"] = float(np.mean(validation))
        if recipe.network.learns is None:
            columns |= {f"sample_{name}": value for name, value in result.metrics["variety"].items()}
        for space, quality in result.metrics["other feature spaces"].items():
            columns[f"{main} on {space}"] = quality[main]
        judged = _by_readout(result.evaluation, readouts) | {
            "about": {
                "selection": result.evaluation.about[recipe.name]["selection"],
                "epochs": recipe.epochs,
                "chosen": [fold["epoch"] + 1 for fold in folds],
                "curve": _validation_curve(folders, main),
                "folds": len(folds),
                "trained_on": [len(fold["split"]["train"]) for fold in folds],
                "validated_on": [validation_count(recipe, len(fold["split"]["validation"])) for fold in folds],
                "device": _device(recipe),
                **cost,
                "columns": {"scores": columns},
            }
        }
        if recipe.network.learns is not None:  # only samplers are measured again; other weights can be a gigabyte
            for folder in folders:
                (folder / WEIGHTS).unlink(missing_ok=True)
        return judged

    def _measure(self, measurement: Measurement, seed: int) -> dict[str, Any]:
        """Measure the folds of a cross-validated run again."""
        run = measurement.run
        recipe, folder = self.recipe(run, seed), self._folder(run, seed) / "crossval"
        if measurement.offset:
            predictions = read_predictions(folder / predictions_file("scores"))
            return _with_offset(run.data.file, recipe.name, predictions, measurement.offset, seed)
        folds = to_cross_validate(recipe, lambda sentence: None)
        data = folds[0].data
        if measurement.study == "samples":
            self.callbacks.message(f"Sampling {len(folds)} folds for the study of samples.")
            models = [load_in_torch(folder / f"fold{number}") for number in range(1, len(folds) + 1)]
            tested = [(models[number], data[name]) for number, fold in enumerate(folds) for name in fold.split.test]
            return study_samples(tested, seed=seed)
        how = recipe.diffusion
        curves: dict[str, NDArray[np.float64]] = {}
        means: dict[str, NDArray[np.float64]] = {}
        began, sampled = time.perf_counter(), 0
        for number, fold in reversed(list(enumerate(folds))):  # the first fold of a video counts
            model = load_in_torch(folder / f"fold{number + 1}")
            self.callbacks.message(
                f"Sampling fold {number + 1}/{len(folds)} ({measurement.file.removesuffix('.json')})."
            )
            drawn = predict(
                model,
                fold.data,
                fold.split.test,
                samples=how.samples,
                steps=measurement.steps or how.steps,
                seed=seed,
                guidance_scale=measurement.guidance_scale,
            )
            curves |= drawn.curves
            means |= drawn.means
            sampled += len(fold.split.test)
        predict_ms = round(1000 * (time.perf_counter() - began) / sampled, 3)
        names = [name for name in data.names if name in curves]
        judged = evaluate(data, [Predictions(recipe.name, curves, means=means)], names=names, seed=seed)
        return _by_readout(judged, {recipe.name: "scores"}) | {
            "about": {"selection": "as the run that was trained", "columns": {"scores": {"predict_ms": predict_ms}}}
        }

    def _transfer(self, run: SystemRun, target: TableData, seed: int) -> dict[str, Any]:
        """Train on the run's whole data set and judge on all of another one."""
        folder = self._folder(run, seed) / "whole"
        recipe = self.recipe(run, seed, folder)
        if not (folder / FOLD_FILE).exists():
            train(recipe, callbacks=self.callbacks)
            with written_whole(folder / FOLD_FILE) as partial:
                partial.write_text("{}\n", encoding="utf-8")
        how, model = recipe.diffusion, load_model(folder)
        names = [name for name in target.file.names if target.file.feature_shape(name) is not None]
        drawn = predict(model, target.file, names, samples=how.samples, steps=how.steps, seed=seed)
        judged = evaluate(
            target.file, [Predictions(recipe.name, drawn.curves, means=drawn.means)], names=names, seed=seed
        )
        about = {"selection": model.provenance["selection"], "epochs": recipe.epochs, "device": _device(recipe)}
        about |= {"source": run.data.describe()}
        return _by_readout(judged, {recipe.name: "scores"}) | {"about": about}


def versions() -> dict[str, str]:
    """Return the versions of the package and of the libraries that numbers depend on."""
    import h5py
    import torch

    return {
        "summdiff": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "h5py": h5py.__version__,
    }


def _name(run: SystemRun) -> str:
    return f"{run.recipe.name}_{run.digest}"


def _rounded(values: Any) -> Any:
    """Return values as they are stored."""
    if isinstance(values, dict):
        return {key: _rounded(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_rounded(value) for value in values]
    return float(f"{values:.{_DIGITS}g}") if isinstance(values, float) else values


def _with_offset(data: AnnotatedFile, name: str, predictions: Predictions, offset: float, seed: int) -> dict[str, Any]:
    """Judge mean curves plus a constant, which affects the knapsack but no ranks."""
    names = [one for one in data.names if one in predictions.curves]
    means = {one: predictions.mean_at_steps(data.annotations(one)) for one in names}
    moved = Predictions(name, {one: mean[None] + offset for one, mean in means.items()})
    judged = evaluate(data, [moved], names=names, seed=seed)
    columns = {
        "median_score": float(np.mean([np.median(mean) for mean in means.values()])),
        "highest_score": float(np.mean([mean.max() for mean in means.values()])),
    }
    about = {"selection": "as the run that was trained", "columns": {"scores": columns}}
    return _by_readout(judged, {name: "scores"}) | {"about": about}


def _device(recipe: Recipe) -> str:
    """Return the name of the device that a recipe trains on."""
    import torch

    if recipe.accelerator in ("cuda", "gpu", "auto") and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} processor cores"


def _by_readout(evaluation: Evaluation, readouts: Mapping[str, str]) -> dict[str, Any]:
    """Return an evaluation's values by video, sorted by name, with its systems named by their readout."""
    order = np.argsort(evaluation.names)
    groups = evaluation.groups
    return {
        "names": [evaluation.names[i] for i in order],
        "groups": None if groups is None else [groups[i] for i in order],
        "rows": {
            readouts.get(row.name, row.name): {
                measure: values[order].tolist() for measure, values in row.values.items()
            }
            for row in (*evaluation.systems, *evaluation.references)
        },
    }


def _read(path: Path) -> MeasuredValues:
    result = read_json(path)
    rows = {
        row: {measure: np.array(column, dtype=np.float64) for measure, column in columns.items()}
        for row, columns in result["rows"].items()
    }
    groups = None if result["groups"] is None else tuple(result["groups"])
    return MeasuredValues(tuple(result["names"]), groups, rows, result["about"])


def _validation_curve(folders: Sequence[Path], measure: str) -> dict[int, float]:
    """Return the mean over folds of a validation measure by epoch, from 1, for the epochs that were validated."""
    by_epoch: dict[int, list[float]] = {}
    for folder in folders:
        if not (folder / LOG).exists():  # ridge regression has no epochs
            continue
        with (folder / LOG).open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get(measure):
                    by_epoch.setdefault(int(float(row["epoch"])) + 1, []).append(float(row[measure]))
    return {epoch: float(np.mean(values)) for epoch, values in sorted(by_epoch.items())}
