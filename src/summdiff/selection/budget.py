"""From scored steps and shots to the parts that fill a time budget: never empty, never over it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.selection.knapsack import knapsack

Value = Literal["sum", "mean"]

_MOST_TICKS = 20_000  # the budget is counted in frames, or in coarser ticks where it holds more of them than this
_FORGIVEN = 0.01  # of a tick: ends of shots are rounded times of frames
_TIE_BREAK = 1e-6  # of the largest value: equal shots are told apart by their length


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen among S shots.

    Attributes:
        shot_scores: (S,) mean importance of each shot's steps.
        chosen: (S,) True where the shot, or a part of it, is in the summary. At least one is.
        parts: (P, 2) chosen parts in seconds, [start, end), in order: one for each chosen shot.
    """

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
) -> Choice:
    """The shots of greatest total value that last no longer than the budget together.

    A shot longer than the whole budget is offered as its best window of that length, so that something good is always
    there to be chosen. Lengths are rounded up to whole frames and the budget down, so the choice is never over it; a
    budget of less than a frame gives one frame.

    Args:
        edges: (S + 1,) seconds, ascending: where each shot starts, and the end of the last one.
        times: (N,) seconds, ascending: where each step was looked at; every shot holds at least one.
        scores: (N,) importance of each step, at least 0.
        budget: seconds.
        fps: frame rate, frames per second.
        value: what a shot is worth: "sum", importance times seconds, which prefers the best seconds whatever the
            shot's length; or "mean", importance, as in the literature, which prefers many short shots.
    """
    edge = np.asarray(edges, dtype=np.float64)
    time = np.asarray(times, dtype=np.float64)
    score = np.asarray(scores, dtype=np.float64)
    shot_of_step = np.searchsorted(edge[:-1], time, side="right") - 1
    steps_in_shot = np.bincount(shot_of_step, minlength=len(edge) - 1)
    shot_scores = np.bincount(shot_of_step, weights=score, minlength=len(edge) - 1) / np.maximum(steps_in_shot, 1)

    tick = max(1.0 / fps, budget / _MOST_TICKS)
    capacity = max(math.floor(budget / tick + _FORGIVEN), 1)
    offers = np.stack([edge[:-1], edge[1:]], axis=1)
    worth = shot_scores.copy()
    for shot in np.flatnonzero(_ticks(offers, tick) > capacity):
        start, end = offers[shot]
        *offers[shot], worth[shot] = best_window(start, end, time, score, length=capacity * tick)

    length = offers[:, 1] - offers[:, 0]
    worth = np.maximum(worth * length if value == "sum" else worth, 0.0)
    scale = float(worth.max()) or 1.0
    worth += _TIE_BREAK * scale * length / length.sum()  # shots of equal worth: rather fill the budget
    chosen = knapsack(worth, _ticks(offers, tick), capacity)
    return Choice(shot_scores, chosen, offers[chosen])


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
    t = np.asarray(times, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    # The integral of a step function is piecewise linear in the window's place: the best one starts or ends at a step.
    edges = np.concatenate(([start], t[(t > start) & (t < end)], [end]))
    held = s[np.maximum(np.searchsorted(t, edges[:-1], side="right") - 1, 0)]
    area = np.concatenate(([0.0], np.cumsum(held * np.diff(edges))))
    places = np.concatenate((edges, edges - length))
    places = np.unique(places[(places >= start) & (places <= end - length)])
    gained = np.interp(places + length, edges, area) - np.interp(places, edges, area)
    best = int(np.flatnonzero(gained >= gained.max() - 1e-9)[0])
    return float(places[best]), float(places[best] + length), float(gained[best] / length)


def _ticks(parts: NDArray[np.float64], tick: float) -> NDArray[np.int64]:
    """Lengths of (P, 2) parts in whole ticks, rounded up."""
    return np.maximum(np.ceil((parts[:, 1] - parts[:, 0]) / tick - _FORGIVEN), 1).astype(np.int64)
