"""Ridge regression on a recipe's inputs: a system, and the baseline of every cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.data.splits import Split
from summdiff.data.video import AnnotatedVideo
from summdiff.evaluation import MAIN_MEASURE, judge_steps_of
from summdiff.research.networks._statistics import Statistics, relation_weights
from summdiff.research.networks.ridge import Ridge, RidgeConfig
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import target_curves
from summdiff.scoring.inputs import Condition, condition_of

_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # for each video
_PARTS = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """A video with its condition and the curve (N,) to learn."""

    video: AnnotatedVideo
    condition: Condition
    wanted: NDArray[np.float64]


def fit_ridge(recipe: Recipe, videos: Mapping[str, AnnotatedVideo]) -> Ridge:
    """Fit ridge regression to videos, with the recipe's inputs and the mean of its target curves.

    All videos weigh the same. A cross-validation among the videos selects the penalty. Scores are on the scale of the
    training curves: a knapsack never takes segments of value 0 or less, so F1 depends on the zero of the scores.
    """
    return _fit(list(_look(recipe, videos).values()))


def ridge_curves(
    recipe: Recipe, videos: Mapping[str, AnnotatedVideo], splits: Sequence[Split]
) -> dict[str, NDArray[np.float64]]:
    """Return scores (N,) of each split's test videos by `fit_ridge` on its training videos."""
    seen = _look(recipe, videos)
    curves: dict[str, NDArray[np.float64]] = {}
    for split in splits:
        ridge = _fit([seen[name] for name in split.train])
        curves |= {name: _predict(ridge, seen[name].condition) for name in split.test}
    return curves


def _look(recipe: Recipe, videos: Mapping[str, AnnotatedVideo]) -> dict[str, _Seen]:
    return {
        name: _Seen(
            video,
            condition_of(video.need_features(), rate=video.rate, conditioning=recipe.conditioning),
            target_curves(video, recipe.targets).mean(axis=0, dtype=np.float64),
        )
        for name, video in videos.items()
    }


def _fit(seen: Sequence[_Seen]) -> Ridge:
    first = seen[0].condition
    ridge, weights = Ridge(RidgeConfig(inputs=first.inputs.shape[1])), relation_weights(first)
    level = float(np.mean([one.wanted.mean() for one in seen]))
    parts = [seen[start :: min(_PARTS, len(seen))] for start in range(min(_PARTS, len(seen)))]
    statistics = [Statistics.of((one.condition, one.wanted) for one in part) for part in parts]
    values = np.zeros(len(_PENALTIES))
    for number, part in enumerate(parts):
        rest = reduce(add, [other for i, other in enumerate(statistics) if i != number] or statistics)
        for i, penalty in enumerate(_PENALTIES):
            ridge.fit(rest, penalty=penalty, relation_weights=weights, level=level)
            values[i] += sum(
                judge_steps_of(one.video, _predict(ridge, one.condition))[MAIN_MEASURE[one.video.kind]] for one in part
            )
    best = _PENALTIES[int(values.argmax())]
    ridge.fit(reduce(add, statistics), penalty=best, relation_weights=weights, level=level)
    return ridge


@torch.inference_mode()
def _predict(ridge: Ridge, condition: Condition) -> NDArray[np.float64]:
    x = torch.from_numpy(condition.inputs)[None]
    scores: NDArray[np.float64] = ridge.predict(x, torch.ones(x.shape[:2], dtype=torch.bool))[0].double().numpy()
    return scores
