"""Ranks of similarities among those of a video, by a table of their quantiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_QUANTILES = 1025
_ALIKE = 1e-9  # similarities that differ by less are equal
_CELLS = 1 << 17
_REACH = 1.001  # of similarities of vectors at unit length, on both sides of 0
_UNKNOWN = -1


class RankTable:
    """Rank in [0, 1] of a similarity among those of a video; equal ones share the middle of theirs.

    Most of a fine grid's cells hold no quantile, so that all similarities in them have the same rank; only for the
    others the table is searched.

    Args:
        similarities: of any shape, in [-1, 1]; they are sorted in place.
    """

    def __init__(self, similarities: Array) -> None:
        ordered = similarities.reshape(-1)
        ordered.sort()
        self._table = quantiles(ordered, np.linspace(0, 1, _QUANTILES))
        edges = np.linspace(-_REACH, _REACH, _CELLS + 1)
        margin = 2 * _ALIKE  # also for the rounding of a cell's number
        low = np.searchsorted(self._table, edges[:-1] - margin)
        self._below = np.where(low == np.searchsorted(self._table, edges[1:] + margin), low, _UNKNOWN).astype(np.int16)

    def __call__(self, similarities: Array) -> Array:
        """Return the ranks of similarities, of the same shape."""
        flat = similarities.ravel()
        cells = (flat + _REACH) * (_CELLS / (2 * _REACH))
        below = self._below[cells.clip(0, _CELLS - 1, out=cells).astype(np.intp)]
        ranks: Array = below / np.float64(_QUANTILES)
        searched = np.flatnonzero(below == _UNKNOWN)
        ranks[searched] = self._searched(flat[searched])
        return ranks.reshape(similarities.shape)

    def _searched(self, flat: Array) -> Array:
        low = np.searchsorted(self._table, flat - _ALIKE, side="left")
        high = low.copy()
        equal = np.flatnonzero(np.append(self._table, np.inf)[low] <= flat + _ALIKE)  # few, save in still pictures
        high[equal] = np.searchsorted(self._table, flat[equal] + _ALIKE, side="right")
        found: Array = (low + high) / (2 * _QUANTILES)
        return found


def quantiles(ordered: Array, shares: Array) -> Array:
    """Return quantiles (..., Q) of values (..., n) in ascending order, as `np.quantile` does, without copying them."""
    place = shares * (ordered.shape[-1] - 1)
    below = np.floor(place).astype(np.intp)
    low, high = ordered[..., below], ordered[..., np.minimum(below + 1, ordered.shape[-1] - 1)]
    found: Array = low + (high - low) * (place - below)
    return found
