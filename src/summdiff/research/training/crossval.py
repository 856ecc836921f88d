"""Cross-validation: every video is predicted once, by a model that saw neither it nor chose anything by it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from summdiff import __version__
from summdiff.atomic import written_whole
from summdiff.data.splits import Split, describe_splits, write_splits
from summdiff.errors import DataError, UsageError
from summdiff.evaluation import Evaluation, Predictions, at_judged_steps, write_predictions
from summdiff.evaluation import evaluate as judge_systems
from summdiff.metrics.variety import spread_and_coherence
from summdiff.research.training.folds import Fold, FoldJob, predictions_file, run_folds
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import make_folder
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.ridge import ridge_curves
from summdiff.research.training.targets import ONE_CURVE, panels, targets
from summdiff.research.training.videos import Videos, to_cross_validate

_RIDGE = 4 * 2**30  # bytes of features up to which ridge regression, which takes all at once, is set beside the model


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The result.

    Attributes:
        path: the JSON file.
        metrics: what is written there.
        evaluation: the model, ridge regression and the references on all tested videos.
    """

    path: Path
    metrics: dict[str, Any]
    evaluation: Evaluation


def cross_validate(
    recipe: Recipe, *, processes: int = 1, callbacks: Callbacks | None = None, ridge: bool = True
) -> CrossValidation:
    """Train and test a recipe on each fold and write metrics, predictions, splits, the recipe, and each fold's model.

    A fold that is finished is not trained again, one that was interrupted goes on.

    Args:
        recipe: what to train; the files go to `crossval` in its output folder.
        processes: folds trained at the same time, with more than one each in a process of its own, all with
            `recipe.threads` threads.
        callbacks: told how it goes; with several processes it must be possible to pickle.
        ridge: whether ridge regression on the same inputs is set beside the model.

    Raises:
        DataError, UsageError, OutputError: as said in one sentence.
        Interrupted: by SIGINT or SIGTERM; the same call goes on.
    """
    return _all([recipe], [recipe.output / "crossval"], processes, callbacks or Callbacks(), ridge=ridge)[0]


def cross_validate_seeds(
    recipe: Recipe, seeds: Sequence[int], *, processes: int = 1, callbacks: Callbacks | None = None
) -> tuple[Path, list[CrossValidation]]:
    """Cross-validate with each seed, in `crossval/seed<n>`, and write mean and deviation to `crossval/seeds.json`.

    The folds are the same; the rest is as for `cross_validate`. Returns that path and the results, one a seed.
    """
    directory = recipe.output / "crossval"
    recipes = [recipe.model_copy(update={"seed": seed}) for seed in seeds]
    results = _all(recipes, [directory / f"seed{seed}" for seed in seeds], processes, callbacks or Callbacks())
    path = directory / "seeds.json"
    with written_whole(path) as partial:
        partial.write_text(json.dumps(over_seeds(seeds, results), indent=1) + "\n", encoding="utf-8")
    return path, results


def over_seeds(seeds: Sequence[int], results: Sequence[CrossValidation]) -> dict[str, Any]:
    """Mean and standard deviation (n - 1; none of one seed) over seeds of each system and measure."""
    rows: dict[str, dict[str, Any]] = {}
    for name in results[0].evaluation.means:
        rows[name] = {}
        for measure in results[0].evaluation.means[name]:
            values = [result.evaluation.means[name][measure].value for result in results]
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
            rows[name][measure] = {"mean": float(np.mean(values)), "sd": deviation, "values": values}
    return {"summdiff": __version__, "seeds": list(seeds), "recipe": results[0].metrics["recipe"], "rows": rows}


def _all(
    recipes: Sequence[Recipe], directories: Sequence[Path], processes: int, callbacks: Callbacks, *, ridge: bool = True
) -> list[CrossValidation]:
    """Cross-validations that share data and folds, their folds trained side by side."""
    if recipes[0].devices > 1:
        raise UsageError("Cross-validation shares out folds, not batches: set devices=1 and use --processes.")
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
            jobs.append(FoldJob(recipe, videos, directory / f"fold{number}", label, callbacks.with_label(label)))
    for directory in directories:
        make_folder(directory)
    found: list[Fold | None] = [None] * len(jobs)
    for number, fold in run_folds(jobs, processes, callbacks):
        found[number] = fold
        main = " ".join(f"{name} {value:.4f}" for name, value in fold.result["test"].items())
        callbacks.message(f"{jobs[number].label} is finished: {main}")
    done = [fold for fold in found if fold is not None]
    beside = _ridge(recipes[0], folds, callbacks) if ridge else {}
    return [
        _summed_up(recipe, folds, done[i * len(folds) : (i + 1) * len(folds)], beside, directory)
        for i, (recipe, directory) in enumerate(zip(recipes, directories, strict=True))
    ]


def system_name(recipe: Recipe, readout: str) -> str:
    """What a recipe's row is called, by how its model is read."""
    return recipe.name if readout == "scores" else f"{recipe.name} by {readout}"


