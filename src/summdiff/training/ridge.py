"""Ridge regression on a recipe's inputs: what a model has to beat before it is worth its trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from summdiff.data.splits import Split
from summdiff.data.video import AnnotatedVideo
from summdiff.models.sampling import condition_inputs
from summdiff.training.recipe import Recipe
from summdiff.training.targets import targets
from summdiff.training.validation import MAIN, agreement

_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def ridge_curves(
    recipe: Recipe, videos: Mapping[str, AnnotatedVideo], splits: Sequence[Split]
) -> dict[str, NDArray[np.float64]]:
    """Scores (N,) of each split's test videos by ridge regression on the same inputs and the same mean of curves.

    Each video counts the same; the penalty that does best on the validation videos is taken, or on the training videos
    where there are none. Scores are about as great as the curves that they learned from: a knapsack never takes what is
    worth 0 or less, so F1 depends on where 0 is.
    """
    inputs = {
        name: condition_inputs(video.need_features(), rate=video.rate, conditioning=recipe.conditioning).astype(
            np.float64
        )
        for name, video in videos.items()
    }
    wanted = {name: targets(video, recipe.targets).mean(axis=0, dtype=np.float64) for name, video in videos.items()}
    curves: dict[str, NDArray[np.float64]] = {}
    for split in splits:
        X = np.concatenate([inputs[name] for name in split.train])
        y = np.concatenate([wanted[name] - wanted[name].mean() for name in split.train])
        level = float(np.mean([wanted[name].mean() for name in split.train]))
        each = np.concatenate([np.full(len(wanted[name]), 1 / len(wanted[name])) for name in split.train])
        mean, std = X.mean(axis=0), X.std(axis=0).clip(min=1e-6)
        weighted = ((X - mean) / std * each[:, None]).T
        gram, target = weighted @ ((X - mean) / std), weighted @ y
        best, best_value = np.zeros(0), -np.inf
        for penalty in _PENALTIES:
            weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), target)
            value = float(
                np.mean(
                    [
                        agreement((inputs[name] - mean) / std @ weights, videos[name])[MAIN[videos[name].kind]]
                        for name in split.validation or split.train
                    ]
                )
            )
            if value > best_value:
                best, best_value = weights, value
        curves |= {name: level + (inputs[name] - mean) / std @ best for name in split.test}
    return curves
