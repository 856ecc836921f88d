"""Cross-validation: every video is predicted once, by a model that was not trained, validated or selected on it.

Each fold has its own folder, so an interrupted cross-validation trains no fold twice.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from summdiff._pool import TaskPool
from summdiff._untrusted import read_json
from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.data.splits import Split, describe_splits, write_splits
from summdiff.errors import DataError, UsageError, WorkerError
from summdiff.evaluation import (
    Evaluation,
    Predictions,
    at_judged_steps,
    evaluate,
    predict,
    read_predictions,
    write_predictions,
)
from summdiff.metrics.variety import spread_and_coherence
from summdiff.research.networks.inference import module_of
from summdiff.research.networks.storage import write_model
from summdiff.research.training.augmentation import other_spaces
from summdiff.research.training.checkpoint import Checkpoints
from summdiff.research.training.closed_form import ridge_curves
from summdiff.research.training.data import Videos, to_cross_validate
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit, identity, make_folder, provenance
from summdiff.research.training.processes import Interrupted, Signals
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import SINGLE_CURVE_KINDS, panels, target_curves
from summdiff.research.training.validation import quality, validate
from summdiff.scoring.model import Model

FOLD_FILE = "fold.json"
_RIDGE_BYTES = 4 * 2**30  # ridge regression needs all features in memory; above this size it is left out


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Result of a cross-validation.

    Attributes:
        path: the JSON file with the metrics.
        metrics: its contents.
        evaluation: results of the model, ridge regression and the references on all tested videos.
    """

    path: Path
    metrics: dict[str, Any]
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class FoldJob:
    """One fold of one seed, to be trained and tested."""

    recipe: Recipe
    videos: Videos
    directory: Path
    label: str
    callbacks: Callbacks

    @property
    def identity(self) -> str:
        return identity(self.recipe, self.videos)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A finished fold.

    Attributes:
        record: contents of `fold.json`.
        predictions: of the test videos, by readout.
    """

    record: dict[str, Any]
    predictions: Mapping[str, Predictions]


def cross_validate(
    recipe: Recipe, *, processes: int = 1, callbacks: Callbacks | None = None, ridge: bool = True
) -> CrossValidation:
    """Train and test a recipe on each fold; write metrics, predictions, splits, the recipe, and each fold's model.

    A finished fold is not trained again; an interrupted one resumes.

    Args:
        recipe: the recipe; files go to `crossval` in its output folder.
        processes: folds trained at the same time; if more than 1, in separate processes with `recipe.threads` threads
            each.
        callbacks: for progress; must be picklable with several processes.
        ridge: whether to compare with ridge regression on the same inputs.

    Raises:
        DataError, UsageError, OutputError: something is wrong with recipe, data or folder.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    directory = recipe.output / "crossval"
    return _cross_validate([recipe], [directory], processes, callbacks or Callbacks(), ridge=ridge)[0]


def cross_validate_seeds(
    recipe: Recipe, seeds: Sequence[int], *, processes: int = 1, callbacks: Callbacks | None = None
) -> tuple[Path, list[CrossValidation]]:
    """Cross-validate with each seed, in `crossval/seed<n>`, and write mean and deviation to `crossval/seeds.json`.

    The folds are the same for all seeds; the rest is as for `cross_validate`. Return that path and one result per seed.
    """
    directory = recipe.output / "crossval"
    recipes = [recipe.model_copy(update={"seed": seed}) for seed in seeds]
    folders = [directory / f"seed{seed}" for seed in seeds]
    results = _cross_validate(recipes, folders, processes, callbacks or Callbacks())
    path = directory / "seeds.json"
    _write_json(path, over_seeds(seeds, results))
    return path, results


def over_seeds(seeds: Sequence[int], results: Sequence[CrossValidation]) -> dict[str, Any]:
    """Return mean and standard deviation (n - 1; None for one seed) over seeds, for each system and measure."""
    rows: dict[str, dict[str, Any]] = {}
    for name, means in results[0].evaluation.means.items():
        rows[name] = {}
        for measure in means:
            values = [result.evaluation.means[name][measure].value for result in results]
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
            rows[name][measure] = {"mean": float(np.mean(values)), "sd": deviation, "values": values}
    return {"summdiff": __version__, "seeds": list(seeds), "recipe": results[0].metrics["recipe"], "rows": rows}


