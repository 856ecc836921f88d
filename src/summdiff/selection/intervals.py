"""Choose intervals of a video under a time budget, wherever they are worth most, and the same thing only once.

With z the standardized score of a step and z' what is left of it where the summary shows something alike elsewhere, the
intervals [a, b) are those that

    maximize    Σ_intervals (Σ_{a ≤ i < b} seconds_i · z'_i - start_cost_a - end_cost_b)
    subject to  total length ≤ budget, shortest ≤ length ≤ longest, gaps ≥ 2 s.

`priced_intervals` solves this for given z'. A few rounds find the discount: each accepts intervals in the order of
their value per second, refuses those that a similar one, accepted before, has made worthless, and solves again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import UsageError
from summdiff.segmentation import Rows
from summdiff.selection.constraints import ShotStatus, apply_constraints
from summdiff.selection.priced_intervals import AllowedIntervals, PricedChoice
from summdiff.selection.shot_knapsack import best_window
from summdiff.summary import Interval

_GAP = 2.0  # seconds
_USUAL_SHARE = 0.15
_UNLIMITED_SHARE = 0.75  # from this share on, intervals may have any length
_KEPT, _DROPPED = 1e4, -1e6  # value per second of what is kept and dropped, beyond any other
_BLANK = -10.0  # standardized score of what shows nothing, below any other
_LOWEST = 0.05  # quantile of the standardized scores
_ALIKE, _SAME = 0.6, 0.9  # cosines at which steps begin to count as alike, and as the same
_ELSEWHERE = 10.0  # seconds; what is nearer belongs to the same scene
_ROUNDS = 6
_OPEN = 1.5  # below the price; lower scores are not discounted, since hardly any is chosen
_FRAME = 1e-3  # seconds; less than a frame
_USED = 0.95  # share of the budget that is used in any case, if need be by cutting inside a step
_CHEAP, _SPOKEN = 1.0, 5.0  # costs are below these where no hard cut is near, and no speech or dissolve


@dataclass(frozen=True, slots=True)
class IntervalSettings:
    """Settings of the selection of intervals; the defaults are the product's.

    Attributes:
        shortest: seconds of the shortest interval.
        longest: seconds of the longest one, up to a budget of 15%; above, in proportion to the budget's share.
        smoothing: seconds, the deviation of the Gaussian that smooths the scores.
        discount: share of its lead over the lowest scores that an exact repeat loses, in [0, 1].
    """

    shortest: float = 2.0
    longest: float = 15.0
    smoothing: float = 1.0
    discount: float = 0.9


class IntervalSelection:
    """The intervals of one video that compete for a time budget, under any scores.

    Intervals begin and end at the edges of steps, or where constraints begin and end. Never empty: where no interval of
    whole steps fits, the best window of the budget's length is taken.

    Args:
        edges: (N + 1,) seconds, ascending: the start of each step and the end of the last one.
        start_cost, end_cost: (N + 1,) costs of starting and ending an interval at each edge, in standard deviations of
            the scores × seconds; see `CutPlaces.costs`.
        budget: seconds.
        fps: frame rate, frames per second.
        looks: (N, K) int8 descriptors of what the steps show (`descriptors`), for the discount of repeats; None for no
            discount.
        keep, drop: parts that must be in the summary, and parts that must not be.
        blank: indices of steps that show nothing; they are chosen only where nothing else is left.
        settings: lengths, smoothing and discount.

    Raises:
        UsageError: a part is both kept and dropped, the kept parts exceed the budget, or everything is dropped.
    """

    def __init__(
        self,
        edges: ArrayLike,
        start_cost: ArrayLike,
        end_cost: ArrayLike,
        *,
        budget: float,
        fps: float,
        looks: NDArray[np.int8] | None = None,
        keep: Sequence[Interval] = (),
        drop: Sequence[Interval] = (),
        blank: Sequence[int] = (),
        settings: IntervalSettings = IntervalSettings(),
    ) -> None:
        self._edges = np.asarray(edges, dtype=np.float64)
        divided, status = apply_constraints(self._edges, keep, drop, shortest=0.0, frame=1 / fps)
        kept = status == ShotStatus.KEPT
        inside_kept = np.concatenate(([False], kept[1:] & kept[:-1], [False]))
        places, middles = divided[~inside_kept], (divided[:-1] + divided[1:]) / 2
        first = np.flatnonzero(~inside_kept)[:-1]
        self._kept, self._dropped = kept[first], status[first] == ShotStatus.DROPPED
        self._step = np.searchsorted(self._edges, middles, side="right")[first] - 1  # a kept run has its first step's
        self._settings, self._blank = settings, list(blank)
        self._budget, self._frame, self._looks = max(budget, 1 / fps), 1 / fps, looks
        if self._dropped.all():
            raise UsageError("Everything is dropped, so nothing is left to choose from.")
        self._seconds = np.diff(places)
        kept_seconds = float(self._seconds[self._kept].sum())
        if kept_seconds > budget + 1 / fps:
            raise UsageError(
                f"The parts to keep last {kept_seconds:g} s, but the summary may last only {budget:g} s: raise the "
                "budget or keep less."
            )
        self._budget = max(self._budget, kept_seconds)  # longer by less than a frame, which was allowed
        share = self._budget / float(places[-1] - places[0])
        longest = settings.longest * max(1.0, share / _USUAL_SHARE) if share < _UNLIMITED_SHARE else np.inf
        self._longest = longest
        runs = np.flatnonzero(self._kept)
        self._allowed = AllowedIntervals.within(
            places,
            np.interp(places, self._edges, np.asarray(start_cost, dtype=np.float64)),
            np.interp(places, self._edges, np.asarray(end_cost, dtype=np.float64)),
            shortest=settings.shortest,
            longest=longest,
            gap=_GAP,
            kept=np.stack([runs, runs + 1], axis=1),
        )

    def choose(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the intervals (P, 2) in seconds of greatest value, in order, for scores (N,) of the steps."""
        score = np.asarray(scores, dtype=np.float64)
        if self._seconds[~self._dropped].sum() <= self._budget + self._frame / 2:
            parts = _runs(~self._dropped)
        else:
            z = self._standardized(score)
            z[self._blank] = _BLANK
            z = z[self._step]
            parts = self._solved(z, self._allowed)
            if not len(parts):
                parts = self._solved(z, self._allowed.with_pauses_inside_sentences())
        return self._stretched(parts, score) if len(parts) else self._best_window(score)

    def worth(self, parts: NDArray[np.float64], scores: ArrayLike) -> float:
        """Return the integral of scores (N,) over parts (P, 2)."""
        area = np.append(0.0, np.cumsum(np.asarray(scores, dtype=np.float64) * np.diff(self._edges)))
        return float(np.diff(np.interp(parts, self._edges, area), axis=1).sum())

    def coarse(self) -> IntervalSelection:
        """Return this method, which is fast enough."""
        return self

    def _solved(self, z: NDArray[np.float64], allowed: AllowedIntervals) -> NDArray[np.intp]:
        """Return the steps of the intervals of greatest value (P, 2) that are allowed."""
        free = z[~(self._kept | self._dropped)]
        solver = _Solver(allowed, self._seconds, self._kept, self._dropped, free, self._budget)
        return solver.exact(z) if self._looks is None else self._without_repeats(self._looks, z, solver)

    def _standardized(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scores, smoothed over time, with mean 0 and deviation 1."""
        seconds = np.diff(self._edges)
        reach = self._settings.smoothing / float(np.median(seconds))
        width = int(np.ceil(3 * reach))
        if width and len(score) > 1:
            kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / reach) ** 2)
            weight = np.convolve(np.ones(len(score)), kernel)[width:-width]
            smooth = np.convolve(score, kernel)[width:-width] / weight
            score = np.where(score > 0, smooth, 0.0)  # what shows nothing gains nothing from its neighbors
        mean = float(np.average(score, weights=seconds))
        deviation = float(np.sqrt(np.average((score - mean) ** 2, weights=seconds)))
        return (score - mean) / deviation if deviation > 1e-6 else np.zeros(len(score))

    def _without_repeats(self, looks: NDArray[np.int8], z: NDArray[np.float64], solver: _Solver) -> NDArray[np.intp]:
        """Choose again and again, until no interval mostly repeats another one: roughly at first, exactly at last."""
        parts = solver.roughly(z)
        # Hardly anything below the price is chosen, so only the steps above, and little below it, are compared.
        steps = np.flatnonzero(z > solver.price - _OPEN)
        repeats = _Repeats(self._edges, looks, solver.allowed.edges, steps, self._step)
        lead = self._settings.discount * np.maximum(z - np.quantile(z, _LOWEST), 0)
        exact, seen = False, {parts.tobytes()}
        for _ in range(_ROUNDS):
            discount = np.zeros(len(steps))  # of each step: how much it repeats what is accepted
            accepted = np.zeros(len(steps), dtype=np.bool_)
            refused = False
            for a, b in self._in_order(parts, z, solver.allowed):
                inside = slice(*np.searchsorted(steps, (a, b)))
                repeated = discount[inside]
                if repeated.any() and not self._kept[a:b].any():
                    left = float((z[a:b] - solver.price) @ self._seconds[a:b])
                    left -= float((lead[steps[inside]] * repeated) @ self._seconds[steps[inside]])
                    if left < solver.allowed.start_cost[a] + solver.allowed.end_cost[b]:
                        refused = True
                        continue
                before = repeated.copy()
                np.maximum(discount, repeats.of(a, b), out=discount, where=~accepted)
                discount[inside], accepted[inside] = before, True
            if exact and not refused:
                break
            discounted = z.copy()
            discounted[steps] -= lead[steps] * discount
            again = parts if exact else solver.roughly(discounted)
            if exact or again.tobytes() in seen:
                again, exact = solver.exact(discounted), True
            seen.add(again.tobytes())
            parts = again
        return parts if exact else solver.exact(discounted)

    def _in_order(
        self, parts: NDArray[np.intp], z: NDArray[np.float64], allowed: AllowedIntervals
    ) -> list[tuple[int, int]]:
        """Return intervals (P, 2) by their value per second, those with something kept first."""
        edges, start_cost, end_cost = allowed.edges, allowed.start_cost, allowed.end_cost

        def rank(part: tuple[int, int]) -> tuple[bool, float, int]:
            a, b = part
            value = float(z[a:b] @ self._seconds[a:b] - start_cost[a] - end_cost[b])
            return not self._kept[a:b].any(), -value / float(edges[b] - edges[a]), a

        return sorted(((a, b) for a, b in parts.tolist()), key=rank)

    def _best_window(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the best window of the budget's length, or of what may be shown at most."""
        places = self._allowed.edges
        runs = places[_runs(~self._dropped)]
        windows = [
            best_window(start, end, self._edges[:-1], score, length=min(self._budget, end - start))
            for start, end in runs.tolist()
        ]
        start, end, _ = max(windows, key=lambda window: window[2] * (window[1] - window[0]))
        return np.array([[start, end]])

    def _stretched(self, parts: NDArray[np.intp], score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the intervals in seconds, one of them longer by a piece of a step if the budget is far from used.

        No edge around may lie within speech or a dissolve: two pauses beside each other say nothing of the words
        between them. Nor may there be a hard cut in the step.
        """
        edges = self._allowed.edges
        found = edges[parts]
        left = self._budget - float(np.diff(found, axis=1).sum())
        if left < (1 - _USED) * self._budget:
            return found
        ways: list[tuple[float, int, int, float]] = []
        for k, (a, b) in enumerate(parts.tolist()):
            room_before = found[k, 0] - (found[k - 1, 1] + _GAP if k else 0.0)
            room_after = (found[k + 1, 0] - _GAP if k + 1 < len(parts) else edges[-1]) - found[k, 1]
            for side, room, step, place, outer, costs in (
                (0, room_before, a - 1, edges[a] - left, a - 1, self._allowed.start_cost),
                (1, room_after, b, edges[b] + left, b + 1, self._allowed.end_cost),
            ):
                if not 0 <= step < len(self._seconds) or self._dropped[step]:
                    continue
                fits = left <= min(room, self._seconds[step], self._longest - np.diff(found[k])[0])
                around = costs[max(step - 1, 0) : step + 3]
                if fits and costs[outer] < _CHEAP and around.max() < _SPOKEN:
                    ways.append((float(score[self._step[step]] - costs[outer]), k, side, float(place)))
        if ways:
            _, k, side, place = max(ways)
            found[k, side] = place
        return found


class _Solver:
    """Solves for changing scores; each solution starts at the price of the one before."""

    def __init__(
        self,
        allowed: AllowedIntervals,
        seconds: NDArray[np.float64],
        kept: NDArray[np.bool_],
        dropped: NDArray[np.bool_],
        free: NDArray[np.float64],
        budget: float,
    ) -> None:
        self.allowed, self._seconds, self._kept, self._dropped, self._budget = allowed, seconds, kept, dropped, budget
        self._least, self._greatest = (float(free.min()), float(free.max())) if len(free) else (0.0, 0.0)
        share = min(budget / float(seconds.sum()), 1.0)
        self.price = float(np.quantile(free, 1 - share)) if len(free) else 0.0

    def exact(self, z: NDArray[np.float64]) -> NDArray[np.intp]:
        return self._solved(self.allowed.choose, z)

    def roughly(self, z: NDArray[np.float64]) -> NDArray[np.intp]:
        return self._solved(self.allowed.roughly, z)

    def _solved(self, solve: Callable[..., tuple[PricedChoice, float]], z: NDArray[np.float64]) -> NDArray[np.intp]:
        value = np.where(self._kept, _KEPT, np.where(self._dropped, _DROPPED, z)) * self._seconds
        guess = min(max(self.price, self._least), self._greatest)
        choice, self.price = solve(value, self._budget, least=self._least, greatest=self._greatest, guess=guess)
        return choice.intervals


class _Repeats:
    """Similarity of steps to intervals elsewhere, by which repeats are discounted.

    Args:
        edges: (N + 1,) seconds, of the steps that have descriptors.
        looks: (N, K) int8 descriptors.
        places: (N' + 1,) seconds, of the steps to choose from, which constraints divide.
        steps: (S,) steps to choose from that are compared, ascending.
        step: (N',) the step of `edges` that each step to choose from belongs to.
    """

    def __init__(
        self,
        edges: NDArray[np.float64],
        looks: NDArray[np.int8],
        places: NDArray[np.float64],
        steps: NDArray[np.intp],
        step: NDArray[np.intp],
    ) -> None:
        self._edges, self._places = edges, places
        self._starts, self._ends = places[steps], places[steps + 1]
        self._unit = looks.astype(np.float32) / 127
        self._compared = np.ascontiguousarray(self._unit[step[steps]].T)
        self._known: dict[tuple[int, int], NDArray[np.float32]] = {}

    def of(self, a: int, b: int) -> NDArray[np.float32]:
        """Return how much each of the steps repeats a step of an interval 10 s or more away: (S,) in [0, 1]."""
        if (a, b) not in self._known:
            start, end = self._places[a], self._places[b]
            first, last = np.searchsorted(self._edges, (start + _FRAME, end - _FRAME))
            cosine = self._unit[first - 1 : last] @ self._compared
            near = slice(
                np.searchsorted(self._ends, start - _ELSEWHERE, side="right"),
                np.searchsorted(self._starts, end + _ELSEWHERE),
            )
            apart = np.abs(self._edges[first - 1 : last, None] - self._starts[near])
            cosine[:, near] = np.where(apart < _ELSEWHERE, 0, cosine[:, near])
            share = cosine.max(axis=0)
            share -= _ALIKE
            share /= _SAME - _ALIKE
            np.clip(share, 0, 1, out=share)
            self._known[a, b] = share
        return self._known[a, b]


def descriptors(features: ArrayLike, *, dimensions: int = 32) -> NDArray[np.int8]:
    """Return compact descriptors of what steps show: (N, K) int8, whose products / 127² approximate the cosine of
    features, centered over the video.
    """
    unit = Rows(features, center=True)
    k = min(dimensions, *unit.shape)
    rng = np.random.default_rng(0)
    sketch = _times(unit, rng.standard_normal((unit.shape[1], k + 8), dtype=np.float32))
    for _ in range(2):
        sketch = _times(unit, _transposed_times(unit, np.linalg.qr(sketch)[0]))
    basis = np.linalg.qr(_transposed_times(unit, np.linalg.qr(sketch)[0]))[0]
    small = _times(unit, basis)
    _, _, rotation = np.linalg.svd(small, full_matrices=False)
    descriptor: NDArray[np.int8] = np.round(127 * np.clip(small @ rotation[:k].T, -1, 1)).astype(np.int8)
    return descriptor


def _times(unit: Rows, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the product (N, K) of rows (N, D) and a matrix (D, K)."""
    return np.concatenate([rows @ matrix for rows in unit.blocks()])


def _transposed_times(unit: Rows, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the product (D, K) of rows (N, D), transposed, and a matrix (N, K)."""
    product = np.zeros((unit.shape[1], matrix.shape[1]), dtype=np.float32)
    start = 0
    for rows in unit.blocks():
        product += rows.T @ matrix[start : start + len(rows)]
        start += len(rows)
    return product


def _runs(marked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the runs of marked steps as (R, 2) edges."""
    change = np.diff(np.concatenate(([0], marked.astype(np.int8), [0])))
    return np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1)], axis=1)
