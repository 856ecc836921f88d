"""From scored shots to the parts that fill a time budget: never empty, never over it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.selection.knapsack import knapsack

Value = Literal["mean", "sum"]

_MOST_TICKS = 20_000  # the budget is counted in frames, or in coarser ticks where it holds more of them than this
_TIE_BREAK = 1e-6  # of the largest value: equal shots are told apart by their length


def choose_shots(
    starts: ArrayLike,
    ends: ArrayLike,
    shot_scores: ArrayLike,
    *,
    budget: float,
    fps: float,
    value: Value = "sum",
) -> NDArray[np.bool_]:
    """The shots of greatest total value that last no longer than the budget together.

    Lengths are rounded up to whole frames and the budget down, so the choice is never over it.

    Args:
        starts, ends: (S,) seconds.
        shot_scores: (S,) mean importance of each shot, at least 0.
        budget: seconds.
        fps: frame rate, frames per second.
        value: what a shot is worth: "mean", its mean importance, as in the literature, which prefers many short
            shots; or "sum", importance times seconds, which prefers the best seconds whatever the shot's length.

    Returns:
        (S,) True for the chosen shots. All False where no shot fits.
    """
    length = np.asarray(ends, dtype=np.float64) - np.asarray(starts, dtype=np.float64)
    score = np.asarray(shot_scores, dtype=np.float64)
    # Ends of shots are rounded times of frames: 1 % of a frame is forgiven before rounding.
    tick = max(1.0 / fps, budget / _MOST_TICKS)
    weights = np.maximum(np.ceil(length / tick - 0.01), 1).astype(np.int64)
    capacity = math.floor(budget / tick + 0.01)

    worth = np.maximum(score * length if value == "sum" else score, 0.0)
    total = float(length.sum())
    scale = float(worth.max(initial=0.0)) or 1.0
    if total > 0:
        worth = worth + _TIE_BREAK * scale * length / total  # all-equal scores then fill the budget
    return knapsack(worth, weights, capacity)


def best_window(
    start: float,
    end: float,
    times: ArrayLike,
    scores: ArrayLike,
    *,
    length: float,
) -> tuple[float, float]:
    """The window of a given length within [start, end) over which the scores are highest on average.

    For the case that no whole shot fits the budget. A score holds from its time to the next one.

    Args:
        start, end: the shot, seconds.
        times, scores: (N,) seconds, ascending, and importance.
        length: seconds; the whole shot is returned where it is no longer than this.

    Returns:
        (start, end) of the window, seconds. Of equally good windows the first.
    """
    if end - start <= length:
        return start, end
    t = np.asarray(times, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    # The integral of a step function is piecewise linear in the window's place: the best one starts or ends at a step.
    inside = t[(t > start) & (t < end)]
    edges = np.concatenate(([start], inside, [end]))
    held = s[np.maximum(np.searchsorted(t, edges[:-1], side="right") - 1, 0)]
    area = np.concatenate(([0.0], np.cumsum(held * np.diff(edges))))
    places = np.concatenate((edges, edges - length))
    places = np.unique(places[(places >= start) & (places <= end - length)])
    gained = np.interp(places + length, edges, area) - np.interp(places, edges, area)
    first = float(places[np.flatnonzero(gained >= gained.max() - 1e-9)[0]])
    return first, first + length
