"""From importance scores to a summary on given segments, and its overlap with annotators' summaries.

The field's protocol (Zhang et al., ECCV 2016): a step's score holds until the next step; a segment is worth the
mean score of its frames; a 0/1 knapsack of the segments under 15 % of the frames is the summary; F1 is the overlap in
frames with each annotator's summary, averaged over annotators (TVSum) or the largest of them (SumMe).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError
from summdiff.selection import knapsack


def frame_scores(scores: ArrayLike, picks: ArrayLike, n_frames: int) -> NDArray[np.float64]:
    """Importance of every frame: a step's score holds from its pick to the next one; 0 before the first.

    Args:
        scores: (n_steps,).
        picks: (n_steps,) first frame of each step, rising.
        n_frames: frames of the video.

    Returns:
        (n_frames,) float64.
    """
    score, pick = np.asarray(scores, dtype=np.float64), np.asarray(picks)
    if score.shape != pick.shape or score.ndim != 1:
        raise DataError(f"Scores and picks must be (n_steps,) each, not {score.shape} and {pick.shape}.")
    step = np.searchsorted(pick, np.arange(n_frames), side="right") - 1
    return np.where(step >= 0, score[np.maximum(step, 0)], 0.0)


def summary_from_scores(
    scores: ArrayLike,
    picks: ArrayLike,
    n_frames: int,
    change_points: ArrayLike,
    *,
    budget: float = 0.15,
) -> NDArray[np.uint8]:
    """The summary that scores give on given segments.

    Args:
        scores: (n_steps,) importance.
        picks: (n_steps,) first frame of each step.
        n_frames: frames of the video.
        change_points: (S, 2) first and last frame of each segment, both inclusive.
        budget: largest share of the frames; the capacity is rounded down.

    Returns:
        (n_frames,) uint8, 1 for frames in the summary.
    """
    segment = np.asarray(change_points, dtype=np.int64)
    if segment.ndim != 2 or segment.shape[1] != 2 or (segment[:, 1] < segment[:, 0]).any():
        raise DataError(f"The change_points must be (S, 2) with first <= last, got shape {segment.shape}.")
    first, last = segment[:, 0], np.minimum(segment[:, 1], n_frames - 1)
    area = np.concatenate(([0.0], np.cumsum(frame_scores(scores, picks, n_frames))))
    length = last - first + 1
    chosen = knapsack((area[last + 1] - area[first]) / length, length, int(budget * n_frames))
    summary = np.zeros(n_frames, dtype=np.uint8)
    for a, b in zip(first[chosen], last[chosen], strict=True):
        summary[a : b + 1] = 1
    return summary


def f1_score(summary: ArrayLike, user_summary: ArrayLike, *, reduce: Literal["mean", "max"] = "mean") -> float:
    """F1 of the frames that a summary shares with annotators' summaries.

    Args:
        summary: (n_frames,) 0/1; cut or filled with 0 to the annotators' length.
        user_summary: (users, n_frames) or (n_frames,) 0/1.
        reduce: over annotators, "mean" (TVSum) or "max" (SumMe).

    Returns:
        A value in [0, 1]; 0 against an annotator with whom no frame is shared.
    """
    users = np.atleast_2d(np.asarray(user_summary) > 0)
    chosen = np.zeros(users.shape[1], dtype=bool)
    given = np.asarray(summary).ravel()[: users.shape[1]] > 0
    chosen[: len(given)] = given
    shared = (users & chosen).sum(axis=1)
    f1 = 2 * shared / np.maximum(users.sum(axis=1) + chosen.sum(), 1)
    return float(f1.max() if reduce == "max" else f1.mean())
