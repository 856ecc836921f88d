"""Several good selections for one video: nearly as good as the best by the mean curve, and as different as possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.selection.method import SelectionMethod

_WEIGHTS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1)  # of a sample against the mean curve, tried in this order
_MIN_DIFFERENCE = 1 / 3  # share of the seconds in either selection that are in only one of them


@dataclass(frozen=True, slots=True)
class AlternativeChoice:
    """A choice that differs from the best one.

    Attributes:
        parts: (P, 2) chosen parts in seconds.
        expected: its worth by the mean curve, relative to that of the best choice.
        overlap: overlap with the best choice, in [0, 1]; see `overlap`.
    """

    parts: NDArray[np.float64]
    expected: float
    overlap: float


def alternatives(
    method: SelectionMethod, best: NDArray[np.float64], mean: ArrayLike, samples: ArrayLike, *, count: int, loss: float
) -> list[AlternativeChoice]:
    """Find choices that differ from the best one and from each other.

    Each sample is a curve that one viewer may hold. A mixture of it and the mean curve, with the largest weight of the
    sample that the loss allows, gives a choice that this viewer prefers and that the mean curve still rates well. Of
    these choices the one that overlaps least with everything taken so far is taken, one after the other.

    Args:
        method: chooses under any scores.
        best: (P, 2) seconds, the choice by the mean curve.
        mean: (N,) mean curve.
        samples: (M, N) sampled curves.
        count: largest number of alternatives.
        loss: share of the best choice's worth by the mean curve that each may lose, in [0, 1).

    Returns:
        At most `count` choices, in the order in which they were taken; fewer where no more differ within the loss.
    """
    if not count:
        return []
    curves, mean_curve = np.asarray(samples, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    coarse = method.coarse()
    best_worth = method.worth(best, mean_curve)
    pool: list[AlternativeChoice] = []
    for curve in curves:
        for weight in _WEIGHTS:
            parts = coarse.choose(np.maximum(mean_curve + weight * (curve - mean_curve), 0))
            expected = method.worth(parts, mean_curve) / best_worth if best_worth > 0 else 1.0
            if expected >= 1 - loss:
                pool.append(AlternativeChoice(parts, expected, overlap(parts, best)))
                break
    taken: list[AlternativeChoice] = []
    largest_overlap = np.array([candidate.overlap for candidate in pool])  # with anything taken so far
    while pool and len(taken) < count:
        farthest = int(largest_overlap.argmin())
        if largest_overlap[farthest] > 1 - _MIN_DIFFERENCE:
            break
        taken.append(pool[farthest])
        overlaps = [overlap(candidate.parts, pool[farthest].parts) for candidate in pool]
        largest_overlap = np.maximum(largest_overlap, overlaps)
    return taken


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the intersection over union, in seconds, of two selections with parts (P, 2) and (Q, 2)."""
    ends = np.unique(np.concatenate([a.ravel(), b.ravel()]))
    middle, length = (ends[:-1] + ends[1:]) / 2, np.diff(ends)
    in_a, in_b = (((parts[:, :1] <= middle) & (middle < parts[:, 1:])).any(axis=0) for parts in (a, b))  # (E,)
    union = float(length[in_a | in_b].sum())
    return float(length[in_a & in_b].sum()) / union if union > 0 else 1.0
