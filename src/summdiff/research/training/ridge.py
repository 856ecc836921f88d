"""Ridge regression on a recipe's inputs: a system of its own, and what every other has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.data.splits import Split
from summdiff.data.video import AnnotatedVideo
from summdiff.evaluation import MAIN_MEASURE, judge_steps_of
from summdiff.features.relational import PLACES
from summdiff.research.networks.ridge import Ridge, RidgeConfig
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import target_curves
from summdiff.scoring.inputs import condition_inputs, count_relations

_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # for each video
_PARTS = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """A video with its inputs (N, P) and the curve (N,) to learn."""

    video: AnnotatedVideo
    inputs: NDArray[np.float32]
    wanted: NDArray[np.float64]


def fit_ridge(recipe: Recipe, videos: Mapping[str, AnnotatedVideo]) -> Ridge:
    """Ridge regression on videos, with the recipe's inputs and the mean of its target curves.

    Each video counts the same. The penalty is the one that does best in a cross-validation among the videos. Scores are
    about as great as the curves that they learned from: a knapsack never takes what is worth 0 or less, so F1 depends
    on where 0 is.
    """
    return _fit(_config(recipe, seen := _look(recipe, videos)), list(seen.values()))


def ridge_curves(
    recipe: Recipe, videos: Mapping[str, AnnotatedVideo], splits: Sequence[Split]
) -> dict[str, NDArray[np.float64]]:
    """Scores (N,) of each split's test videos by `fit_ridge` on its training videos."""
    seen = _look(recipe, videos)
    config = _config(recipe, seen)
    curves: dict[str, NDArray[np.float64]] = {}
    for split in splits:
        ridge = _fit(config, [seen[name] for name in split.train])
        curves |= {name: _predict(ridge, seen[name].inputs) for name in split.test}
    return curves


def _look(recipe: Recipe, videos: Mapping[str, AnnotatedVideo]) -> dict[str, _Seen]:
    return {
        name: _Seen(
            video,
            _inputs(video, recipe),
            target_curves(video, recipe.targets).mean(axis=0, dtype=np.float64),
        )
        for name, video in videos.items()
    }


def _inputs(video: AnnotatedVideo, recipe: Recipe) -> NDArray[np.float32]:
    inputs = condition_inputs(video.need_features(), rate=video.rate, conditioning=recipe.conditioning)
    return inputs[:, :-PLACES] if recipe.conditioning == "kinship" else inputs  # places mean nothing on their own


def _config(recipe: Recipe, seen: Mapping[str, _Seen]) -> RidgeConfig:
    inputs = next(iter(seen.values())).inputs.shape[1]
    relations = count_relations(recipe.conditioning, inputs)
    return RidgeConfig(inputs=inputs, relations=relations, power=recipe.network.features_power)


def _fit(config: RidgeConfig, seen: Sequence[_Seen]) -> Ridge:
    ridge = Ridge(config)
    parts = [seen[start :: min(_PARTS, len(seen))] for start in range(min(_PARTS, len(seen)))]
    moments = [ridge.moments([(each.inputs, each.wanted) for each in part]) for part in parts]
    values = np.zeros(len(_PENALTIES))
    for number, part in enumerate(parts):
        rest = reduce(add, [other for i, other in enumerate(moments) if i != number] or moments)
        for i, penalty in enumerate(_PENALTIES):
            ridge.fit(rest, penalty=penalty, level=_level(seen))
            values[i] += sum(
                judge_steps_of(each.video, _predict(ridge, each.inputs))[MAIN_MEASURE[each.video.kind]] for each in part
            )
    ridge.fit(reduce(add, moments), penalty=_PENALTIES[int(values.argmax())], level=_level(seen))
    return ridge


def _level(seen: Iterable[_Seen]) -> float:
    return float(np.mean([each.wanted.mean() for each in seen]))


@torch.inference_mode()
def _predict(ridge: Ridge, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    x = torch.from_numpy(inputs)[None]
    scores: NDArray[np.float64] = ridge.predict(x, torch.ones(x.shape[:2], dtype=torch.bool))[0].double().numpy()
    return scores