def system_name(recipe: Recipe, readout: str) -> str:
    """Return the name of a recipe's predictions by one readout of its model."""
    return recipe.name if readout == "scores" else f"{recipe.name} by {readout}"


def predictions_file(readout: str) -> str:
    """Return the name of the file with a readout's predictions."""
    return "predictions.h5" if readout == "scores" else f"predictions_{readout}.h5"


def _cross_validate(
    recipes: Sequence[Recipe], directories: Sequence[Path], processes: int, callbacks: Callbacks, *, ridge: bool = True
) -> list[CrossValidation]:
    """Cross-validate recipes that share data and folds; the folds of all are trained side by side."""
    if recipes[0].devices > 1:
        raise UsageError("Cross-validation distributes folds, not batches: set devices=1 and use --processes.")
    folds = to_cross_validate(recipes[0], callbacks.message)
    for videos in folds:
        if not videos.split.test:
            raise DataError(f"'{recipes[0].splits}' has a split without test videos that have features.")
    jobs = []
    for recipe, directory in zip(recipes, directories, strict=True):
        for number, videos in enumerate(folds):
            label = f"fold {number + 1}/{len(folds)}"
            if len(recipes) > 1:
                label = f"seed {recipe.seed} {label}"
            jobs.append(FoldJob(recipe, videos, directory / f"fold{number + 1}", label, callbacks.with_label(label)))
    for directory in directories:
        make_folder(directory)
    results: dict[int, FoldResult] = {}
    for number, result in _run_jobs(jobs, processes, callbacks):
        results[number] = result
        measures = " ".join(f"{name} {value:.4f}" for name, value in result.record["test"].items())
        callbacks.message(f"{jobs[number].label} is finished: {measures}")
    ridge_scores = _ridge_scores(recipes[0], folds, callbacks) if ridge else {}
    summaries = []
    for i, (recipe, directory) in enumerate(zip(recipes, directories, strict=True)):
        own = [results[number] for number in range(i * len(folds), (i + 1) * len(folds))]
        summaries.append(_summarize(recipe, folds, own, ridge_scores, directory))
    return summaries


def _run_jobs(jobs: Sequence[FoldJob], processes: int, callbacks: Callbacks) -> Iterator[tuple[int, FoldResult]]:
    """Yield number and result of each job: finished folds first, then the others in order of completion."""
    waiting = []
    for number, job in enumerate(jobs):
        finished = _read_fold(job)
        if finished is None:
            waiting.append(number)
        else:
            yield number, finished
    if processes == 1:
        for number in waiting:
            yield number, run_fold(jobs[number])
        return
    pool = TaskPool(run_fold, processes, nested=True)
    with Signals(on_signal=lambda number: pool.terminate()) as signals, pool:
        tasks = [jobs[number] for number in waiting]

        def announce(running: Sequence[int], remaining: int) -> None:
            labels = ", ".join(tasks[index].label for index in running)
            callbacks.message(f"Running {labels}; {remaining} more to come.")

        try:
            for index, result in pool.run(tasks, announce):
                yield waiting[index], result
        except (Interrupted, WorkerError) as error:
            if signals.received:
                raise Interrupted("Stopped; the same command goes on from there.", signals.received) from error
            raise


