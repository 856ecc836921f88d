"""Confidence intervals and paired tests by resampling videos (Efron and Tibshirani, 1993).

Whole videos are drawn, the same ones for every measure and for both systems of a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CELLS = 4_000_000  # random numbers at a time; bounds memory


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over videos with its 95% percentile bootstrap interval.

    Attributes:
        value: the mean.
        low, high: ends of the interval; both equal the mean if there is only one video.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of two systems on the same videos.

    Attributes:
        mean: mean difference.
        p: two-sided p-value of a permutation test that swaps the systems' values video by video at random.
        better, worse, equal: number of videos on which the first system is above, below and equal to the second.
    """

    mean: Estimate
    p: float
    better: int
    worse: int
    equal: int


def mean_over(values: NDArray[np.float64], groups: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Return the mean (C,) of values (V, C) over videos; with `groups`, the mean over groups of their means."""
    means: NDArray[np.float64] = _weights(len(values), groups) @ values
    return means


def intervals(
    values: NDArray[np.float64], groups: Sequence[str] | None = None, *, resamples: int = 10_000, seed: int = 0
) -> list[Estimate]:
    """Return mean and interval of each of C measures.

    Args:
        values: (V, C), one row per video.
        groups: (V,) group of each video, for the mean of the groups' means (domains of YouTube Highlights): videos are
            drawn within their group.
        resamples: number of times that V videos are drawn.
        seed: seed of the draws.
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
    return [Estimate(*map(float, ends)) for ends in zip(weights @ values, low, high, strict=True)]


def differences(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    groups: Sequence[str] | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[PairedDifference]:
    """Subtract the second system (V, C) from the first, measure by measure; arguments as for `intervals`."""
    difference = first - second
    means = intervals(difference, groups, resamples=resamples, seed=seed)
    rng = np.random.default_rng([seed, 1])
    weights = _weights(len(difference), groups)
    beyond = np.zeros(difference.shape[1], dtype=np.int64)
    size = np.abs(weights @ difference) * (1 - 1e-12)
    block = max(1, _CELLS // len(difference))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        signs = 2.0 * rng.integers(0, 2, size=(count, len(difference)), dtype=np.int8) - 1
        beyond += (np.abs((signs * weights) @ difference) >= size).sum(axis=0)
    p = (beyond + 1) / (resamples + 1)  # the observed assignment counts too
    return [
        PairedDifference(
            mean=mean,
            p=float(p[c]),
            better=int((difference[:, c] > 0).sum()),
            worse=int((difference[:, c] < 0).sum()),
            equal=int((difference[:, c] == 0).sum()),
        )
        for c, mean in enumerate(means)
    ]


def _drawn(size: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `size` of `size` videos with replacement, `count` times: how often each is drawn, (count, size)."""
    picked = rng.integers(0, size, size=(count, size)) + np.arange(count)[:, None] * size
    return np.bincount(picked.ravel(), minlength=count * size).reshape(count, size)


def _weights(videos: int, groups: Sequence[str] | None) -> NDArray[np.float64]:
    """Return the weight of each video, (V,)."""
    if groups is None:
        return np.full(videos, 1 / videos)
    _, which, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1 / (sizes[which] * len(sizes))
    return weights
