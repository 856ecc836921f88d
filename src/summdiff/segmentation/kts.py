"""Kernel temporal segmentation (Potapov et al., "Category-specific video summarization", ECCV 2014), exact.

Among all segmentations into m + 1 segments, m ≥ 0, with lengths between a minimum and a maximum, `kts` finds the one
that minimizes

    J(m) / n + (v_max · m / 2n) · (ln(n / m) + 1),

where J(m) is the least total scatter with m change points (`cost.py`) and the second term is 0 at m = 0.

The usual implementation tabulates J(m) for every m, in O(m n²) time. The same answer needs less. Multiplied by n, the
penalty g(m) = v_max · m / 2 · (ln(n / m) + 1) is concave, so the best m is a corner of the lower convex hull of J:
between two corners both J and g lie above their chords. One dynamic program with a fixed price per segment finds a
corner in O(n · max_length) time, and corners that provably cannot win are not searched for.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.segmentation.cost import within_segment_scatter
from summdiff.segmentation.unit_rows import Rows

_FIRST_PRICES = 24
_ROUNDING = 1e-6  # tolerance of lengths


def kts(
    features: ArrayLike,
    *,
    min_length: float = 1,
    max_length: float | None = None,
    edges: ArrayLike | None = None,
    v_max: float = 1.0,
    normalize: bool = True,
    center: bool = False,
) -> NDArray[np.intp]:
    """Find the change points of a sequence of features.

    Args:
        features: (N, D), N ≥ 1.
        min_length: shortest segment. Lowered if the steps cannot be divided into segments within both limits.
        max_length: longest segment; a single longer step stays whole. None for no limit: time and memory then grow
            with N².
        edges: (N + 1,) ascending: the start of each step and the end of the last one, in the unit of the two limits.
            None means that lengths are counted in steps.
        v_max: weight of the penalty; a larger one gives fewer segments. The literature uses 1.
        normalize: scale every step to unit length first, so that the kernel is the cosine, as in the literature.
        center: then subtract the mean over all steps and scale again. Features that are never negative have a large
            common part, which hides changes; without it, v_max also means about the same for any backbone. Steps within
            0.05 of the mean are not scaled up to unit length.

    Returns:
        (m,) ascending: indices of the steps at which a new segment begins, 0 < index < N.

    Raises:
        ValueError: there are no steps, a feature is not finite, or the limits contradict each other.
    """
    given = np.asarray(features)
    if given.ndim != 2 or len(given) == 0:
        raise ValueError(f"features must be (N, D) with N >= 1, got shape {given.shape}")
    if not all(np.isfinite(rows).all() for rows in Rows(given).blocks()):
        raise ValueError("features must be finite")
    n = len(given)
    edge = np.arange(n + 1.0) if edges is None else np.asarray(edges, dtype=np.float64)
    if edge.shape != (n + 1,) or not (np.diff(edge) > 0).all():
        raise ValueError(f"edges must be ({n + 1},) and ascending, got shape {edge.shape}")
    if min_length < 0 or (max_length is not None and not 0 < max_length >= min_length):
        raise ValueError(f"need 0 <= min_length <= max_length, got {min_length} and {max_length}")
    x = Rows(given, unit=normalize, center=center)
    longest = float(edge[-1] - edge[0]) if max_length is None else max(max_length, float(np.diff(edge).max()))
    steps = int((np.searchsorted(edge, edge[:-1] + longest + _ROUNDING, side="right") - 1 - np.arange(n)).max())
    scatter = within_segment_scatter(x, max_length=steps)
    shortest = float(min_length)
    while not (allowed := _allowed(edge, steps, shortest, longest)).feasible:
        shortest = shortest / 2 if shortest > _ROUNDING else 0.0
    search = _PricedSearch(scatter, allowed.lengths)
    # No segmentation reduces the scatter by more than this, so at a higher price there are no cuts.
    highest = float(sum(np.square(rows, dtype=np.float64).sum() for rows in x.blocks()))
    return _best_corner(search, n, v_max, highest_price=highest).change_points


@dataclass(frozen=True, slots=True)
class _Corner:
    """The cheapest segmentation at a price per segment: m change points, total scatter J(m)."""

    price: float
    scatter: float
    change_points: NDArray[np.intp]

    @property
    def m(self) -> int:
        return len(self.change_points)


def _best_corner(search: _PricedSearch, n: int, v_max: float, *, highest_price: float) -> _Corner:
    """Find the segmentation of least J(m) + g(m) by branch and bound over the corners of the hull of J."""

    def penalty(m: float) -> float:
        return 0.0 if m <= 0 else 0.5 * v_max * m * (np.log(n / m) + 1.0)

    def objective(corner: _Corner) -> float:
        return corner.scatter + penalty(corner.m)

    # Corners whose price is near the slope of the penalty are likely to win: search these first, and both ends.
    likely = v_max * np.geomspace(0.05, 10.0, _FIRST_PRICES)
    prices = np.unique(np.concatenate(([0.0], likely, [highest_price + 1.0])))
    found = {corner.m: corner for corner in reversed(search.solve(prices))}
    corners = [found[m] for m in sorted(found)]
    best = min(corners, key=objective)
    gaps = list(pairwise(corners))
    while gaps:
        best_value = objective(best)
        # Between a and b, J lies above the lines of slope -price through both, so J + g is least where they cross.
        open_gaps = []
        for a, b in gaps:
            if b.m - a.m < 2:
                continue
            if a.price > b.price:
                crossing = (a.scatter + a.price * a.m - b.scatter - b.price * b.m) / (a.price - b.price)
                crossing = min(max(crossing, a.m), b.m)
                bound = a.scatter - a.price * (crossing - a.m) + penalty(crossing)
                if bound >= best_value:
                    continue
            open_gaps.append((a, b))
        if not open_gaps:
            break
        prices = np.array([(a.scatter - b.scatter) / (b.m - a.m) for a, b in open_gaps])
        gaps = []
        for (a, b), middle in zip(open_gaps, search.solve(prices), strict=True):
            chord = a.scatter + middle.price * a.m
            if a.m < middle.m < b.m and middle.scatter + middle.price * middle.m < chord - 1e-9 * (1.0 + chord):
                gaps += [(a, middle), (middle, b)]
                best = min(best, middle, key=objective)
    return best


@dataclass(frozen=True, slots=True)
class _Allowed:
    """The segments within the limits, and whether they can cover all steps.

    Attributes:
        lengths: (L, N); row l-1, column s is True if the l steps from s may be a segment.
        feasible: whether such segments can cover all steps.
    """

    lengths: NDArray[np.bool_]
    feasible: bool


def _allowed(edge: NDArray[np.float64], steps: int, shortest: float, longest: float) -> _Allowed:
    n = len(edge) - 1
    lengths = np.zeros((steps, n), dtype=bool)
    reached = np.zeros(n + 1, dtype=bool)
    reached[0] = True
    for count in range(1, min(steps, n) + 1):
        duration = edge[count:] - edge[:-count]
        lengths[count - 1, : n - count + 1] = (duration >= shortest - _ROUNDING) & (duration <= longest + _ROUNDING)
    for start in range(n):
        if reached[start]:
            reached[start + 1 + np.flatnonzero(lengths[:, start])] = True
    return _Allowed(lengths, bool(reached[n]))


class _PricedSearch:
    """Finds the segmentations of least scatter + price · number of segments, for several prices at once."""

    def __init__(self, scatter: NDArray[np.float64], allowed: NDArray[np.bool_]) -> None:
        longest, n = scatter.shape
        rows = np.flatnonzero(allowed.any(axis=1))
        self._n, self._longest, self._shortest = n, longest, int(rows[0]) + 1
        # Row t: scatter of the segments that end before step t, longest first; infinite where none is allowed.
        self._ending = np.full((n + 1, longest - self._shortest + 1), np.inf)
        for row in rows:
            ends = np.flatnonzero(allowed[row])
            self._ending[ends + row + 1, longest - row - 1] = scatter[row, ends]

    def solve(self, prices: NDArray[np.float64]) -> list[_Corner]:
        """Return the cheapest segmentation at each of (P,) prices, at least 0."""
        n, longest = self._n, self._longest
        width = self._ending.shape[1]
        best = np.full((longest + n + 1, len(prices)), np.inf)  # row `longest + t`: cost of steps 0 … t-1
        best[longest] = 0.0
        previous = np.empty((n + 1, len(prices)), dtype=np.intp)
        column = np.arange(len(prices))
        for t in range(1, n + 1):
            ways = best[t : t + width] + self._ending[t, :, None]
            choice = ways.argmin(axis=0)
            best[longest + t] = ways[choice, column] + prices
            previous[t] = choice
        previous += np.arange(n + 1)[:, None] - longest

        corners = []
        for p, price in enumerate(prices):
            cuts, t = [], int(previous[n, p])
            while t > 0:
                cuts.append(t)
                t = int(previous[t, p])
            change_points = np.array(cuts[::-1], dtype=np.intp)
            total = float(best[longest + n, p] - price * (len(cuts) + 1))
            corners.append(_Corner(float(price), total, change_points))
        return corners
