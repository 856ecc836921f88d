"""The 0/1 knapsack, exactly, by dynamic programming over the capacity: one problem, or many at once.

A single problem is made smaller first. An item whose decision, turned round, cannot reach a value that is known to be
reachable keeps its decision (Ingargiola and Korsh, "Reduction algorithm for zero-one single knapsack problems",
Management Science 20(4), 1973); the programme then runs over the few that are left. Branch and bound is as quick on
problems that leave few, and can take for ever where scores have few levels, as annotators' have
(`benchmarks/knapsack.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GRID = 31  # bits: values are whole multiples of the greatest by 2 ** 31, so that sums of 2 million are exact
_NEAR = 64  # items on each side of the edge of what fits, among which to look for one to exchange for another
_CORE = 8  # items around that edge of which every subset is tried
_SUBSETS = np.arange(1 << _CORE)[:, None] >> np.arange(_CORE) & 1
_LARGE = 1 << 16  # items · capacity from which looking for items that are decided pays
_CELLS = 1 << 15  # rows · capacities held at a time by `knapsack_rows`: what stays in a core's own cache


def knapsack(values: ArrayLike, weights: ArrayLike, capacity: int) -> NDArray[np.bool_]:
    """Which items give the greatest total value within the capacity.

    Among equally good choices earlier items are left out first, so the answer does not depend on the machine. Values
    count to 2**-31 of the greatest. One vector operation for each item that bounds do not decide; decisions are kept as
    bits, at most n · capacity / 8 bytes.

    Args:
        values: (n,) finite. Items of value 0 or less are never taken.
        weights: (n,) integers, at least 0.
        capacity: integer, at least 0.

    Returns:
        (n,) True for the items to take.

    Raises:
        ValueError: lengths differ, a value is not finite, a weight or the capacity is negative or not an integer.
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
    """`knapsack` for every row, with exactly its answers: many curves of a video, or many videos.

    Rows of fewer items than S are filled with items of value 0, which are never taken.

    Args:
        values: (R, S) finite.
        weights: (S,) integers that all rows share, which is the faster case, or (R, S).
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
    order = np.argsort(-room, kind="stable")  # so that rows of like capacity share a table
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
    """`knapsack_rows` for many videos at once, each with its own segments and any number of curves.

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
        if len(values) * (capacity + 1) >= _CELLS // 2:  # fills a table of its own, with the quicker shared weights
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
    return [each for each in chosen if each is not None]


def forced_optima(
    values: ArrayLike, weights: ArrayLike, capacity: int
) -> tuple[NDArray[np.bool_], float, NDArray[np.float64]]:
    """The best choice, its value, and the best value with each item's decision turned round.

    From the tables of all items before and of all items after each one, rather than S knapsacks.

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
    turned = np.full(len(value), -np.inf)
    for item, taken in enumerate(chosen):
        room = capacity if taken else capacity - int(weight[item])
        if room >= 0:
            rest = (before[item, : room + 1] + after[item + 1, room::-1]).max()
            turned[item] = rest if taken else rest + value[item]
    return chosen, float(before[-1, capacity]), turned


def _check(value: NDArray[np.float64], weight: NDArray[np.integer], capacity: int) -> None:
    if not np.isfinite(value).all():
        raise ValueError("values must be finite")
    if weight.size and not np.issubdtype(weight.dtype, np.integer):
        raise ValueError(f"weights must be integers, got {weight.dtype}")
    if capacity < 0 or (weight.size and weight.min() < 0):
        raise ValueError("weights and capacity must not be negative")


def _exact(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (..., n) as whole numbers, the greatest of each row below 2 ** 31: sums are exact in any order."""
    _, exponent = np.frexp(value.max(axis=-1, keepdims=True, initial=0.0))
    whole: NDArray[np.float64] = np.rint(np.ldexp(value, _GRID - exponent))
    return whole


