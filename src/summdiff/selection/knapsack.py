"""The 0/1 knapsack, exactly, by dynamic programming over the capacity: one problem, or many at once.

A single large problem is reduced first. An item keeps its decision if an upper bound on the value with the opposite
decision is below a value that is known to be reachable (Ingargiola and Korsh, "Reduction algorithm for zero-one single
knapsack problems", Management Science 20(4), 1973). Dynamic programming then runs over the few items left. Branch and
bound is as fast on problems that leave few items, but can take forever on scores with few levels, such as those of
annotators (`benchmarks/knapsack.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_VALUE_BITS = 31  # values are rounded to integers of this many bits, so that sums of 2 million values are exact
_EXCHANGED = 64  # items on each side of the break item among which one is exchanged for another, for a lower bound
_CORE = 8  # items around the break item of which every subset is tried, for a lower bound
_SUBSETS = np.arange(1 << _CORE)[:, None] >> np.arange(_CORE) & 1
_LARGE = 1 << 16  # items · capacity from which reducing a problem saves time
_CELLS = 1 << 15  # rows · capacities that `knapsack_rows` holds at a time, to fit the cache of a core


def knapsack(values: ArrayLike, weights: ArrayLike, capacity: int) -> NDArray[np.bool_]:
    """Choose the items of greatest total value that fit the capacity.

    Among equally good choices earlier items are left out first, so the answer does not depend on the machine. Values
    are rounded to 2**-31 of the greatest. Time: one vector operation over the capacity for each item that bounds do not
    decide. Memory: at most n · capacity / 8 bytes.

    Args:
        values: (n,) finite. Items of value 0 or less are never taken.
        weights: (n,) integers, at least 0.
        capacity: integer, at least 0.

    Returns:
        (n,) True for the items to take.

    Raises:
        ValueError: the shapes differ, a value is not finite, or a weight or the capacity is negative or not an integer.
    """
    value, weight = np.asarray(values, dtype=np.float64), np.asarray(weights)
    if value.ndim != 1 or value.shape != weight.shape:
        raise ValueError(f"values and weights must be (n,) each, got shapes {value.shape} and {weight.shape}")
    _check(value, weight, capacity)

    taken: NDArray[np.bool_] = (value > 0) & (weight == 0)
    items = np.flatnonzero((value > 0) & (weight > 0) & (weight <= capacity))
    value = _exact(value)
    left = capacity
    if len(items) * capacity >= _LARGE:
        within, open_ = _decided(value[items], weight[items], capacity)
        taken[items[within]] = True
        left -= int(weight[items[within]].sum())
        items = items[open_]
    best = np.zeros(left + 1)  # best[c]: greatest value within capacity c
    decisions = []
    for item in items:
        w = int(weight[item])
        if w > left:
            decisions.append(np.zeros(0, dtype=np.uint8))
            continue
        with_item = best[: len(best) - w] + value[item]
        decisions.append(np.packbits(with_item > best[w:]))
        np.maximum(best[w:], with_item, out=best[w:])
    for item, better in zip(items[::-1], reversed(decisions), strict=True):
        place = left - int(weight[item])
        if place >= 0 and better[place >> 3] >> (7 - (place & 7)) & 1:
            taken[item] = True
            left = place
    return taken


def knapsack_rows(values: ArrayLike, weights: ArrayLike, capacities: ArrayLike) -> NDArray[np.bool_]:
    """Solve `knapsack` for every row, with the same answers: for many curves of a video, or for many videos.

    Fill rows of fewer than S items with items of value 0, which are never taken.

    Args:
        values: (R, S) finite.
        weights: (R, S) integers, or (S,) for all rows, which is faster.
        capacities: one integer, or (R,).

    Returns:
        (R, S) True for the items to take.

    Raises:
        ValueError: as for `knapsack`.
    """
    value, weight, capacity = np.asarray(values, dtype=np.float64), np.asarray(weights), np.asarray(capacities)
    if value.ndim != 2 or weight.shape not in {value.shape, value.shape[1:]}:
        raise ValueError(f"values must be (R, S) and weights (S,) or (R, S), got {value.shape} and {weight.shape}")
    if capacity.shape not in {(), value.shape[:1]} or not np.issubdtype(capacity.dtype, np.integer):
        raise ValueError(f"capacities must be one integer or (R,) of them, got {capacity.dtype} {capacity.shape}")
    _check(value, weight, int(capacity.min(initial=0)))

    room = np.broadcast_to(capacity, value.shape[:1])
    chosen: NDArray[np.bool_] = (value > 0) & (weight == 0)
    fits = (value > 0) & (weight > 0) & (weight <= room[:, None])
    order = np.argsort(-room, kind="stable")  # rows of similar capacity share a table
    value = _exact(value)
    start = 0
    while start < len(order):
        rows = order[start : start + max(1, _CELLS // (int(room[order[start]]) + 1))]
        start += len(rows)
        items = np.flatnonzero(fits[rows].any(axis=0))
        block = np.ix_(rows, items)
        worth = np.where(fits[block], value[block], 0.0)
        if weight.ndim == 1:
            chosen[block] |= _shared_weights(worth, weight[items], room[rows])
        else:
            chosen[block] |= _own_weights(worth, np.where(fits[block], weight[block], 0), room[rows])
    return chosen


def choose_many(
    problems: Sequence[tuple[NDArray[np.floating], NDArray[np.integer], int]],
) -> list[NDArray[np.bool_]]:
    """Solve `knapsack_rows` for many videos at once, each with its own segments and any number of curves.

    Args:
        problems: for each video values (K, S), weights (S,) and capacity.

    Returns:
        For each video (K, S), True for the segments to take.

    Raises:
        ValueError: as for `knapsack`.
    """
    chosen: list[NDArray[np.bool_] | None] = [None] * len(problems)
    small = []
    for number, (values, weights, capacity) in enumerate(problems):
        if len(values) * (capacity + 1) >= _CELLS // 2:  # fills a table by itself, with shared weights
            chosen[number] = knapsack_rows(values, weights, capacity)
        else:
            small.append(number)
    if small:
        curves = np.array([len(problems[number][0]) for number in small])
        sizes = np.array([len(problems[number][1]) for number in small])
        real = np.arange(sizes.max(initial=0)) < np.repeat(sizes, curves)[:, None]
        value, weight = np.zeros(real.shape), np.zeros(real.shape, dtype=np.int64)
        value[real] = np.concatenate([problems[number][0].ravel() for number in small])
        weight[real] = np.concatenate([problems[number][1] for number in small for _ in problems[number][0]])
        room = np.repeat([problems[number][2] for number in small], curves)
        rows = knapsack_rows(value, weight, room)
        ends = np.cumsum(curves)
        for number, first, end, size in zip(small, ends - curves, ends, sizes, strict=True):
            chosen[number] = rows[first:end, :size]
    return [rows for rows in chosen if rows is not None]


def forced_optima(
    values: ArrayLike, weights: ArrayLike, capacity: int
) -> tuple[NDArray[np.bool_], float, NDArray[np.float64]]:
    """Find the best choice, its value, and for each item the best value under the opposite decision on it.

    Combines the tables of all items before and all items after each one, instead of solving S knapsacks.

    Args:
        values, weights, capacity: as for `knapsack`.

    Returns:
        (S,) True for the items taken; the greatest value; and (S,) the greatest value without the item where it is
        taken, with it where it is not, -inf where it is heavier than the capacity.

    Raises:
        ValueError: as for `knapsack`.
    """
    chosen = knapsack(values, weights, capacity)
    value, weight = np.asarray(values, dtype=np.float64), np.asarray(weights)
    before, after = _tables(value, weight, capacity), _tables(value[::-1], weight[::-1], capacity)[::-1]
    opposite = np.full(len(value), -np.inf)
    for item, taken in enumerate(chosen):
        room = capacity if taken else capacity - int(weight[item])
        if room >= 0:
            rest = (before[item, : room + 1] + after[item + 1, room::-1]).max()
            opposite[item] = rest if taken else rest + value[item]
    return chosen, float(before[-1, capacity]), opposite


def _check(value: NDArray[np.float64], weight: NDArray[np.integer], capacity: int) -> None:
    if not np.isfinite(value).all():
        raise ValueError("values must be finite")
    if weight.size and not np.issubdtype(weight.dtype, np.integer):
        raise ValueError(f"weights must be integers, got {weight.dtype}")
    if capacity < 0 or (weight.size and weight.min() < 0):
        raise ValueError("weights and capacity must not be negative")


def _exact(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round values (..., n) to integers, the greatest of each row below 2**31, so that sums are exact in any order."""
    _, exponent = np.frexp(value.max(axis=-1, keepdims=True, initial=0.0))
    whole: NDArray[np.float64] = np.rint(np.ldexp(value, _VALUE_BITS - exponent))
    return whole