def run_fold(job: FoldJob) -> FoldResult:
    """Train on one fold, judge its validation and test videos, and write results and model."""
    recipe, videos, directory = job.recipe, job.videos, job.directory
    data, split = videos.data, videos.split
    trained = fit(recipe, videos, directory, callbacks=job.callbacks)
    assert trained is not None  # noqa: S101 (not a dry run)
    model, sampling = trained.model, recipe.diffusion
    validation = validate(model, (data[name] for name in split.validation), recipe) if split.validation else None
    predictions: dict[str, Predictions] = {}
    milliseconds = []
    for readout in model.readouts:
        started = time.perf_counter()
        predictions[readout] = predict(
            model,
            data,
            split.test,
            samples=sampling.samples,
            steps=sampling.steps,
            seed=recipe.seed,
            readout=readout,
        )
        milliseconds.append(1000 * (time.perf_counter() - started) / len(split.test))
    first = predictions[model.readouts[0]]
    test = quality((first.means[name], first.curves[name], data.annotations(name)) for name in split.test)
    record = {
        "identity": job.identity,
        "readouts": list(model.readouts),
        "epoch": trained.epoch,
        "validation": validation.values if validation else None,
        "test": test.values,
        "other feature spaces": _quality_in_other_spaces(job, model),
        "parameters": sum(weight.numel() for weight in module_of(model).parameters() if weight.requires_grad),
        "train_seconds": round(trained.seconds, 3),
        "predict_ms": round(milliseconds[0], 3),
        "peak_memory_mb": peak_memory(),
        "split": {part: list(getattr(split, part)) for part in ("train", "validation", "test")},
    }
    for readout, predicted in predictions.items():
        path = directory / predictions_file(readout)
        write_predictions(path, predicted.curves, about=predicted.about, means=predicted.means)
    write_model(model, directory, provenance=provenance(recipe, videos))
    _write_json(directory / FOLD_FILE, record)
    Checkpoints(directory, job.identity).remove()
    return FoldResult(record, predictions)


def _read_fold(job: FoldJob) -> FoldResult | None:
    """Return the result of a fold that was finished with the same recipe and data, else None."""
    if job.recipe.resume == "never":
        return None
    try:
        record = read_json(job.directory / FOLD_FILE)
        if record.get("identity") != job.identity:
            return None
        paths = {readout: job.directory / predictions_file(readout) for readout in record["readouts"]}
        return FoldResult(record, {readout: read_predictions(path) for readout, path in paths.items()})
    except (OSError, ValueError, AttributeError, KeyError, DataError):
        return None


def _quality_in_other_spaces(job: FoldJob, model: Model) -> dict[str, dict[str, float]]:
    """Return the quality on the test videos in feature spaces like those of other backbones, if the recipe asks."""
    recipe, data, split = job.recipe, job.videos.data, job.videos.split
    if not recipe.other_spaces:
        return {}
    result = {}
    for space, change in other_spaces([data[name] for name in split.train], seed=recipe.seed).items():
        changed = (replace(data[name], features=change(data[name].need_features())) for name in split.test)
        result[space] = validate(model, changed, recipe).values
    return result


def _ridge_scores(recipe: Recipe, folds: Sequence[Videos], callbacks: Callbacks) -> dict[str, NDArray[np.float64]]:
    """Return ridge regression's scores (N,) at the judged steps; empty if the data is too large."""
    data = folds[0].data
    if 8 * sum(math.prod(data.feature_shape(name) or (0,)) for name in data.names) > _RIDGE_BYTES:
        callbacks.message("The data is too large for a comparison with ridge regression.")
        return {}
    names = {
        name for videos in folds for part in ("train", "validation", "test") for name in getattr(videos.split, part)
    }
    videos = {name: data[name] for name in sorted(names)}
    # Reversed: the first prediction of a video counts.
    curves = ridge_curves(recipe, videos, [fold.split for fold in reversed(folds)])
    return {
        name: at_judged_steps(scores[None], videos[name], data.annotations(name))[0] for name, scores in curves.items()
    }


