"""Errors of predicted segment values that affect the knapsack's selection.

Measures of the ICCV 2025 version of SummDiff (arXiv 2510.08458), by the definitions that its released code follows.
The paper does not spell out the four abbreviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from summdiff.errors import DataError
from summdiff.selection.knapsack import forced_optima


@dataclass(frozen=True, slots=True)
class KnapsackAwareErrors:
    """Result of `knapsack_aware_errors`.

    Attributes:
        wse: sum over segments of length times harmful error; 0 is best.
        cis: sum of harmful errors less what the true optimum loses if the cheapest of the harmed segments is decided
            the other way round; 0 where no error is harmful, and may be negative.
        wir: share of the segments, by length, whose error cannot change the best selection; 1 is best.
        ir: the same share, with equal weight for every segment.
    """

    wse: float
    cis: float
    wir: float
    ir: float


def knapsack_aware_errors(
    predicted: ArrayLike, true: ArrayLike, weights: ArrayLike, capacity: int
) -> KnapsackAwareErrors:
    """Judge predicted segment values p by the knapsack's selection for the true values v.

    Segments heavier than the capacity are left out, as no selection can contain them; if none remains the result is
    (0, 0, 1, 1). An error is *harmful* where it pulls towards the wrong decision: a selected segment scored too low, or
    another too high; its size is |p - v|, and 0 elsewhere.

    An error is tolerated as long as, all other values being true, the selection stays best: p - v >= -(optimum - best
    without the segment) for a selected one, p - v <= optimum - best with it for another. These gaps are exact, by
    forcing each segment's decision, so the bounds by profit density of the released code are not needed.

    Args:
        predicted, true: (S,) values of the segments, on the same scale.
        weights: (S,) integer lengths.
        capacity: integer.

    Raises:
        DataError: shapes differ, or values that are not finite.
        ValueError: weights or capacity are negative or not integers.
    """
    p, v, length = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64), np.asarray(weights)
    if p.ndim != 1 or p.shape != v.shape or p.shape != length.shape:
        raise DataError(
            f"Predicted and true values and weights must be (S,), not {p.shape}, {v.shape}, {length.shape}."
        )
    if not (np.isfinite(p).all() and np.isfinite(v).all()):
        raise DataError("Segment values must be finite numbers; at least one is NaN or infinite.")
    fits = length <= capacity
    p, v, length = p[fits], v[fits], length[fits]
    if not len(v):
        return KnapsackAwareErrors(wse=0.0, cis=0.0, wir=1.0, ir=1.0)

    selected, optimum, forced = forced_optima(v, length, capacity)
    error = p - v
    harm = np.where(selected, np.maximum(-error, 0.0), np.maximum(error, 0.0))
    harmed = harm > 0
    gap = np.maximum(optimum - forced, 0.0)  # equally good choices: 0, whatever the order of summation
    tolerated = harm <= gap
    return KnapsackAwareErrors(
        wse=float((length * harm).sum()),
        cis=float(harm.sum() - optimum + forced[harmed].max()) if harmed.any() else 0.0,
        wir=float(length[tolerated].sum() / length.sum()) if length.any() else float(tolerated.mean()),
        ir=float(tolerated.mean()),
    )
