"""From scored steps and shots to the parts that fill a time budget: never empty, never over it, as the user wishes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import UsageError
from summdiff.selection.knapsack import knapsack
from summdiff.selection.wishes import Fate, divide
from summdiff.summary import Interval

Value = Literal["sum", "mean"]

_MOST_TICKS = 20_000  # the budget is counted in frames, or in coarser ticks where it holds more of them than this
_COARSE_TICKS = 2_000  # where many choices are made for what they have in common
_FORGIVEN = 0.01  # of a tick: ends of shots are rounded times of frames
_TIE_BREAK = 1e-6  # of the largest value: equal shots are told apart by their length


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen among S shots.

    Attributes:
        edges: (S + 1,) seconds: where each shot starts, and the end of the last one. Wishes divide shots.
        shot_scores: (S,) mean importance of each shot's steps.
        chosen: (S,) True where the shot, or a part of it, is in the summary. At least one is.
        parts: (P, 2) chosen parts in seconds, [start, end), in order: one for each chosen shot.
    """

    edges: NDArray[np.float64]
    shot_scores: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    parts: NDArray[np.float64]


def choose(
    edges: ArrayLike,
    times: ArrayLike,
    scores: ArrayLike,
    *,
    budget: float,
    fps: float,
    value: Value = "sum",
    keep: Sequence[Interval] = (),
    drop: Sequence[Interval] = (),
    shortest: float = 0.0,
) -> Choice:
    """The shots of greatest total value that last no longer than the budget together; see `Shots`."""
    shots = Shots(edges, times, budget=budget, fps=fps, value=value, keep=keep, drop=drop, shortest=shortest)
    return shots.choose(scores)


class Shots:
    """The shots of one video that compete for a budget, however they are scored.

    A shot longer than the whole budget is offered as its best window of that length, so that something good is always
    there to be chosen. Lengths are rounded up to whole frames and the budget down, so the choice is never over it; a
    budget of less than a frame gives one frame.

    What is to be kept is chosen before anything else, to the second; what is to be dropped is never chosen. Shots are
    divided where such a wish begins or ends.

    Attributes:
        edges: (S + 1,) seconds: where each shot starts, and the end of the last one.
    """

    def __init__(
        self,
        edges: ArrayLike,
        times: ArrayLike,
        *,
        budget: float,
        fps: float,
        value: Value = "sum",
        keep: Sequence[Interval] = (),
        drop: Sequence[Interval] = (),
        shortest: float = 0.0,
        most_ticks: int = _MOST_TICKS,
    ) -> None:
        """Take shots and wishes.

        Args:
            edges: (S + 1,) seconds, ascending: where each shot starts, and the end of the last one.
            times: (N,) seconds, ascending: where each step was looked at.
            budget: seconds.
            fps: frame rate, frames per second.
            value: what a shot is worth: "sum", importance times seconds, which prefers the best seconds whatever the
                shot's length; or "mean", importance, as in the literature, which prefers many short shots.
            keep, drop: seconds that must, and that must not, be in the summary.
            shortest: seconds; what wishes leave of a shot is offered only if it lasts so long or touches what is kept.
            most_ticks: units that the budget is counted in at most.

        Raises:
            UsageError: a part is both to be kept and to be dropped, what is to be kept is longer than the budget, or
                everything is to be dropped.
        """
        self._again = partial(
            Shots,
            edges,
            times,
            budget=budget,
            fps=fps,
            value=value,
            keep=tuple(keep),
            drop=tuple(drop),
            shortest=shortest,
        )
        self._times = np.asarray(times, dtype=np.float64)
        given = np.asarray(edges, dtype=np.float64)
        self.edges, self._fate = divide(given, keep, drop, shortest=shortest, frame=1 / fps)
        self._value = value
        starts = self.edges[:-1]
        # A piece without a step has the score of the step before, which holds until the next one.
        first = np.searchsorted(self._times, starts, side="left")
        self._has_steps = np.searchsorted(self._times, self.edges[1:], side="left") > first
        self._held = np.maximum(np.searchsorted(self._times, starts, side="right") - 1, 0)
        self._shot_of_step = np.maximum(np.searchsorted(starts, self._times, side="right") - 1, 0)
        self._counts = np.bincount(self._shot_of_step, minlength=len(starts))

        self._tick = max(1.0 / fps, budget / most_ticks)
        self._kept = self._fate == Fate.KEPT
        self._free = self._fate == Fate.FREE
        capacity = max(math.floor(budget / self._tick + _FORGIVEN), 1)
        kept = _runs(self.edges, self._kept)
        self._capacity = capacity - int(_ticks(kept, self._tick).sum()) if len(kept) else capacity
        if self._capacity < 0:
            raise UsageError(
                f"The parts to keep last {_length(kept):g} s, but the summary may last only {budget:g} s: allow more, "
                "or keep less."
            )
        if not self._free.any() and not self._kept.any():
            raise UsageError("Nothing is left to choose from: everything is to be dropped.")
        self._shortest = shortest if self._kept.any() else 0.0

    def choose(self, scores: ArrayLike) -> Choice:
        """The choice of greatest value.

        Args:
            scores: (N,) importance of each step.
        """
        score = np.asarray(scores, dtype=np.float64)
        totals = np.bincount(self._shot_of_step, weights=score, minlength=len(self._counts))
        shot_scores = np.where(self._has_steps, totals / np.maximum(self._counts, 1), score[self._held])

        offers = np.stack([self.edges[:-1], self.edges[1:]], axis=1)
        worth, free, room = shot_scores.copy(), self._free.copy(), self._capacity * self._tick
        for shot in np.flatnonzero(free & (_ticks(offers, self._tick) > self._capacity)):
            if room < max(self._shortest, self._tick):
                free[shot] = False
                continue
            start, end = offers[shot]
            *offers[shot], worth[shot] = best_window(start, end, self._times, score, length=room)

        length = offers[:, 1] - offers[:, 0]
        worth = np.maximum(worth * length if self._value == "sum" else worth, 0.0)
        scale = float(worth.max()) or 1.0
        worth += _TIE_BREAK * scale * length / length.sum()  # shots of equal worth: rather fill the budget
        chosen = knapsack(np.where(free, worth, 0.0), _ticks(offers, self._tick), self._capacity) | self._kept
        return Choice(self.edges, shot_scores, chosen, offers[chosen])

    def worth(self, parts: NDArray[np.float64], scores: ArrayLike) -> float:
        """What (P, 2) parts are worth together, if steps have these scores (N,)."""
        score = np.asarray(scores, dtype=np.float64)
        places, area = _area(self._times, score, float(self.edges[0]), float(self.edges[-1]))
        gained = np.interp(parts[:, 1], places, area) - np.interp(parts[:, 0], places, area)
        return float((gained if self._value == "sum" else gained / (parts[:, 1] - parts[:, 0])).sum())

    def probability(self, curves: ArrayLike) -> NDArray[np.float64]:
        """How likely each shot is to be in the summary: (S,) share of curves (M, N) whose own choice has it."""
        coarse = self.coarse()
        chosen = [coarse.choose(curve).chosen for curve in np.atleast_2d(np.asarray(curves, dtype=np.float64))]
        share: NDArray[np.float64] = np.mean(chosen, axis=0)
        return share

    def coarse(self) -> Shots:
        """The same with the budget counted in coarser ticks, for many quick choices, each within the budget too."""
        try:
            return self._again(most_ticks=_COARSE_TICKS)
        except UsageError:  # kept parts that just fit; what is left in fine ticks is hardly worth a choice
            return self


