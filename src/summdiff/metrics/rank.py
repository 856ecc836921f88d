"""Rank correlation of predicted importance with annotators' (Otani et al., CVPR 2019).

Kendall's tau-b and Spearman's rho as in SciPy (`kendalltau` variant b, `spearmanr`), for many rows at once. All counts
and sums of ranks are integers, so results do not depend on the order of summation; they are exact up to 100,000 steps.
Tau compares n (n - 1) / 2 pairs in the fastest of three ways for the shape: a contingency table if there are few
distinct values, as in summaries; comparison of all pairs for many short rows; or a merge sort that counts inversions,
O(n log² n) (Knight, JASA 1966).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError, UsageError

RankProtocol = Literal["per_annotator", "to_mean", "summe_a", "summe_b"]

_CELLS = 1 << 16  # values at a time; bounds memory and fits the cache, without effect on results
_SHIFTS = 32  # offsets compared at a time


def kendall_tau(scores: ArrayLike, references: ArrayLike) -> float:
    """Return Kendall's tau-b between scores and each annotator, averaged over the annotators.

    Args:
        scores: (n,) predicted importance, any finite values.
        references: (n,) or (users, n) annotators' values.

    Returns:
        A value in [-1, 1]. An annotator counts 0 where tau is undefined: when the scores or that annotator's values
        are all equal, or n = 1.

    Raises:
        DataError: shapes that do not fit, no steps, or values that are not finite.
    """
    return float(kendall_tau_rows(*_one_with_each(scores, references)).mean())


def spearman_rho(scores: ArrayLike, references: ArrayLike) -> float:
    """Return Spearman's rho (ties get their mean rank) between scores and each annotator, averaged over the annotators.

    Arguments, range, undefined cases and errors as for `kendall_tau`.
    """
    return float(spearman_rho_rows(*_one_with_each(scores, references)).mean())


def kendall_tau_rows(a: ArrayLike, b: ArrayLike, lengths: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return Kendall's tau-b of each row of one table with the same row of another.

    Args:
        a, b: (R, n) finite values; either may be (n,) or (1, n), one for all rows. Whole numbers of a small range are
            quickest as integers: they need no sorting.
        lengths: (R,) number of valid steps in each row, from 1 to n; later values are ignored. None: all n.

    Returns:
        (R,) in [-1, 1]; 0 where tau is undefined, a row being constant or of length 1.

    Raises:
        DataError: as for `kendall_tau`.
    """
    return _measured(a, b, lengths, _tau)[0]