def _summarize(
    recipe: Recipe,
    folds: Sequence[Videos],
    results: Sequence[FoldResult],
    ridge_scores: Mapping[str, NDArray[np.float64]],
    directory: Path,
) -> CrossValidation:
    """Judge the predictions of all folds together and write everything."""
    data, splits = folds[0].data, [videos.split for videos in folds]
    systems = _systems(recipe, folds, results)
    names = list(systems[0].curves)
    compared = list(systems)
    if ridge_scores:
        about = {
            **systems[0].about,
            "model": "ridge regression on the same inputs",
            "selection": "the penalty that does best in a cross-validation among each fold's training videos",
        }
        compared.append(Predictions("ridge", {name: ridge_scores[name][None] for name in names}, about))
    evaluation = evaluate(data, compared, names=names, seed=recipe.seed)
    records = [result.record for result in results]
    metrics: dict[str, Any] = {
        "summdiff": __version__,
        "recipe": recipe.stated(),
        "evaluation": evaluation.to_dict(),
        "variety": _variety([spread_and_coherence(systems[0].curves[name]) for name in names]),
        "variety of the targets": _variety_of_targets(recipe, folds[0], names),
        "other feature spaces": {
            space: _mean([record["other feature spaces"][space] for record in records])
            for space in records[0]["other feature spaces"]
        },
        "cost": _cost(records),
        "folds": [{key: value for key, value in record.items() if key != "identity"} for record in records],
    }
    for readout, predictions in zip(records[0]["readouts"], systems, strict=True):
        path = directory / predictions_file(readout)
        write_predictions(path, predictions.curves, about=predictions.about, means=predictions.means)
    write_splits(directory / "splits.json", splits)
    with written_whole(directory / "recipe.yaml") as partial:
        partial.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    path = directory / "metrics.json"
    _write_json(path, metrics)
    return CrossValidation(path=path, metrics=metrics, evaluation=evaluation)


def _systems(recipe: Recipe, folds: Sequence[Videos], results: Sequence[FoldResult]) -> list[Predictions]:
    """Join the folds' predictions, one set for each readout of the model."""
    data, splits = folds[0].data, [videos.split for videos in folds]
    systems = []
    for readout in results[0].record["readouts"]:
        curves: dict[str, NDArray[np.float64]] = {}
        means: dict[str, NDArray[np.float64]] = {}
        for result in reversed(results):  # the first prediction of a video counts
            curves |= result.predictions[readout].curves
            means |= result.predictions[readout].means
        names = [name for name in data.names if name in curves]
        about = {
            "model": recipe.name,
            "selection": _selection(recipe, splits),
            "cross-validation": {
                "folds": len(splits),
                "split_seed": recipe.split_seed,
                "validation": recipe.validation,
                "seed": recipe.seed,
                "splits": recipe.splits.name if recipe.splits else None,
                "tested in several": len(describe_splits(splits, names).repeated),
            },
            "data": folds[0].describe(),
        }
        own_curves, own_means = {name: curves[name] for name in names}, {name: means[name] for name in names}
        systems.append(Predictions(system_name(recipe, readout), own_curves, about, means=own_means))
    return systems


def _selection(recipe: Recipe, splits: Sequence[Split]) -> str:
    if recipe.select == "best":
        return "in each fold the epoch that did best on its validation videos"
    if any(split.validation for split in splits):
        return "the last epoch of each fold; its validation videos were held out all the same"
    return "the last epoch of each fold, trained on all of its other videos; settings were chosen before"


def _cost(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tested = [len(record["split"]["test"]) for record in records]
    predicting = sum(record["predict_ms"] * count for record, count in zip(records, tested, strict=True))
    return {
        "parameters": records[0]["parameters"],
        "train_seconds": round(sum(record["train_seconds"] for record in records), 3),
        "predict_ms": round(predicting / sum(tested), 3),
        "peak_memory_mb": max((record["peak_memory_mb"] or 0.0 for record in records), default=0.0) or None,
    }


def _variety_of_targets(recipe: Recipe, videos: Videos, names: Sequence[str]) -> dict[str, float] | None:
    """Return the variety of the training curves; None if each video has a single one."""
    targets = recipe.targets
    if videos.data.kind in SINGLE_CURVE_KINDS or targets.people == "mean":
        return None
    size = targets.panel if targets.people == "panels" else 1
    rows = []
    for name in names:
        curves = target_curves(videos.data[name], targets)
        rows.append(spread_and_coherence(panels(curves, size=size, count=1000, rng=np.random.default_rng(0))))
    return _variety(rows)


def _variety(rows: Sequence[tuple[float, float]]) -> dict[str, float]:
    spread, coherence = np.mean(rows, axis=0)
    return {"spread": float(spread), "coherence": float(coherence)}


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows if key in row])) for key in rows[0]}


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    with written_whole(path) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def peak_memory() -> float | None:
    """Return this process's peak memory in MiB; None if unknown."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: `getrusage` of a spawned process includes the memory of its parent.
        match = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return round(int(match[1]) / 1024, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)
