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
from summdiff.data.splits import Split, k_fold
from summdiff.data.tvsum import TVSum
from summdiff.data.video import AnnotatedVideo
from summdiff.metrics.rank import kendall_tau, spearman_rho
from summdiff.models.sampling import condition_inputs
from summdiff.training.loop import evaluate, fit, make_folder, variety
from summdiff.training.recipe import Recipe
from summdiff.training.transfer import other_spaces
from summdiff.training.views import panels, ranks

_RIDGE_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The result: `metrics` as written to the JSON file `path`."""

    path: Path
    metrics: dict[str, Any]

    def table(self) -> list[tuple[str, dict[str, float]]]:
        """Rows to print: the model, then what it is to be compared with."""
        return [(self.metrics["recipe"]["name"], self.metrics["overall"]), *self.metrics["reference"].items()]


def cross_validate(
    recipe: Recipe, *, processes: int = 1, on_fold: Callable[[str], None] = lambda line: None
) -> CrossValidation:
    """Train and test a recipe on each fold and write `metrics.json` and `predictions.npz`.

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

    curves = {name: result["curves"][name] for result in results.values() for name in result["curves"]}
    rows = {name: _agreement(curves[name].mean(axis=0), videos[name]) for name in data.names}
    metrics = {
        "summdiff": __version__,
        "recipe": recipe.model_dump(mode="json", exclude={"data", "output", "resume"}),
        "data": {"file": data.path.name, "sha256": data.fingerprint(), "videos": len(videos)},
        "measure": "Kendall tau-b and Spearman rho of the mean of the samples with each annotator, "
        "mean over annotators, then videos (Otani et al. 2019)",
        "selection": {
            "best": "in each fold the epoch with the best tau on its validation videos",
            "last": "none: the last epoch; validation videos were held out all the same",
        }[recipe.select],
        "overall": _mean([rows[name] | _variety(curves[name]) for name in data.names]),
        "other feature spaces": {
            name: _mean([fold["other feature spaces"][name] for fold in results.values()])
            for name in results[0]["other feature spaces"]
        },
        "folds": [
            {key: value for key, value in results[fold].items() if key != "curves"}
            | {"split": {part: list(names) for part, names in asdict(split).items()}}
            for fold, split in enumerate(splits)
        ],
        "reference": {
            "random": _mean([_agreement(_random(video, recipe.seed), video) for video in videos.values()]),
            "ridge": _ridge(recipe, videos, splits),
            "annotator with annotator": _mean([_among(video) for video in videos.values()]),
            "mean annotator (ceiling)": _mean(
                [_agreement(video.need_user_scores().mean(axis=0), video) for video in videos.values()]
            ),
        },
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
        "videos": rows,
    }
    with written_whole(directory / "predictions.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, **curves)
    path = directory / "metrics.json"
    with written_whole(path) as partial:
        partial.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return CrossValidation(path=path, metrics=metrics)


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


def _agreement(scores: NDArray[Any], video: AnnotatedVideo) -> dict[str, float]:
    users = video.need_user_scores()
    return {"tau": kendall_tau(scores, users), "rho": spearman_rho(scores, users)}


def _among(video: AnnotatedVideo) -> dict[str, float]:
    """Each annotator against each other one."""
    users = video.need_user_scores()
    rows = []
    for i, scores in enumerate(users):
        others = np.delete(users, i, axis=0)
        rows.append({"tau": kendall_tau(scores, others), "rho": spearman_rho(scores, others)})
    return _mean(rows)


def _random(video: AnnotatedVideo, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng([seed, len(video.picks)]).random(len(video.picks))


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _variety(curves: NDArray[Any]) -> dict[str, float]:
    spread, coherence = variety(curves)
    return {"spread": spread, "coherence": coherence}


def _ridge(recipe: Recipe, videos: dict[str, AnnotatedVideo], splits: Sequence[Split]) -> dict[str, float]:
    """Ridge regression on the same inputs and the same mean of ranks; its penalty is chosen on validation videos."""
    inputs = {
        name: condition_inputs(video.need_features(), rate=video.rate, conditioning=recipe.conditioning)
        for name, video in videos.items()
    }
    inputs = {name: values.astype(np.float64) for name, values in inputs.items()}
    wanted = {name: ranks(video.need_user_scores()).mean(axis=0, dtype=np.float64) for name, video in videos.items()}
    rows = []
    for split in splits:
        X = np.concatenate([inputs[name] for name in split.train])
        y = np.concatenate([wanted[name] - wanted[name].mean() for name in split.train])
        each = np.concatenate([np.full(len(wanted[name]), 1 / len(wanted[name])) for name in split.train])
        mean, std = X.mean(axis=0), X.std(axis=0).clip(min=1e-6)
        X = (X - mean) / std
        candidates = [
            np.linalg.solve((X * each[:, None]).T @ X + penalty * np.eye(X.shape[1]), (X * each[:, None]).T @ y)
            for penalty in _RIDGE_PENALTIES
        ]

        def quality(name: str, weights: NDArray[np.float64], mean: Any = mean, std: Any = std) -> dict[str, float]:
            return _agreement((inputs[name] - mean) / std @ weights, videos[name])

        judged = split.validation or split.train
        best = max(candidates, key=lambda weights: np.mean([quality(name, weights)["tau"] for name in judged]))
        rows += [quality(name, best) for name in split.test]
    return _mean(rows)
