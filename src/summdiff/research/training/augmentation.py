"""Data augmentation: changed copies of a training video, for other lengths and other backbones' features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.research.training.batches import Example
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import target_curves
from summdiff.scoring.inputs import condition_of

FeatureMap = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_MIN_CROP = 24  # steps


def augmented(video: AnnotatedVideo, recipe: Recipe, number: int, rng: np.random.Generator) -> Example:
    """Return copy `number` of a video, with descriptors and the target curves (U, N) of all annotators.

    Copy 0 is the video itself, then come the randomly changed copies, then those in the named feature spaces.
    """
    options = recipe.augmentation
    copy = replace(video, features=video.need_features())
    if number >= options.views:
        copy = replace(copy, features=in_space(copy.need_features(), options.spaces[number - options.views]))
    elif number > 0:
        if rng.random() < options.crop:
            copy = crop(copy, round(len(copy.picks) * rng.uniform(0.4, 1)), rng)
        if rng.random() < options.metric:
            copy = replace(copy, features=change_metric(copy.need_features(), rng))
    return Example(
        condition=condition_of(copy.need_features(), rate=video.rate, conditioning=recipe.conditioning),
        targets=target_curves(copy, recipe.targets),
        rate=video.rate,
    )


def crop(video: AnnotatedVideo, length: int, rng: np.random.Generator) -> AnnotatedVideo:
    """Keep a random interval of `length` steps, but at least 24."""
    n = len(video.picks)
    length = min(n, max(length, _MIN_CROP))
    start = int(rng.integers(n - length + 1))
    interval = slice(start, start + length)
    return replace(
        video,
        features=video.need_features()[interval],
        picks=video.picks[interval],
        gtscore=video.gtscore[interval],
        user_scores=None if video.user_scores is None else video.user_scores[:, interval],
    )


def in_space(features: NDArray[np.float32], name: Literal["unit", "roots"]) -> NDArray[np.float32]:
    """Scale each step of features (N, D) to length 1 ("unit"), or take signed square roots ("roots")."""
    if name == "unit":
        changed: NDArray[np.float32] = features / np.linalg.norm(features, axis=1, keepdims=True).clip(min=1e-12)
    else:
        changed = np.sign(features) * np.sqrt(np.abs(features))
    return changed


def change_metric(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Imitate another backbone's features (N, D) by random changes, each with probability 1/2.

    Channels are reweighted or dropped, values raised to a power, noise added, and steps scaled to length 1.
    """
    x = features.astype(np.float64)
    D = x.shape[1]
    if rng.random() < 0.5:
        channels = rng.permutation(D)[: max(1, round(D * rng.uniform(0.1, 1)))]
        weights = np.zeros(D)  # relations ignore channels of zeros
        weights[channels] = np.exp(rng.normal(0, rng.uniform(0, 1), len(channels)))
        x = x * weights
    if rng.random() < 0.5:
        x = np.sign(x) * np.abs(x) ** rng.uniform(0.5, 1.5)
    if rng.random() < 0.5:
        x = x + rng.normal(0, rng.uniform(0, 0.3), x.shape) * x.std(axis=0)
    if rng.random() < 0.5:
        x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12)
    return x.astype(np.float32)


def other_spaces(training: Sequence[AnnotatedVideo], *, seed: int = 0) -> dict[str, FeatureMap]:
    """Return functions from features (N, D) to other feature spaces, fitted on training videos, for testing transfer.

    Relational descriptors are invariant to rotations, so these are not included.
    """
    rows = np.concatenate([video.need_features() for video in training]).astype(np.float64)
    mean, std = rows.mean(axis=0), rows.std(axis=0).clip(min=1e-6)
    values, vectors = np.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    kept = min(256, len(values))
    whitening = vectors[:, -kept:] / np.sqrt(values[-kept:].clip(min=1e-12))
    channels = np.random.default_rng(seed).permutation(len(mean))[: max(1, len(mean) // 4)]
    return {
        "a quarter of the channels": lambda x: x[:, channels],
        "square roots": lambda x: np.sign(x) * np.sqrt(np.abs(x)),
        "channels standardised": lambda x: ((x - mean) / std).astype(np.float32),
        "256 whitened components": lambda x: ((x - mean) @ whitening).astype(np.float32),
        "steps of length one": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12),
    }
