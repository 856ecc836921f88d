"""Choose the shots of greatest total value that fit a time budget, as a 0/1 knapsack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import UsageError
from summdiff.selection.constraints import ShotStatus, apply_constraints
from summdiff.selection.knapsack import knapsack
from summdiff.summary import Interval

ShotValue = Literal["sum", "mean"]

_MAX_TICKS = 20_000  # the budget is counted in frames, or in longer ticks where it holds more frames than this
_COARSE_TICKS = 2_000
_TOLERANCE = 0.01  # of a tick: edges of shots are rounded presentation times
_TIE_BREAK = 1e-6  # of the largest value: among shots of equal value the longer one is preferred


class ShotKnapsack:
    """The shots of one video that compete for a time budget, under any scores.

    A shot longer than the whole budget is offered as its best window of that length, so the choice is never empty.
    Lengths are rounded up to whole frames and the budget down, so the choice never exceeds it; a budget below one frame
    gives one frame. Shots are divided where constraints begin and end. Kept parts are chosen first, dropped parts
    never, and the knapsack fills the rest of the budget.

    Args:
        edges: (S + 1,) seconds, ascending: the start of each shot and the end of the last one.
        times: (N,) seconds, ascending: time of each step.
        budget: seconds.
        fps: frame rate, frames per second.
        value: value of a shot: "sum", importance times seconds, which prefers the best seconds whatever the length of
            their shot; or "mean", importance, as in the literature, which prefers many short shots.
        keep, drop: parts that must be in the summary, and parts that must not be.
        shortest: seconds; shortest piece offered of a shot that a constraint or the kept parts' share of the budget
            has shortened, unless it is next to a kept part.
        blank: indices of steps that show nothing and count as 0, whatever their score.
        max_ticks: largest number of units in which the budget is counted.

    Attributes:
        edges: (S' + 1,) edges in seconds, divided by constraints.

    Raises:
        UsageError: a part is both kept and dropped, the kept parts exceed the budget, or everything is dropped.
    """

    def __init__(
        self,
        edges: ArrayLike,
        times: ArrayLike,
        *,
        budget: float,
        fps: float,
        value: ShotValue = "sum",
        keep: Sequence[Interval] = (),
        drop: Sequence[Interval] = (),
        shortest: float = 0.0,
        blank: Sequence[int] = (),
        max_ticks: int = _MAX_TICKS,
    ) -> None:
        self._with_max_ticks = partial(
            ShotKnapsack,
            edges,
            times,
            budget=budget,
            fps=fps,
            value=value,
            keep=tuple(keep),
            drop=tuple(drop),
            shortest=shortest,
            blank=tuple(blank),
        )
        self._blank = list(blank)
        self._times = np.asarray(times, dtype=np.float64)
        self._value = value
        self.edges, status = apply_constraints(
            np.asarray(edges, dtype=np.float64), keep, drop, shortest=shortest, frame=1 / fps
        )
        self._kept, self._free = status == ShotStatus.KEPT, status == ShotStatus.FREE

        self._tick = max(1.0 / fps, budget / max_ticks)
        capacity = max(math.floor(budget / self._tick + _TOLERANCE), 1)
        kept_runs = _runs(self.edges, self._kept)
        self._capacity = capacity - int(_ticks(kept_runs, self._tick).sum()) if len(kept_runs) else capacity
        if self._capacity < 0:
            raise UsageError(
                f"The parts to keep last {np.diff(kept_runs, axis=1).sum():g} s, but the summary may last only "
                f"{budget:g} s: raise the budget or keep less."
            )
        if not self._free.any() and not self._kept.any():
            raise UsageError("Everything is dropped, so nothing is left to choose from.")
        self._shortest = shortest if self._kept.any() else 0.0

    def choose(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the chosen parts (P, 2) in seconds, in order, one per chosen shot, for scores (N,) of the steps."""
        score = np.array(scores, dtype=np.float64)
        score[self._blank] = 0.0
        shot_scores = mean_scores(self.edges, self._times, score)

        offers = np.stack([self.edges[:-1], self.edges[1:]], axis=1)  # (S', 2)
        offer_scores, free, room = shot_scores.copy(), self._free.copy(), self._capacity * self._tick
        for shot in np.flatnonzero(free & (_ticks(offers, self._tick) > self._capacity)):
            if room < max(self._shortest, self._tick):
                free[shot] = False
                continue
            start, end = offers[shot]
            *offers[shot], offer_scores[shot] = best_window(start, end, self._times, score, length=room)

        length = offers[:, 1] - offers[:, 0]
        values = np.maximum(offer_scores * length if self._value == "sum" else offer_scores, 0.0)
        scale = float(values.max()) or 1.0
        values += _TIE_BREAK * scale * length / length.sum()
        chosen = knapsack(np.where(free, values, 0.0), _ticks(offers, self._tick), self._capacity) | self._kept
        parts: NDArray[np.float64] = offers[chosen]
        return parts

    def worth(self, parts: NDArray[np.float64], scores: ArrayLike) -> float:
        """Return the total value of parts (P, 2) under scores (N,)."""
        score = np.asarray(scores, dtype=np.float64)
        places, area = _area(self._times, score, float(self.edges[0]), float(self.edges[-1]))
        sums = np.interp(parts[:, 1], places, area) - np.interp(parts[:, 0], places, area)
        return float((sums if self._value == "sum" else sums / (parts[:, 1] - parts[:, 0])).sum())

    def coarse(self) -> ShotKnapsack:
        """Return the same problem with the budget counted in longer ticks: faster, and still within the budget."""
        try:
            return self._with_max_ticks(max_ticks=_COARSE_TICKS)
        except UsageError:  # the kept parts fit only when counted in short ticks
            return self


def mean_scores(
    edges: NDArray[np.float64], times: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean score of the steps in each shot: (S,).

    A shot without a step has the score of the step before it, which holds until the next step.

    Args:
        edges: (S + 1,) seconds, ascending: the start of each shot and the end of the last one.
        times, scores: (N,) seconds, ascending, and importance.
    """
    starts = edges[:-1]
    has_steps = np.searchsorted(times, edges[1:], side="left") > np.searchsorted(times, starts, side="left")
    step_before = np.maximum(np.searchsorted(times, starts, side="right") - 1, 0)
    shot_of_step = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
    totals = np.bincount(shot_of_step, weights=scores, minlength=len(starts))
    counts = np.bincount(shot_of_step, minlength=len(starts))
    return np.where(has_steps, totals / np.maximum(counts, 1), scores[step_before])


def best_window(
    start: float,
    end: float,
    times: ArrayLike,
    scores: ArrayLike,
    *,
    length: float,
) -> tuple[float, float, float]:
    """Find the window of a given length within [start, end) that has the highest mean score.

    Args:
        start, end: seconds, at least `length` apart.
        times, scores: (N,) seconds, ascending, and importance; a score holds from its time to the next one.
        length: seconds.

    Returns:
        Start and end of the window in seconds, and its mean score. The first of equally good windows.
    """
    edges, area = _area(np.asarray(times, dtype=np.float64), np.asarray(scores, dtype=np.float64), start, end)
    # The integral over the window is piecewise linear in its place, so the best window starts or ends at a step.
    places = np.concatenate((edges, edges - length))
    latest = max(start, end - length)  # rounding may put the difference before the start
    places = np.unique(places[(places >= start) & (places <= latest)])
    sums = np.interp(places + length, edges, area) - np.interp(places, edges, area)
    best = int(np.flatnonzero(sums >= sums.max() - 1e-9)[0])
    return float(places[best]), float(places[best] + length), float(sums[best] / length)


def _area(
    times: NDArray[np.float64], scores: NDArray[np.float64], start: float, end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places in [start, end] and the integral of the scores up to each; a score holds until the next step."""
    edges = np.concatenate(([start], times[(times > start) & (times < end)], [end]))
    held = scores[np.maximum(np.searchsorted(times, edges[:-1], side="right") - 1, 0)]
    return edges, np.concatenate(([0.0], np.cumsum(held * np.diff(edges))))


def _ticks(parts: NDArray[np.float64], tick: float) -> NDArray[np.int64]:
    """Return the lengths of parts (P, 2) in ticks, rounded up."""
    return np.maximum(np.ceil((parts[:, 1] - parts[:, 0]) / tick - _TOLERANCE), 1).astype(np.int64)


def _runs(edges: NDArray[np.float64], marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the runs of marked shots as (R, 2) seconds."""
    change = np.diff(np.concatenate(([0], marked.astype(np.int8), [0])))
    return np.stack([edges[np.flatnonzero(change == 1)], edges[np.flatnonzero(change == -1)]], axis=1)
