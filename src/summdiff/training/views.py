"""Changed copies of a training video, to learn what carries over to other lengths and backbones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from summdiff.data.batches import Example
from summdiff.data.video import AnnotatedVideo
from summdiff.metrics.rank import average_ranks
from summdiff.models.sampling import condition_inputs
from summdiff.training.recipe import Recipe

_SHORTEST = 24  # steps; a shorter cut says little about the video


def views(video: AnnotatedVideo, recipe: Recipe, rng: np.random.Generator) -> list[Example]:
    """The video itself, then changed copies of it, as examples to learn from; descriptors are computed on the copy."""
    how = recipe.augmentation
    made = []
    for number in range(how.views):
        features, scores = video.need_features(), video.need_user_scores()
        if number > 0:
            if rng.random() < how.crop:
                features, scores = crop(features, scores, round(len(features) * rng.uniform(0.4, 1)), rng)
            if rng.random() < how.metric:
                features = change_metric(features, rng)
        made.append(
            Example(
                inputs=condition_inputs(features, rate=video.rate, conditioning=recipe.conditioning),
                targets=ranks(scores),
                rate=video.rate,
            )
        )
    return made


def ranks(user_scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each annotator's scores (users, N) as ranks in (0, 1), ties sharing theirs.

    Annotators use the scale from 1 to 5 very differently, which ranks undo. Their mean is also what agrees best with
    all annotators in Spearman's rho.
    """
    n = user_scores.shape[1]
    return np.stack([(average_ranks(scores) - 0.5) / n for scores in user_scores]).astype(np.float32)


def panels(user_ranks: NDArray[np.float32], *, size: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Means of `count` random panels of `size` different annotators (all, if there are fewer), (count, N)."""
    members = rng.permuted(np.tile(np.arange(len(user_ranks)), (count, 1)), axis=1)[:, :size]
    means: NDArray[np.float32] = user_ranks[members].mean(axis=1)
    return means


def crop(
    features: NDArray[np.float32], scores: NDArray[np.float32], length: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keep a random stretch of `length` steps, though not less than 24."""
    n = len(features)
    length = min(n, max(length, _SHORTEST))
    start = int(rng.integers(n - length + 1))
    return features[start : start + length], scores[:, start : start + length]


def change_metric(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another network's view, from several changes that each come with even odds.

    Channels weighted anew or missing, another power, some noise, every step brought to length one.
    """
    x = features.astype(np.float64)
    D = x.shape[1]
    if rng.random() < 0.5:
        kept = rng.permutation(D)[: max(1, round(D * rng.uniform(0.1, 1)))]
        x = x[:, kept] * np.exp(rng.normal(0, rng.uniform(0, 1), len(kept)))
    if rng.random() < 0.5:
        x = np.sign(x) * np.abs(x) ** rng.uniform(0.5, 1.5)
    if rng.random() < 0.5:
        x = x + rng.normal(0, rng.uniform(0, 0.3), x.shape) * x.std(axis=0)
    if rng.random() < 0.5:
        x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12)
    return x.astype(np.float32)
