"""The report of a cross-validation: the predictions of all folds, judged together and beside ridge regression."""

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

from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.data.splits import Split, describe_splits, write_splits
from summdiff.evaluation import Evaluation, Predictions, at_judged_steps, evaluate, write_predictions
from summdiff.metrics.variety import spread_and_coherence
from summdiff.research.training.closed_form import ridge_curves
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import SINGLE_CURVE_KINDS, panels, target_curves
from summdiff.research.training.videos import Videos

_RIDGE_BYTES = 4 * 2**30  # ridge regression needs all features in memory; above this size it is left out


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A finished fold.

    Attributes:
        record: contents of `fold.json`.
        predictions: of the test videos, by readout.
    """

    record: dict[str, Any]
    predictions: Mapping[str, Predictions]


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


def summarize_folds(
    recipe: Recipe,
    folds: Sequence[Videos],
    results: Sequence[FoldResult],
    ridge: Mapping[str, NDArray[np.float64]],
    directory: Path,
) -> CrossValidation:
    """Judge the predictions of all folds together and write everything."""
    data, splits = folds[0].data, [videos.split for videos in folds]
    systems = _systems(recipe, folds, results)
    names = list(systems[0].curves)
    compared = list(systems)
    if ridge:
        about = {
            **systems[0].about,
            "model": "ridge regression on the same inputs",
            "selection": "the penalty that does best in a cross-validation among each fold's training videos",
        }
        compared.append(Predictions("ridge", {name: ridge[name][None] for name in names}, about))
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
    write_json(path, metrics)
    return CrossValidation(path=path, metrics=metrics, evaluation=evaluation)


def ridge_scores(recipe: Recipe, folds: Sequence[Videos], callbacks: Callbacks) -> dict[str, NDArray[np.float64]]:
    """Return ridge regression's scores (N,) at the judged steps; empty if the data is too large or of several files."""
    data = folds[0].data
    if folds[0].elsewhere:
        callbacks.message("There is no comparison with ridge regression, which is not trained on other files here.")
        return {}
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


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file atomically."""
    with written_whole(path) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


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