def _decided(
    value: NDArray[np.float64], weight: NDArray[np.integer], capacity: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which items are in every best choice (n,), and which may be in some and not in others (n,).

    Args:
        value: (n,) at least 0.
        weight: (n,) from 1 to the capacity.
    """
    order = np.argsort(-value / weight, kind="stable")
    v, w = value[order], weight[order].astype(np.int64)
    worth, load = (np.concatenate(([0], np.cumsum(x))) for x in (v, w))  # of the first k items
    density = np.append(v / w, 0.0)

    def relaxed(room: NDArray[np.int64]) -> NDArray[np.float64]:
        """The greatest value within these capacities if the last item taken may be a part of one."""
        k = np.searchsorted(load, room, side="right") - 1
        filled: NDArray[np.float64] = worth[k] + (room - load[k]) * density[k]
        return filled

    fits = int(np.searchsorted(load, capacity, side="right")) - 1  # so many of the densest, then the next does not
    spare = capacity - int(load[fits])
    # Reachable: those, with one more, and one near the edge for another; and any of those around the edge.
    near_out, near_in = slice(fits, fits + _NEAR), slice(max(0, fits - _NEAR), fits)
    gain = v[near_out, None] - np.append(v[near_in], 0.0)
    reached = worth[fits] + gain[w[near_out, None] - np.append(w[near_in], 0) <= spare].max(initial=0.0)
    first = max(0, fits - _CORE // 2)
    core_v, core_w = v[first : first + _CORE].astype(np.int64), w[first : first + _CORE]
    subsets = _SUBSETS[: 1 << len(core_v), : len(core_v)]
    reached = max(reached, worth[first] + (subsets @ core_v)[subsets @ core_w <= capacity - load[first]].max())
    inside = np.arange(len(v)) < fits
    turned = np.where(inside, relaxed(capacity + w) - v, relaxed(capacity - w) + v)
    sure = turned < reached * (1 - 1e-9) - 1  # room for rounding
    within, open_ = np.zeros(len(v), dtype=np.bool_), np.zeros(len(v), dtype=np.bool_)
    within[order], open_[order] = sure & inside, ~sure
    return within, open_


def _shared_weights(
    worth: NDArray[np.float64], weight: NDArray[np.integer], room: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """(R, S) decisions for worth (R, S), weight (S,) above 0, room (R,)."""
    n_rows, n_items = worth.shape
    most = int(room.max())
    best = np.zeros((n_rows, most + 1))
    better = np.zeros((n_items, n_rows, most + 1), dtype=np.bool_)  # does the item come in at this capacity?
    for item, w in enumerate(weight.tolist()):
        without = best[:, w:]
        with_item = best[:, : most + 1 - w] + worth[:, item, None]
        np.greater(with_item, without, out=better[item, :, w:])
        np.maximum(with_item, without, out=without)
    return _traced(better, np.broadcast_to(weight, worth.shape), room)


def _own_weights(
    worth: NDArray[np.float64], weight: NDArray[np.integer], room: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """(R, S) decisions for worth (R, S), weight (R, S), room (R,)."""
    n_rows, n_items = worth.shape
    most, margin = int(room.max()), int(weight.max(initial=0))
    best = np.full((n_rows, margin + most + 1), -np.inf)  # the margin stands for capacities below 0
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
    """(R, S) items on the way back from the full capacity through decisions (S, R, C)."""
    chosen = np.empty(weight.shape, dtype=np.bool_)
    left, rows = room.astype(np.int64), np.arange(len(room))
    for item in range(len(better) - 1, -1, -1):
        chosen[:, item] = better[item, rows, left]
        left -= np.where(chosen[:, item], weight[:, item], 0)
    return chosen


def _tables(value: NDArray[np.float64], weight: NDArray[np.integer], capacity: int) -> NDArray[np.float64]:
    """(S + 1, capacity + 1): the greatest value of the first s items within each capacity."""
    best = np.zeros((len(value) + 1, capacity + 1))
    for item, w in enumerate(weight.tolist()):
        best[item + 1] = best[item]
        if w <= capacity:
            np.maximum(best[item, w:], best[item, : capacity + 1 - w] + value[item], out=best[item + 1, w:])
    return best
