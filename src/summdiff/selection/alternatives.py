"""Several good summaries of one video: nearly as good as the best by the mean curve, as different as can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.selection.budget import Choice, Shots

_TOWARDS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1)  # how far from the mean curve towards a sample
_DIFFERENT = 0.1  # of what two summaries show together must be in but one of them


@dataclass(frozen=True, slots=True)
class Other:
    """A further choice.

    Attributes:
        choice: what is in it.
        expected: its worth by the mean curve, relative to the best choice's.
        overlap: seconds that it shares with the best choice, relative to those in either, in [0, 1].
    """

    choice: Choice
    expected: float
    overlap: float


def alternatives(
    shots: Shots, best: Choice, mean: ArrayLike, curves: ArrayLike, *, count: int, loss: float
) -> list[Other]:
    """Choices that differ from the best one and from each other.

    Each sample of the curve is a view of the video that somebody may hold. Going from the mean curve towards it as far
    as the loss allows gives a choice that this view likes and the mean does not mind. Of these the ones farthest from
    all chosen before are taken, one after the other.

    Args:
        shots: what there is to choose from.
        best: the choice by the mean curve.
        mean: (N,) the mean curve.
        curves: (M, N) samples.
        count: how many at most.
        loss: share of the best choice's worth by the mean curve that each may lose, in [0, 1).

    Returns:
        At most `count`, in the order of choosing; fewer where no more differ within the loss.
    """
    if not count:
        return []
    samples, middle = np.asarray(curves, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    quick = shots.coarse()
    whole = shots.worth(best.parts, middle)
    pool: list[Other] = []
    for sample in samples:
        for towards in _TOWARDS:
            choice = quick.choose(np.maximum(middle + towards * (sample - middle), 0))
            expected = shots.worth(choice.parts, middle) / whole if whole > 0 else 1.0
            if expected >= 1 - loss:
                pool.append(Other(choice, expected, shared(choice.parts, best.parts)))
                break
    found: list[Other] = []
    nearest = np.array([other.overlap for other in pool])  # to anything taken so far
    while pool and len(found) < count:
        farthest = int(nearest.argmin())
        if nearest[farthest] > 1 - _DIFFERENT:
            break
        found.append(pool[farthest])
        again = [shared(other.choice.parts, pool[farthest].choice.parts) for other in pool]
        nearest = np.maximum(nearest, again)
    return found


def shared(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Seconds that are in both (P, 2) and (Q, 2) parts, relative to those in either: their intersection over union."""
    ends = np.unique(np.concatenate([one.ravel(), other.ravel()]))
    middle, length = (ends[:-1] + ends[1:]) / 2, np.diff(ends)
    first, second = (((parts[:, :1] <= middle) & (middle < parts[:, 1:])).any(axis=0) for parts in (one, other))  # (E,)
    either = float(length[first | second].sum())
    return float(length[first & second].sum()) / either if either > 0 else 1.0
