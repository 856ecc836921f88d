"""F1: how many frames a summary shares with annotators' summaries.

Averaged over the annotators of a video on TVSum, the largest of them on SumMe (Zhang et al., ECCV 2016).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


def f1_score(summary: ArrayLike, user_summary: ArrayLike, reduce: Literal["mean", "max"] = "mean") -> float:
    """Return F1 of the frames that a summary shares with annotators' summaries.

    Args:
        summary: (n_frames,) 0/1; cut or filled with 0 to the annotators' length.
        user_summary: (users, n_frames) or (n_frames,) 0/1.
        reduce: over annotators, "mean" (TVSum) or "max" (SumMe).

    Returns:
        A value in [0, 1]; 0 if no frame is shared.
    """
    f1 = f1_scores(np.ravel(summary)[None], user_summary)
    return float(f1.max() if reduce == "max" else f1.mean())


def f1_scores(summaries: ArrayLike, user_summary: ArrayLike) -> NDArray[np.float64]:
    """Return F1 (K, U) of summaries (K, n_frames) with annotators' (U, n_frames); see `f1_score`."""
    shared, chosen, totals = _overlap(summaries, user_summary)
    return _f1(shared, chosen, totals)


def precision_recall_f1(
    summaries: ArrayLike, user_summary: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return precision, recall and F1, (K, U) each; see `f1_scores`. 0 where no frame is shared."""
    shared, chosen, totals = _overlap(summaries, user_summary)
    return shared / np.maximum(chosen, 1), shared / np.maximum(totals, 1), _f1(shared, chosen, totals)


def f1_of_choices(chosen: ArrayLike, lengths: ArrayLike, counts: ArrayLike, totals: ArrayLike) -> NDArray[np.float64]:
    """Return `f1_scores` (K, U) of summaries given by segments, without arrays of frames.

    All may have further axes in front, to work on many videos filled up to the same S with segments not chosen.

    Args:
        chosen: (K, S) segments in each summary.
        lengths: (S,) frames that each segment has in a summary, `ends - starts` of `Segments`.
        counts: (U, S) frames that each annotator chose in each segment, `Segments.counts`.
        totals: (U,) frames that each annotator chose.

    Returns:
        (K, U).
    """
    choice, count = np.asarray(chosen, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    sizes = choice @ np.asarray(lengths, dtype=np.float64)[..., None]
    return _f1(choice @ count.swapaxes(-1, -2), sizes, np.asarray(totals)[..., None, :])


def _overlap(
    summaries: ArrayLike, user_summary: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count frames shared (K, U), in each summary (K, 1) and in each annotator's (1, U).

    Single precision holds every count up to 2^24 frames, six days of video, exactly.
    """
    user, summary = (np.atleast_2d(np.asarray(values) > 0) for values in (user_summary, summaries))
    n = min(summary.shape[1], user.shape[1])  # frames beyond the annotators' length do not count
    frames, user_frames = summary[:, :n].astype(np.float32), user.astype(np.float32)
    shared = (frames @ user_frames[:, :n].T).astype(np.float64)
    return shared, frames.sum(axis=1, dtype=np.float64)[:, None], user_frames.sum(axis=1, dtype=np.float64)[None]


def _f1(
    shared: NDArray[np.float64], chosen: NDArray[np.float64], totals: NDArray[np.floating] | NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return 2 · shared / (chosen + totals), 0 where both are empty, for shapes that broadcast to (…, K, U)."""
    f1: NDArray[np.float64] = 2.0 * shared / np.maximum(chosen + totals, 1.0)
    return f1