def _decided(
    value: NDArray[np.float64], weight: NDArray[np.integer], capacity: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which items are in every best choice (n,), and which may be in some and not in others (n,).

    Args:
        value: (n,) at least 0.
        weight: (n,) from 1 to the capacity.
    """
    order = np.argsort(-value / weight, kind="stable")
    v, w = value[order], weight[order].astype(np.int64)
    worth, load = (np.concatenate(([0], np.cumsum(x))) for x in (v, w))  # of the first k items
    density = np.append(v / w, 0.0)

    def relaxed(room: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the greatest value within these capacities if the last item may be taken in part."""
        k = np.searchsorted(load, room, side="right") - 1
        filled: NDArray[np.float64] = worth[k] + (room - load[k]) * density[k]
        return filled

    fits = int(np.searchsorted(load, capacity, side="right")) - 1  # the next item is the break item
    spare = capacity - int(load[fits])
    # Lower bounds: the items that fit, with one added or exchanged; and every subset around the break item.
    added, removed = slice(fits, fits + _EXCHANGED), slice(max(0, fits - _EXCHANGED), fits)
    gain = v[added, None] - np.append(v[removed], 0.0)
    reached = worth[fits] + gain[w[added, None] - np.append(w[removed], 0) <= spare].max(initial=0.0)
    first = max(0, fits - _CORE // 2)
    core_v, core_w = v[first : first + _CORE].astype(np.int64), w[first : first + _CORE]
    subsets = _SUBSETS[: 1 << len(core_v), : len(core_v)]
    reached = max(reached, worth[first] + (subsets @ core_v)[subsets @ core_w <= capacity - load[first]].max())
    inside = np.arange(len(v)) < fits
    upper_bound = np.where(inside, relaxed(capacity + w) - v, relaxed(capacity - w) + v)  # under the opposite decision
    sure = upper_bound < reached * (1 - 1e-9) - 1  # with room for rounding
    within, open_ = np.zeros(len(v), dtype=np.bool_), np.zeros(len(v), dtype=np.bool_)
    within[order], open_[order] = sure & inside, ~sure
    return within, open_


def _shared_weights(
    worth: NDArray[np.float64], weight: NDArray[np.integer], room: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Decide for worth (R, S), weight (S,) above 0 and room (R,): (R, S)."""
    n_rows, n_items = worth.shape
    most = int(room.max())
    best = np.zeros((n_rows, most + 1))
    better = np.zeros((n_items, n_rows, most + 1), dtype=np.bool_)  # whether the item is taken at this capacity
    for item, w in enumerate(weight.tolist()):
        without = best[:, w:]
        with_item = best[:, : most + 1 - w] + worth[:, item, None]
        np.greater(with_item, without, out=better[item, :, w:])
        np.maximum(with_item, without, out=without)
    return _traced(better, np.broadcast_to(weight, worth.shape), room)


def _own_weights(
    worth: NDArray[np.float64], weight: NDArray[np.integer], room: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Decide for worth (R, S), weight (R, S) and room (R,): (R, S)."""
    n_rows, n_items = worth.shape
    most, margin = int(room.max()), int(weight.max(initial=0))
    best = np.full((n_rows, margin + most + 1), -np.inf)  # the margin holds capacities below 0
    best[:, margin:] = 0.0
    without = best[:, margin:]
    place = np.arange(n_rows)[:, None] * best.shape[1] + margin + np.arange(most + 1)
    better = np.empty((n_items, n_rows, most + 1), dtype=np.bool_)
    for item in range(n_items):
        with_item = best.take(place - weight[:, item, None]) + worth[:, item, None]
        np.greater(with_item, without, out=better[item])
        np.maximum(with_item, without, out=without)
    return _traced(better, weight, room)


def _traced(better: NDArray[np.bool_], weight: NDArray[np.integer], room: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Follow the decisions (S, R, C) back from the full capacity: items taken, (R, S)."""
    chosen = np.empty(weight.shape, dtype=np.bool_)
    left, rows = room.astype(np.int64), np.arange(len(room))
    for item in range(len(better) - 1, -1, -1):
        chosen[:, item] = better[item, rows, left]
        left -= np.where(chosen[:, item], weight[:, item], 0)
    return chosen


def _tables(value: NDArray[np.float64], weight: NDArray[np.integer], capacity: int) -> NDArray[np.float64]:
    """Return the greatest value of the first s items within each capacity: (S + 1, capacity + 1)."""
    best = np.zeros((len(value) + 1, capacity + 1))
    for item, w in enumerate(weight.tolist()):
        best[item + 1] = best[item]
        if w <= capacity:
            np.maximum(best[item, w:], best[item, : capacity + 1 - w] + value[item], out=best[item + 1, w:])
    return best
