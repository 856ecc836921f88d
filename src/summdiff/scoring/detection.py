"""Convert boxes on the timeline to a curve: non-maximum suppression, then the best segment over each step.

A segment is [start, end) in steps; step i lies at [i, i + 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def suppress(boxes: NDArray[np.floating], scores: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Non-maximum suppression: keep boxes that no better box overlaps by more than the threshold.

    Args:
        boxes: (K, 2); empty ones are never kept.
        scores: (K,); of equal ones, the first counts as better.
        threshold: an intersection over union, in [0, 1].

    Returns:
        Indices of the kept boxes, the best first.
    """
    bounds = np.asarray(boxes, dtype=np.float64)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    order = order[bounds[order, 1] > bounds[order, 0]]
    kept = []
    # One pass per kept box over the remaining boxes: memory stays linear for thousands of boxes.
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        (start, end), (starts, ends) = bounds[best], bounds[order].T
        shared = (np.minimum(end, ends) - np.maximum(start, starts)).clip(min=0)
        order = order[shared <= threshold * ((end - start) + (ends - starts) - shared)]
    return np.array(kept, dtype=np.int64)


def curve_of(boxes: NDArray[np.floating], scores: NDArray[np.floating], steps: int) -> NDArray[np.float32]:
    """Return (N,) at each step the best score of the segments that cover more than half of it, 0 where there is none.

    DSNet's public code does so frame by frame.

    Args:
        boxes: (K, 2) segments.
        scores: (K,) in [0, 1].
        steps: N.
    """
    middle = np.arange(steps) + 0.5
    curve = np.zeros(steps, dtype=np.float32)
    for (start, end), score in zip(boxes, scores, strict=True):
        covered = (start <= middle) & (middle < end)
        curve[covered] = np.maximum(curve[covered], score)
    return curve
