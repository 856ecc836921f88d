"""The 0/1 knapsack, exactly, by dynamic programming over the capacity."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def knapsack(values: ArrayLike, weights: ArrayLike, capacity: int) -> NDArray[np.bool_]:
    """Which items give the greatest total value within the capacity.

    Among equally good choices earlier items are left out first, so the answer does not depend on the machine.
    One vector operation an item; the decisions are kept as bits, n · capacity / 8 bytes.

    Args:
        values: (n,) finite. Items of value 0 or less are never taken.
        weights: (n,) integers, at least 0.
        capacity: integer, at least 0.

    Returns:
        (n,) True for the items to take.

    Raises:
        ValueError: lengths differ, a value is not finite, a weight or the capacity is negative or not an integer.
    """
    value = np.asarray(values, dtype=np.float64)
    weight = np.asarray(weights)
    if value.ndim != 1 or value.shape != weight.shape:
        raise ValueError(f"values and weights must be (n,) each, got shapes {value.shape} and {weight.shape}")
    if not np.isfinite(value).all():
        raise ValueError("values must be finite")
    if weight.size and not np.issubdtype(weight.dtype, np.integer):
        raise ValueError(f"weights must be integers, got {weight.dtype}")
    if capacity < 0 or (weight.size and weight.min() < 0):
        raise ValueError("weights and capacity must not be negative")

    taken: NDArray[np.bool_] = (value > 0) & (weight == 0)
    items = np.flatnonzero((value > 0) & (weight > 0) & (weight <= capacity))
    best = np.zeros(capacity + 1)  # best[c]: greatest value within capacity c
    decisions = []
    for item in items:
        w = int(weight[item])
        with_item = best[: capacity + 1 - w] + value[item]
        better = with_item > best[w:]
        np.copyto(best[w:], with_item, where=better)
        decisions.append(np.packbits(better))
    left = capacity
    for item, better in zip(items[::-1], reversed(decisions), strict=True):
        place = left - int(weight[item])
        if place >= 0 and better[place >> 3] >> (7 - (place & 7)) & 1:
            taken[item] = True
            left = place
    return taken