def spearman_rho_rows(a: ArrayLike, b: ArrayLike, lengths: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return Spearman's rho of each row of one table with the same row of another; see `kendall_tau_rows`."""
    return _measured(a, b, lengths, _rho)[0]


def rank_correlation_rows(
    a: ArrayLike, b: ArrayLike, lengths: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `kendall_tau_rows` and `spearman_rho_rows`, (R,) each, with a single ranking."""
    tau, rho = _measured(a, b, lengths, _tau, _rho)
    return tau, rho


def rank_correlation_table(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return tau-b and rho of each of K rows (K, n) with each of U rows (U, n), (K, U) each, ranking each row once."""
    x, y = _numbers(a), _numbers(b)
    ours, theirs = (_ranked(table, _checked_lengths(None, table.shape)) for table in (x, y))
    if x.shape[1] != y.shape[1]:
        raise DataError(f"Tables of shapes {x.shape} and {y.shape} cannot be compared: the rows differ in length.")
    n_rows, others = len(ours.levels), len(theirs.levels)
    tau = np.empty((n_rows, others))
    together = max(1, _CELLS // (others * x.shape[1]))  # of our rows, each beside all the others
    for start in range(0, n_rows, together):
        block = _Ranked(*(table[start : start + together] for table in ours))
        count = len(block.levels)
        pairs = _tau(
            _Ranked(*(np.repeat(table, others, axis=0) for table in block)),
            _Ranked(*(np.concatenate([table] * count) for table in theirs)),
        )
        tau[start : start + together] = pairs.reshape(count, others)
    scale = np.sqrt(ours.squares()[:, None] * theirs.squares())
    rho = np.divide(ours.centred() @ theirs.centred().T, scale, out=np.zeros_like(scale), where=scale > 0)
    return tau, rho


def rank_correlation(prediction: ArrayLike, annotations: ArrayLike, protocol: RankProtocol) -> tuple[float, float]:
    """Return tau-b and rho of one video by a named protocol. Values of different protocols are not comparable.

    "per_annotator"
        TVSum (Otani et al.): importance scores (n,) with each annotator's scores (users, n), mean over annotators.
        Compares with the annotators among each other, 0.177 / 0.204; the mean annotator reaches 0.378 / 0.473.
    "to_mean"
        Mr.HiSum: scores (n,) with `gtscore` (n,); of several annotators (users, n) with their mean.
    "summe_a"
        A binary summary (n_frames,) with each annotator's selection (users, n_frames), both cut at > 0 since the raw
        selections of SumMe hold segment numbers; mean over annotators, tau and rho being equal. The published human
        0.21.
    "summe_b"
        A binary summary (n_frames,) with the mean of the annotators' selections. What CSTA, SummDiff, LLMVS and MSVA
        report, about 0.25; the human figure to compare that with is one annotator with the mean of the others, about
        0.30 / 0.33, not the 0.21 of "summe_a".

    Args:
        prediction: (n,) scores, or a summary for the SumMe protocols.
        annotations: (n,) or (users, n).
        protocol: one of the above.

    Returns:
        Tau and rho in [-1, 1]; 0, or counted as 0 in a mean, where undefined.

    Raises:
        DataError: as for `kendall_tau`; or the protocol needs a summary and got scores.
        UsageError: the protocol is unknown.
    """
    a, b = _one_with_each(prediction, annotations)
    if protocol == "to_mean":
        b = b.mean(axis=0, keepdims=True, dtype=np.float64)
    elif protocol in {"summe_a", "summe_b"}:
        if (a != np.floor(a)).any():
            raise DataError(f"Protocol '{protocol}' correlates a summary of 0 and 1, but importance scores were given.")
        a, b = (a > 0).view(np.uint8), (b > 0).view(np.uint8)
        if protocol == "summe_b":
            b = b.sum(axis=0, keepdims=True, dtype=np.int64)  # has the ranks of the mean
    elif protocol != "per_annotator":
        raise UsageError(f"There is no protocol '{protocol}'; there are per_annotator, to_mean, summe_a and summe_b.")
    tau, rho = rank_correlation_rows(a, b)
    return float(tau.mean()), float(rho.mean())


def average_ranks(values: ArrayLike, lengths: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return ranks 1 … n of values (n,), or of each row of (R, n); equal values share their mean rank.

    Args:
        values: finite.
        lengths: (R,) as for `kendall_tau_rows`; padding gets rank 0.

    Raises:
        DataError: as for `kendall_tau`.
    """
    value = _numbers(values)
    table = np.atleast_2d(value)
    real = _checked_lengths(lengths, table.shape)
    ranks = (_ranked(table, real).centred() + real[:, None] + 1) / 2
    ranks[np.arange(table.shape[1]) >= real[:, None]] = 0.0
    shaped: NDArray[np.float64] = ranks.reshape(value.shape)
    return shaped


class _Ranked(NamedTuple):
    """Rows of values replaced by their level: the index among the row's sorted distinct values.

    Attributes:
        levels: (R, n) from 0 to L - 1; L in the padding.
        counts: (R, L) number of values at each level; may be 0.
        lengths: (R,).
    """

    levels: NDArray[np.int64]
    counts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def tied_pairs(self) -> NDArray[np.int64]:
        """Number of pairs of equal values, (R,)."""
        pairs: NDArray[np.int64] = _pairs(self.counts).sum(axis=1)
        return pairs

    def centred(self) -> NDArray[np.float64]:
        """Twice each value's mean rank minus twice the mean of all ranks, (R, n): integers, 0 in the padding."""
        of_level = np.zeros((len(self.counts), self.counts.shape[1] + 1))
        of_level[:, :-1] = 2 * np.cumsum(self.counts, axis=1) - self.counts - self.lengths[:, None]
        values: NDArray[np.float64] = of_level.take(self.levels + np.arange(len(of_level))[:, None] * of_level.shape[1])
        return values

    def squares(self) -> NDArray[np.float64]:
        """Sum of the squares of `centred`, (R,)."""
        n, c = self.lengths, self.counts
        total: NDArray[np.float64] = ((n**3 - n - (c * c * c - c).sum(axis=1)) // 3).astype(np.float64)
        return total


def _one_with_each(scores: ArrayLike, references: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scores as (1, n) and references as (users, n)."""
    x, users = np.asarray(scores), np.atleast_2d(np.asarray(references))
    if x.ndim != 1 or users.ndim != 2 or users.shape[1] != x.size or not users.size:
        raise DataError(
            f"Scores of shape {x.shape} cannot be compared with references of shape {users.shape}: "
            "expected (n,) and (users, n) with at least one step."
        )
    return x[None], users


def _numbers(values: ArrayLike) -> NDArray[Any]:
    """Return an array of integers, bools or floats."""
    value = np.asarray(values)
    return value if value.dtype.kind in "biuf" else value.astype(np.float64)


def _checked_lengths(lengths: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return lengths (R,) for rows of shape (R, n)."""
    if len(shape) != 2 or 0 in shape:
        raise DataError(f"Values to be ranked must be (R, n) with at least one step, not of shape {shape}.")
    if lengths is None:
        return np.full(shape[0], shape[1])
    length = np.asarray(lengths, dtype=np.int64)
    if length.shape != shape[:1] or length.min() < 1 or length.max() > shape[1]:
        raise DataError(f"The lengths must be ({shape[0]},) integers from 1 to {shape[1]}, one for each row.")
    return length


def _ranked(values: NDArray[Any], lengths: NDArray[np.int64]) -> _Ranked:
    n_rows, n = values.shape
    offsets = np.arange(n_rows)[:, None]
    padding = np.arange(n) >= lengths[:, None] if lengths.min() < n else None
    if padding is not None:
        values = np.where(padding, values[:, :1], values)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise DataError("Scores and references must be finite numbers; at least one is NaN or infinite.")
        low, high = 0, np.iinfo(np.int64).max
    else:
        low, high = int(values.min()), int(values.max())
    if high - low < max(2 * n, 64) and high <= np.iinfo(np.int64).max:
        levels = values.astype(np.int64) - low
        n_levels = high - low + 1
        counts = np.bincount((levels + offsets * n_levels).ravel(), minlength=n_rows * n_levels)
        counts = counts.reshape(n_rows, n_levels)
    else:
        order = np.argsort(values, axis=1)
        order += offsets * n
        ascending = values.take(order)
        new = np.ones((n_rows, n), dtype=np.bool_)  # does a level start here?
        np.not_equal(ascending[:, 1:], ascending[:, :-1], out=new[:, 1:])
        steps = np.cumsum(new, axis=1, dtype=np.int64) - 1
        n_levels = int(steps[:, -1].max()) + 1
        levels = np.empty((n_rows, n), dtype=np.int64)
        levels.ravel()[order.ravel()] = steps.ravel()
        starts = np.flatnonzero(new)
        counts = np.zeros((n_rows, n_levels), dtype=np.int64)
        counts[starts // n, steps.ravel()[starts]] = np.diff(starts, append=n_rows * n)
    if padding is not None:
        counts[offsets[:, 0], levels[:, 0]] -= n - lengths
        levels[padding] = n_levels
    return _Ranked(levels, counts, lengths)


def _measured(
    a: ArrayLike, b: ArrayLike, lengths: ArrayLike | None, *measures: Callable[[_Ranked, _Ranked], NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return values (R,) of each measure, computed for rows of similar length; a table of one row is ranked once."""
    x, y = np.atleast_2d(_numbers(a)), np.atleast_2d(_numbers(b))
    n_rows = max(len(x), len(y))
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or {len(x), len(y)} - {1, n_rows}:
        raise DataError(f"Tables of shapes {x.shape} and {y.shape} cannot be compared row by row.")
    length = _checked_lengths(lengths, (n_rows, x.shape[1]))
    results = [np.empty(n_rows) for _ in measures]
    if length.min() == x.shape[1]:
        order = np.arange(n_rows)
        shared = [_ranked(each, length[:1]) if len(each) < n_rows else None for each in (x, y)]
    else:  # one row for all is cut off differently in each
        order = np.argsort(length, kind="stable")
        shared = [None, None]
        x, y = np.broadcast_to(x, (n_rows, x.shape[1])), np.broadcast_to(y, (n_rows, y.shape[1]))
    end = n_rows
    while end > 0:  # from the longest on
        width = int(length[order[end - 1]])
        rows = order[max(0, end - max(1, _CELLS // width)) : end]
        end -= len(rows)
        pair = [one or _ranked(each[rows, :width], length[rows]) for one, each in zip(shared, (x, y), strict=True)]
        for result, measure in zip(results, measures, strict=True):
            result[rows] = measure(pair[0], pair[1])
    return results


def _rho(a: _Ranked, b: _Ranked) -> NDArray[np.float64]:
    shared: NDArray[np.float64] = np.einsum("rn,rn->r", *np.broadcast_arrays(a.centred(), b.centred()))
    scale = np.sqrt(a.squares() * b.squares())
    correlation: NDArray[np.float64] = np.divide(shared, scale, out=np.zeros_like(scale), where=scale > 0)
    return correlation


def _tau(a: _Ranked, b: _Ranked) -> NDArray[np.float64]:
    levels_a, levels_b = a.counts.shape[1], b.counts.shape[1]
    tied_a, tied_b = a.tied_pairs(), b.tied_pairs()
    n_rows, n = np.broadcast_shapes(a.levels.shape, b.levels.shape)
    if 12 * levels_a * levels_b < n * (25 + min(_costs_of_inversions(n_rows, n))):  # nanoseconds a row, measured
        concordance = _from_contingency(a, b)
    else:
        shift = levels_b.bit_length()
        both = (a.levels << shift) + b.levels  # in order of a, then of b; padding last
        if levels_a << shift < np.iinfo(np.int32).max >> 1:
            both = both.astype(np.int32)
        both.sort(axis=1)
        discordant = _inversions(both & ((1 << shift) - 1), levels_b)
        tied_in_both = np.zeros(n_rows, dtype=np.int64)
        if tied_a.any() and tied_b.any():
            place = np.arange(1, n)
            group = np.maximum.accumulate(np.where(both[:, 1:] != both[:, :-1], place, 0), axis=1)
            tied_in_both += (place - group).sum(axis=1) - _pairs(n - a.lengths)
        concordance = _pairs(a.lengths) - tied_a - tied_b + tied_in_both - 2 * discordant
    everything = _pairs(a.lengths)
    scale = np.sqrt((everything - tied_a).astype(np.float64) * (everything - tied_b))
    return np.divide(concordance, scale, out=np.zeros_like(scale), where=scale > 0)


def _pairs(count: NDArray[np.int64]) -> NDArray[np.int64]:
    return count * (count - 1) // 2


def _from_contingency(a: _Ranked, b: _Ranked) -> NDArray[np.int64]:
    """Return concordant minus discordant pairs (R,) from a contingency table of levels."""
    height, width = a.counts.shape[1] + 1, b.counts.shape[1] + 1
    cells = a.levels * width + b.levels
    concordance = np.empty(len(cells), dtype=np.int64)
    together = max(1, _CELLS // 4 // (height * width))
    for start in range(0, len(cells), together):
        block = cells[start : start + together]
        offsets = np.arange(len(block))[:, None] * (height * width)
        table = np.bincount((block + offsets).ravel(), minlength=len(block) * height * width)
        table = table.reshape(-1, height, width)[:, :-1, :-1]  # without the padding
        below = np.cumsum(table, axis=1)  # of a up to the level, by level of b; pairs at the same level cancel out
        reach = np.cumsum(below, axis=2)  # … and of b up to the level
        smaller, greater = reach - below, reach[:, :, -1:] - reach
        concordance[start : start + together] = (table * (smaller - greater)).sum(axis=(1, 2))
    return concordance


def _costs_of_inversions(n_rows: int, n: int) -> tuple[float, float]:
    """Return measured nanoseconds per value by comparing all pairs and by merging."""
    return n / 22 + 310 / n_rows, 70 + 1e5 / (n * n_rows)


def _inversions(x: NDArray[np.integer], most: int) -> NDArray[np.int64]:
    """Return the number of pairs (R,) of each row (R, n), values 0 to `most`, in which the first is greater."""
    of_pairs, of_merging = _costs_of_inversions(*x.shape)
    if of_pairs < of_merging:
        small = np.int16 if most < np.iinfo(np.int16).max else np.int32
        return _inversions_of_pairs(np.ascontiguousarray(x.T, dtype=small))
    return _inversions_by_merging(x.astype(np.int32), most)


def _inversions_of_pairs(x: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count inversions of columns (n, R): compare each value with those 1, 2, … later, `_SHIFTS` offsets at once."""
    n, n_rows = x.shape
    filled = np.full(
        (n + _SHIFTS, n_rows), np.iinfo(x.dtype).max, dtype=x.dtype
    )  # no value is greater than the padding
    filled[:n] = x
    greater = np.empty((_SHIFTS, n, n_rows), dtype=np.bool_)
    counts = np.zeros(x.shape, dtype=np.uint8)
    total = np.zeros(n_rows, dtype=np.int64)
    counted = 0
    for first in range(1, n, _SHIFTS):
        remaining = n - first
        later = as_strided(
            filled[first:], (_SHIFTS, remaining, n_rows), (filled.strides[0], *filled.strides), writeable=False
        )
        np.greater(x[:remaining], later, out=greater[:, :remaining])
        counts[:remaining] += np.add.reduce(greater[:, :remaining].view(np.uint8), axis=0, dtype=np.uint8)
        counted += _SHIFTS
        if counted + _SHIFTS > np.iinfo(np.uint8).max or first + _SHIFTS >= n:
            total += counts.sum(axis=0, dtype=np.int64)
            counts[:], counted = 0, 0
    return total


def _inversions_by_merging(x: NDArray[np.int32], most: int) -> NDArray[np.int64]:
    """Count inversions of rows (R, n) by merge sort: a value of a right half passes the rest of the left half."""
    n_rows, n = x.shape
    width = 1 << max(n - 1, 1).bit_length()
    runs = np.full((n_rows, width), 2 * (most + 1), dtype=np.int32)  # padded with the greatest value: no inversions
    runs[:, :n] = 2 * x  # the last bit says which half: of equal values the left one comes first
    total = np.zeros(n_rows, dtype=np.int64)
    half = 1
    while half < width:
        pair = runs.reshape(n_rows, -1, 2 * half)
        pair[:, :, half:] += 1
        pair.sort(axis=2)
        right = pair & 1
        pair -= right
        left_after = half - np.cumsum(1 - right, axis=2, dtype=np.int32)
        total += np.einsum("rpw,rpw->r", left_after, right, dtype=np.int64)
        half *= 2
    return total
