"""Changed copies of a training video, to learn what carries over to other lengths and backbones."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.research.training.batches import Example
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import target_curves
from summdiff.scoring.inputs import condition_inputs

_SHORTEST = 24  # steps; a shorter cut says little about the video


def view(video: AnnotatedVideo, recipe: Recipe, number: int, rng: np.random.Generator) -> Example:
    """View 0 is the video itself, any other a changed copy; descriptors are computed on the copy.

    After the random ones come those of the named spaces. The example's targets are the curves (U, N) of all annotators.
    """
    how = recipe.augmentation
    seen = replace(video, features=video.need_features())
    if number >= how.views:
        seen = replace(seen, features=in_space(seen.need_features(), how.spaces[number - how.views]))
    elif number > 0:
        if rng.random() < how.crop:
            seen = crop(seen, round(len(seen.picks) * rng.uniform(0.4, 1)), rng)
        if rng.random() < how.metric:
            seen = replace(seen, features=change_metric(seen.need_features(), rng))
    return Example(
        inputs=condition_inputs(seen.need_features(), rate=video.rate, conditioning=recipe.conditioning),
        targets=target_curves(seen, recipe.targets),
        rate=video.rate,
    )


def crop(video: AnnotatedVideo, length: int, rng: np.random.Generator) -> AnnotatedVideo:
    """Keep a random stretch of `length` steps, though not less than 24: features, scores, and their places."""
    n = len(video.picks)
    length = min(n, max(length, _SHORTEST))
    start = int(rng.integers(n - length + 1))
    kept = slice(start, start + length)
    return replace(
        video,
        features=video.need_features()[kept],
        picks=video.picks[kept],
        gtscore=video.gtscore[kept],
        user_scores=None if video.user_scores is None else video.user_scores[:, kept],
    )


def in_space(features: NDArray[np.float32], name: Literal["unit", "roots"]) -> NDArray[np.float32]:
    """Features (N, D) with each step at length one, or the square roots of their sizes."""
    if name == "unit":
        found: NDArray[np.float32] = features / np.linalg.norm(features, axis=1, keepdims=True).clip(min=1e-12)
    else:
        found = np.sign(features) * np.sqrt(np.abs(features))
    return found


def change_metric(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another network's view, from several changes that each come with even odds.

    Channels weighted anew or missing, another power, some noise, every step brought to length one.
    """
    x = features.astype(np.float64)
    D = x.shape[1]
    if rng.random() < 0.5:
        kept = rng.permutation(D)[: max(1, round(D * rng.uniform(0.1, 1)))]
        weights = np.zeros(D)  # to relations a channel of zeros is as good as none
        weights[kept] = np.exp(rng.normal(0, rng.uniform(0, 1), len(kept)))
        x = x * weights
    if rng.random() < 0.5:
        x = np.sign(x) * np.abs(x) ** rng.uniform(0.5, 1.5)
    if rng.random() < 0.5:
        x = x + rng.normal(0, rng.uniform(0, 0.3), x.shape) * x.std(axis=0)
    if rng.random() < 0.5:
        x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12)
    return x.astype(np.float32)
