"""Make the arrays of a video, with the usual keys of public files, from its annotations and features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.data.annotations import VideoAnnotations
from summdiff.data.convert._matching import TVSUM_SCALE
from summdiff.data.convert._segments import compute_segments, published_segments
from summdiff.data.video_group import VideoGroup
from summdiff.errors import DataError
from summdiff.features.extraction import frame_count
from summdiff.features.files import VideoFeatures
from summdiff.metrics.segments import Segments
from summdiff.video import FrameDecoder, index_frames

_TOLERANCE = 0.01  # share of the annotated frames by which the number of decoded frames may differ


def align_annotations(
    video: VideoAnnotations, path: Path, features: VideoFeatures
) -> tuple[VideoAnnotations, tuple[str, ...]]:
    """Return the annotations by frame, and remarks.

    Raises:
        DataError: the video has another number of frames than its annotations.
    """
    frames = frame_count(features)
    if video.spans is not None:
        return video.by_frame(frames, times=_frame_times(path, frames)), ()
    expected = video.n_frames or 0
    if frames == expected:
        return video, ()
    differ = f"'{path}' has {frames} frames, but the annotations of '{video.name}' have {expected}"
    if abs(frames - expected) > _TOLERANCE * expected:
        raise DataError(f"{differ}: use the annotated video with all its frames.")
    which = "missing" if frames < expected else "extra"
    return video, (f"{differ}: the last frames are taken to be the {which} ones.",)


def _frame_times(path: Path, frames: int) -> NDArray[np.float64]:
    """Return the seconds at which each frame appears, (frames,)."""
    index = index_frames(path)
    times = index.ticks * float(index.clock.time_base)
    if len(times) != frames:  # damaged frames are found by decoding only
        with FrameDecoder(path) as decoder:
            times = np.array([decoder.seconds(timed.ticks) for timed in decoder])
    return np.asarray(times, dtype=np.float64)


def make_arrays(
    video: VideoAnnotations,
    features: VideoFeatures,
    *,
    every: int,
    segment_seconds: float,
    published: VideoGroup | None,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a video by key.

    Args:
        video: its annotations by frame.
        features: its features.
        every: number of frames per step.
        segment_seconds: average length of computed segments.
        published: group with segments to use instead of computed ones.

    Raises:
        DataError: the segments of `published` are missing or do not fit.
    """
    n_frames = video.n_frames or 0
    picks = np.arange(0, min(n_frames, frame_count(features)), every)
    rows = features.features[: len(picks)].astype(np.float32)
    stored_summary: NDArray[np.uint8] | None = None
    if published is None:
        count = round(n_frames / features.video.fps / segment_seconds)
        change_points = compute_segments(rows, picks, n_frames, count)
    elif video.scored:
        change_points, stored_summary = published_segments(published, n_frames, video.annotators)
    else:
        change_points = published.segments(n_frames)
    arrays: dict[str, NDArray[Any]] = {}
    if video.scores is not None and video.score_range is not None:
        low, high = video.score_range
        share = (video.scores.astype(np.float64) - low) / (high - low)
        first, last = TVSUM_SCALE
        scores = first + (last - first) * share
        gtscore = share[:, picks].mean(axis=0)
        arrays["user_scores"] = scores[:, picks].astype(np.float32)
        frames = np.arange(n_frames)
        user_summary = stored_summary
        if user_summary is None:
            user_summary = _summaries(scores, frames, n_frames, change_points)
        # On the annotators' scale, as for each of them: an offset decides between few and many segments.
        gtsummary = _summaries(scores.mean(axis=0)[None], frames, n_frames, change_points)[0, picks]
    else:
        # Parts that annotators chose need no segments.
        user_summary = np.asarray(video.summaries, dtype=np.uint8)
        gtscore = user_summary[:, picks].mean(axis=0)
        gtsummary = _summaries(gtscore[None], picks, n_frames, change_points)[0, picks]
    return arrays | {
        "features": rows,
        "picks": picks,
        "n_frames": np.array(n_frames),
        "n_steps": np.array(len(picks)),
        "gtscore": gtscore.astype(np.float32),
        "gtsummary": gtsummary,
        "user_summary": user_summary,
        "change_points": change_points,
        "n_frame_per_seg": change_points[:, 1] - change_points[:, 0] + 1,
    }


def _summaries(
    scores: NDArray[np.float64], picks: NDArray[np.int64], n_frames: int, change_points: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return the 15% knapsack summary (K, n_frames) of each row of scores (K, n_steps)."""
    video = Segments.of(picks, n_frames, change_points)
    return video.summary(video.choose(scores))
