"""How sure a mean over videos is, and whether two systems differ: resampling of videos (Efron and Tibshirani, 1993).

Videos are what varies, so whole videos are drawn, the same ones for every measure and for both systems of a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CELLS = 4_000_000  # random numbers held at a time


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over videos and where it would lie for other videos of the same kind, with 95 % confidence.

    Attributes:
        value: the mean.
        low, high: ends of the percentile bootstrap interval; both the mean itself where there is one video only.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One system less another on the same videos.

    Attributes:
        mean: mean difference and its interval.
        p: two-sided, of a permutation test that swaps the two systems' values video by video at random.
        better, worse, equal: on how many videos the first is above, below and level with the other.
    """

    mean: Mean
    p: float
    better: int
    worse: int
    equal: int


def mean_over(values: NDArray[np.float64], groups: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Mean (C,) of values (V, C) over videos; with `groups`, the mean over groups of the means within them."""
    means: NDArray[np.float64] = _weights(len(values), groups) @ values
    return means


def intervals(
    values: NDArray[np.float64], groups: Sequence[str] | None = None, *, resamples: int = 10_000, seed: int = 0
) -> list[Mean]:
    """Mean and interval of each of C measures.

    Args:
        values: (V, C), one row a video.
        groups: (V,) for a mean of groups' means (domains of YouTube Highlights): videos are drawn within their group.
        resamples: how many times V videos are drawn.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    weights = _weights(len(values), groups)
    members = [np.arange(len(values))] if groups is None else [
        np.flatnonzero(np.array(groups) == group) for group in sorted(set(groups))
    ]  # fmt: skip
    means = np.empty((resamples, values.shape[1]))
    block = max(1, _CELLS // len(values))
    for first in range(0, resamples, block):
        count = min(block, resamples - first)
        drawn = np.empty((count, len(values)))
        for group in members:
            drawn[:, group] = _drawn(len(group), count, rng)
        means[first : first + count] = (drawn * weights) @ values
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return [Mean(*map(float, ends)) for ends in zip(weights @ values, low, high, strict=True)]


def differences(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    groups: Sequence[str] | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Difference]:
    """The first system less the second, for each of C measures; the same videos in the same order, as `intervals`."""
    apart = first - second
    means = intervals(apart, groups, resamples=resamples, seed=seed)
    rng = np.random.default_rng([seed, 1])
    weights = _weights(len(apart), groups)
    beyond = np.zeros(apart.shape[1], dtype=np.int64)
    size = np.abs(weights @ apart) * (1 - 1e-12)
    block = max(1, _CELLS // len(apart))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        signs = 2.0 * rng.integers(0, 2, size=(count, len(apart)), dtype=np.int8) - 1
        beyond += (np.abs((signs * weights) @ apart) >= size).sum(axis=0)
    p = (beyond + 1) / (resamples + 1)  # the observed assignment is one of them
    return [
        Difference(
            mean=mean,
            p=float(p[c]),
            better=int((apart[:, c] > 0).sum()),
            worse=int((apart[:, c] < 0).sum()),
            equal=int((apart[:, c] == 0).sum()),
        )
        for c, mean in enumerate(means)
    ]


def _drawn(size: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(count, size) how often each of `size` videos is drawn when as many are, with replacement."""
    picked = rng.integers(0, size, size=(count, size)) + np.arange(count)[:, None] * size
    return np.bincount(picked.ravel(), minlength=count * size).reshape(count, size)


def _weights(videos: int, groups: Sequence[str] | None) -> NDArray[np.float64]:
    """(V,) what each video counts."""
    if groups is None:
        return np.full(videos, 1 / videos)
    _, which, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1 / (sizes[which] * len(sizes))
    return weights