def _ridge(recipe: Recipe, folds: Sequence[Videos], callbacks: Callbacks) -> dict[str, NDArray[np.float64]]:
    """Ridge regression's curves (N,), at the steps that are judged; none where there is too much data."""
    if _bytes(folds[0]) > _RIDGE:
        callbacks.message("The data is too large to set ridge regression beside the model.")
        return {}
    data = folds[0].data
    names = {
        name for videos in folds for part in ("train", "validation", "test") for name in getattr(videos.split, part)
    }
    videos = {name: data[name] for name in sorted(names)}
    # A video that several splits test counts as its first one predicts it.
    curves = ridge_curves(recipe, videos, [fold.split for fold in reversed(folds)])
    return {
        name: at_judged_steps(scores[None], videos[name], data.annotations(name))[0] for name, scores in curves.items()
    }


def _bytes(videos: Videos) -> int:
    return 8 * sum(math.prod(videos.data.feature_shape(name) or (0,)) for name in videos.data.names)


def _summed_up(
    recipe: Recipe,
    folds: Sequence[Videos],
    results: Sequence[Fold],
    ridge: Mapping[str, NDArray[np.float64]],
    directory: Path,
) -> CrossValidation:
    """Judge the folds' predictions together and write everything."""
    data, splits = folds[0].data, [videos.split for videos in folds]
    readouts = results[0].result["readouts"]
    everything: dict[str, dict[str, NDArray[np.float64]]] = {readout: {} for readout in readouts}
    means: dict[str, dict[str, NDArray[np.float64]]] = {readout: {} for readout in readouts}
    for fold in reversed(results):
        for readout in readouts:
            everything[readout] |= fold.predictions[readout].curves
            means[readout] |= fold.predictions[readout].means
    curves = everything[readouts[0]]
    names = [name for name in data.names if name in curves]
    coverage = describe_splits(splits, names)
    about = {
        "model": recipe.name,
        "selection": _selection(recipe, splits),
        "cross-validation": {
            "folds": len(splits),
            "split_seed": recipe.split_seed,
            "validation": recipe.validation,
            "seed": recipe.seed,
            "splits": recipe.splits.name if recipe.splits else None,
            "tested in several": len(coverage.repeated),
        },
        "data": folds[0].describe(),
    }
    systems = [
        Predictions(
            system_name(recipe, readout),
            {name: found[name] for name in names},
            about,
            means={name: means[readout][name] for name in names},
        )
        for readout, found in everything.items()
    ]
    if ridge:
        penalty = "the penalty that does best in a cross-validation among each fold's training videos"
        systems.append(
            Predictions(
                "ridge",
                {name: ridge[name][None] for name in names},
                about | {"model": "ridge regression on the same inputs", "selection": penalty},
            )
        )
    evaluation = judge_systems(data, systems, names=names, seed=recipe.seed)
    each = [fold.result for fold in results]
    metrics: dict[str, Any] = {
        "summdiff": __version__,
        "recipe": recipe.stated(),
        "evaluation": evaluation.to_dict(),
        "variety": _variety([spread_and_coherence(curves[name]) for name in names]),
        "variety of the targets": _variety_of_targets(recipe, folds[0], names),
        "other feature spaces": {
            space: _mean([fold["other feature spaces"][space] for fold in each])
            for space in each[0]["other feature spaces"]
        },
        "cost": {
            "parameters": each[0]["parameters"],
            "train_seconds": round(sum(fold["train_seconds"] for fold in each), 3),
            "predict_ms": round(
                sum(fold["predict_ms"] * len(fold["split"]["test"]) for fold in each)
                / sum(len(fold["split"]["test"]) for fold in each),
                3,
            ),
            "peak_memory_mb": max((fold["peak_memory_mb"] or 0.0 for fold in each), default=0.0) or None,
        },
        "folds": [{key: value for key, value in fold.items() if key != "identity"} for fold in each],
    }
    for readout, predictions in zip(readouts, systems, strict=False):  # ridge regression comes after them
        path = directory / predictions_file(readout)
        write_predictions(path, predictions.curves, about=about, means=predictions.means)
    write_splits(directory / "splits.json", splits)
    with written_whole(directory / "recipe.yaml") as partial:
        partial.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    path = directory / "metrics.json"
    with written_whole(path) as partial:
        partial.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return CrossValidation(path=path, metrics=metrics, evaluation=evaluation)


def _selection(recipe: Recipe, splits: Sequence[Split]) -> str:
    if recipe.select == "best":
        return "in each fold the epoch that did best on its validation videos"
    if any(split.validation for split in splits):
        return "the last epoch of each fold; its validation videos were held out all the same"
    return "the last epoch of each fold, trained on all of its other videos; settings were chosen before"


def _variety_of_targets(recipe: Recipe, videos: Videos, names: Sequence[str]) -> dict[str, float] | None:
    """How different the curves are that the model learned from; None where each video has one."""
    how = recipe.targets
    if videos.data.kind in ONE_CURVE or how.people == "mean":
        return None
    size = how.panel if how.people == "panels" else 1
    return _variety(
        [
            spread_and_coherence(
                panels(targets(videos.data[name], how), size=size, count=1000, rng=np.random.default_rng(0))
            )
            for name in names
        ]
    )


def _variety(rows: Sequence[tuple[float, float]]) -> dict[str, float]:
    spread, coherence = np.mean(rows, axis=0)
    return {"spread": float(spread), "coherence": float(coherence)}


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows if key in row])) for key in rows[0]}