def best_window(
    start: float,
    end: float,
    times: ArrayLike,
    scores: ArrayLike,
    *,
    length: float,
) -> tuple[float, float, float]:
    """The window of a given length within [start, end) over which the scores are highest on average.

    Args:
        start, end: seconds, at least `length` apart.
        times, scores: (N,) seconds, ascending, and importance; a score holds from its time to the next one.
        length: seconds.

    Returns:
        Start and end of the window in seconds, and the mean score over it. Of equally good windows the first.
    """
    edges, area = _area(np.asarray(times, dtype=np.float64), np.asarray(scores, dtype=np.float64), start, end)
    # The integral of a step function is piecewise linear in the window's place: the best one starts or ends at a step.
    places = np.concatenate((edges, edges - length))
    places = np.unique(places[(places >= start) & (places <= end - length)])
    gained = np.interp(places + length, edges, area) - np.interp(places, edges, area)
    best = int(np.flatnonzero(gained >= gained.max() - 1e-9)[0])
    return float(places[best]), float(places[best] + length), float(gained[best] / length)


def _area(
    times: NDArray[np.float64], scores: NDArray[np.float64], start: float, end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in [start, end] and the integral of the scores up to each; a score holds until the next one's time."""
    edges = np.concatenate(([start], times[(times > start) & (times < end)], [end]))
    held = scores[np.maximum(np.searchsorted(times, edges[:-1], side="right") - 1, 0)]
    return edges, np.concatenate(([0.0], np.cumsum(held * np.diff(edges))))


def _ticks(parts: NDArray[np.float64], tick: float) -> NDArray[np.int64]:
    """Lengths of (P, 2) parts in whole ticks, rounded up."""
    return np.maximum(np.ceil((parts[:, 1] - parts[:, 0]) / tick - _FORGIVEN), 1).astype(np.int64)


def _runs(edges: NDArray[np.float64], marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(R, 2) seconds of the runs of marked shots."""
    change = np.diff(np.concatenate(([0], marked.astype(np.int8), [0])))
    return np.stack([edges[np.flatnonzero(change == 1)], edges[np.flatnonzero(change == -1)]], axis=1)


def _length(parts: NDArray[np.float64]) -> float:
    return float((parts[:, 1] - parts[:, 0]).sum())
