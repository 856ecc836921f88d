"""Cross-validation: every video is predicted once, by a model that saw neither it nor chose anything by it."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff import __version__
from summdiff.atomic import written_whole
from summdiff.data.splits import Split, k_fold, write_splits
from summdiff.data.tvsum import TVSum
from summdiff.evaluation.evaluate import Evaluation
from summdiff.evaluation.evaluate import evaluate as judge_systems
from summdiff.evaluation.predictions import Predictions, write_predictions
from summdiff.training.loop import evaluate, fit, make_folder, variety
from summdiff.training.recipe import Recipe
from summdiff.training.ridge import ridge_curves
from summdiff.training.transfer import other_spaces
from summdiff.training.views import panels, ranks


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The result.

    Attributes:
        path: the JSON file.
        metrics: what is written there.
        evaluation: the model, ridge regression and the references on all videos.
    """

    path: Path
    metrics: dict[str, Any]
    evaluation: Evaluation


def cross_validate(
    recipe: Recipe, *, processes: int = 1, on_fold: Callable[[str], None] = lambda line: None
) -> CrossValidation:
    """Train and test a recipe on each fold and write `metrics.json`, `predictions.h5` and `splits.json`.

    Args:
        recipe: what to train; the files go to `crossval` in its output folder.
        processes: folds trained at the same time, with more than one each in a process of its own, all with
            `recipe.threads` threads.
        on_fold: told in a line of each fold that is finished.

    Raises:
        DataError, UsageError, OutputError: as said in one sentence.
    """
    data = TVSum(recipe.data_path())
    videos = {name: data[name] for name in data.names}
    splits = k_fold(data.names, folds=recipe.folds, validation=recipe.validation, seed=recipe.split_seed)
    directory = recipe.output / "crossval"
    make_folder(directory)

    results: dict[int, dict[str, Any]] = {}
    for fold, result in _all_folds(recipe, data.path, splits, directory, processes):
        results[fold] = result
        test = result["test"]
        on_fold(f"fold {fold + 1}/{len(splits)}  tau {test['tau']:.4f} rho {test['rho']:.4f}")

    curves = {name: results[fold]["curves"][name] for fold, split in enumerate(splits) for name in split.test}
    about = {
        "model": recipe.name,
        "selection": {
            "best": "in each fold the epoch with the best tau on its validation videos",
            "last": "the last epoch of each fold; its validation videos were held out all the same",
        }[recipe.select],
        "cross-validation": {
            "folds": len(splits),
            "split_seed": recipe.split_seed,
            "validation": recipe.validation,
            "seed": recipe.seed,
        },
        "data": {"file": data.path.name, "sha256": data.fingerprint(), "videos": len(videos)},
    }
    ours = Predictions(recipe.name, curves, about)
    penalty = "the penalty with the best tau on each fold's validation videos"
    ridge = Predictions(
        "ridge",
        {name: scores[None] for name, scores in ridge_curves(recipe, videos, splits).items()},
        about | {"model": "ridge regression on the same inputs", "selection": penalty},
    )
    evaluation = judge_systems(data, [ours, ridge], seed=recipe.seed)
    metrics = {
        "summdiff": __version__,
        "recipe": recipe.model_dump(mode="json", exclude={"data", "output", "resume"}),
        "evaluation": evaluation.to_dict(),
        "variety": _mean([_variety(curves[name]) for name in data.names]),
        "variety of the targets": _mean(
            [
                _variety(
                    panels(
                        ranks(video.need_user_scores()),
                        size=recipe.targets.panel,
                        count=1000,
                        rng=np.random.default_rng(0),
                    )
                )
                for video in videos.values()
            ]
        ),
        "other feature spaces": {
            name: _mean([fold["other feature spaces"][name] for fold in results.values()])
            for name in results[0]["other feature spaces"]
        },
        "folds": [
            {key: value for key, value in results[fold].items() if key != "curves"}
            | {"split": {part: list(names) for part, names in asdict(split).items()}}
            for fold, split in enumerate(splits)
        ],
    }
    write_predictions(directory / "predictions.h5", curves, about=about)
    write_splits(directory / "splits.json", splits)
    path = directory / "metrics.json"
    with written_whole(path) as partial:
        partial.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return CrossValidation(path=path, metrics=metrics, evaluation=evaluation)


def _all_folds(
    recipe: Recipe, path: Path, splits: Sequence[Split], directory: Path, processes: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and result of each fold, as they are finished."""
    if processes == 1:
        for fold, split in enumerate(splits):
            yield fold, _one_fold(recipe, path, split, directory / f"fold{fold}")
        return
    # Spawned, not forked: a forked torch may hang on locks of threads that the child does not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(processes, len(splits)), mp_context=context) as pool:
        jobs = {
            pool.submit(_one_fold, recipe, path, split, directory / f"fold{fold}"): fold
            for fold, split in enumerate(splits)
        }
        for job in as_completed(jobs):
            yield jobs[job], job.result()


def _one_fold(recipe: Recipe, path: Path, split: Split, directory: Path) -> dict[str, Any]:
    """Train on one fold; its quality on validation and test videos, and the curves (M, N) of the latter."""
    data = TVSum(path)
    training, validation = ([data[name] for name in names] for names in (split.train, split.validation))
    model = fit(recipe, training, validation, directory)
    test = [data[name] for name in split.test]
    spaces = other_spaces(training, seed=recipe.seed) if recipe.conditioning == "relational" else {}
    draw = recipe.diffusion
    return {
        "validation": asdict(evaluate(model, validation, recipe)) if validation else None,
        "test": asdict(evaluate(model, test, recipe)),
        "other feature spaces": {
            name: asdict(
                evaluate(model, [replace(video, features=change(video.need_features())) for video in test], recipe)
            )
            for name, change in spaces.items()
        },
        "curves": {
            video.name: model.sample(
                video.need_features(), rate=video.rate, samples=draw.samples, steps=draw.steps, seed=recipe.seed
            )
            for video in test
        },
    }


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _variety(curves: NDArray[Any]) -> dict[str, float]:
    spread, coherence = variety(curves)
    return {"spread": spread, "coherence": coherence}
