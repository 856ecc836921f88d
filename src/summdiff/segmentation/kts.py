"""Kernel temporal segmentation (Potapov et al., "Category-specific video summarization", ECCV 2014), exact.

Over all segmentations into m + 1 segments, m ≥ 0, with lengths between a minimum and a maximum, this minimises

    J(m) / n + (v_max · m / 2n) · (ln(n / m) + 1),

J(m) being the least total scatter with m change points (`cost.py`), the second term being 0 at m = 0.

The usual way tabulates J(m) for every m, in O(m n²) time. It is not needed. Times n, the penalty
g(m) = v_max · m / 2 · (ln(n / m) + 1) is concave, so the best m is a corner of the lower convex hull of J: between
two corners both J and g lie above their chords. Each corner is found by one dynamic programme with a fixed price a
segment, in O(n · max_length) time, and corners that provably cannot win are never looked for. The answer is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.segmentation.cost import within_segment_scatter

_FIRST_PRICES = 24
_ROUNDING = 1e-6  # of lengths


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
    """Change points of a sequence of features.

    Args:
        features: (N, D), N ≥ 1.
        min_length: shortest segment. Lowered where the steps cannot be cut into segments between the two limits.
        max_length: longest segment, though no step is ever divided; None for no limit (time and memory then grow
            with N²).
        edges: (N + 1,) ascending: where each step begins, and the end of the last one, in the unit of the two limits.
            None means that lengths are counted in steps.
        v_max: weight of the penalty; larger gives fewer segments. The field uses 1.
        normalize: scale every step to unit length first, so that the kernel is the cosine. The field does.
        center: then take off the mean over all steps and scale again. What all features of a video share (much, for
            those that are never negative) then does not hide how they change, and v_max means the same whatever
            network the features come from. Steps nearer to the mean than 0.05 count as little changed.

    Returns:
        (m,) ascending; an entry c says that a new segment begins at step c, 0 < c < N.

    Raises:
        ValueError: no steps, entries that are not finite, or limits that contradict each other.
    """
    x = np.asarray(features, dtype=np.float32)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"features must be (N, D) with N >= 1, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("features must be finite")
    n = len(x)
    edge = np.arange(n + 1.0) if edges is None else np.asarray(edges, dtype=np.float64)
    if edge.shape != (n + 1,) or not (np.diff(edge) > 0).all():
        raise ValueError(f"edges must be ({n + 1},) and ascending, got shape {edge.shape}")
    if min_length < 0 or (max_length is not None and not 0 < max_length >= min_length):
        raise ValueError(f"need 0 <= min_length <= max_length, got {min_length} and {max_length}")
    if normalize or center:
        x = _unit(x, 1e-12)
    if center:
        x = _unit(x - x.mean(axis=0), 0.05)

    longest = float(edge[-1] - edge[0]) if max_length is None else max(max_length, float(np.diff(edge).max()))
    steps = int((np.searchsorted(edge, edge[:-1] + longest + _ROUNDING, side="right") - 1 - np.arange(n)).max())
    scatter = within_segment_scatter(x, max_length=steps)
    shortest = float(min_length)
    while not (allowed := _allowed(edge, steps, shortest, longest)).feasible:
        shortest = shortest / 2 if shortest > _ROUNDING else 0.0
    search = _PricedSearch(scatter, allowed.lengths)
    # No scatter is more than that around 0: at a higher price no cut can pay.
    return _best_corner(search, n, v_max, highest_price=float(np.square(x, dtype=np.float64).sum())).change_points


def segments(change_points: ArrayLike, n: int) -> NDArray[np.intp]:
    """Half-open segments (S, 2) of n steps, from the change points between them."""
    edges = np.concatenate(([0], np.asarray(change_points, dtype=np.intp), [n]))
    return np.stack([edges[:-1], edges[1:]], axis=1)


@dataclass(frozen=True, slots=True)
class _Corner:
    """A segmentation that is the cheapest at some price: m change points, total scatter J(m)."""

    price: float
    scatter: float
    change_points: NDArray[np.intp]

    @property
    def m(self) -> int:
        return len(self.change_points)


def _best_corner(search: _PricedSearch, n: int, v_max: float, *, highest_price: float) -> _Corner:
    """The segmentation of least J(m) + g(m), by branch and bound over the corners of the hull of J."""

    def penalty(m: float) -> float:
        return 0.0 if m <= 0 else 0.5 * v_max * m * (np.log(n / m) + 1.0)

    def objective(corner: _Corner) -> float:
        return corner.scatter + penalty(corner.m)

    # Corners whose price is about the slope of the penalty are likely to win: look there first, and at both ends.
    likely = v_max * np.geomspace(0.05, 10.0, _FIRST_PRICES)
    prices = np.unique(np.concatenate(([0.0], likely, [highest_price + 1.0])))
    found = {corner.m: corner for corner in reversed(search.solve(prices))}
    corners = [found[m] for m in sorted(found)]
    best = min(corners, key=objective)
    gaps = list(pairwise(corners))
    while gaps:
        best_value = objective(best)
        # Between a and b, J lies above the lines of slope -price through both; J + g is then least where they cross.
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
    """Which segments may be made: (L, N), row l-1, column s for the l steps from s; and whether they can cover all."""

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


def _unit(x: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Rows scaled to unit length; those shorter than `least` as if they had that length."""
    norms: NDArray[np.float32] = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.maximum(norms, np.float32(least)), dtype=np.float32)


class _PricedSearch:
    """Finds the segmentations of least scatter + price · segments, for several prices at once."""

    def __init__(self, scatter: NDArray[np.float64], allowed: NDArray[np.bool_]) -> None:
        longest, n = scatter.shape
        rows = np.flatnonzero(allowed.any(axis=1))
        self._n, self._longest, self._shortest = n, longest, int(rows[0]) + 1
        # Row t: scatter of the segments that end before step t, longest first; infinite where there is none.
        self._ending = np.full((n + 1, longest - self._shortest + 1), np.inf)
        for row in rows:
            ends = np.flatnonzero(allowed[row])
            self._ending[ends + row + 1, longest - row - 1] = scatter[row, ends]

    def solve(self, prices: NDArray[np.float64]) -> list[_Corner]:
        """The cheapest segmentation at each price, (P,) non-negative prices."""
        n, longest = self._n, self._longest
        width = self._ending.shape[1]
        best = np.full((longest + n + 1, len(prices)), np.inf)  # row `longest + t`: cheapest way to cut steps 0 … t-1
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
