"""What annotators said of a video as the arrays that the field's files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.conversion import segments
from summdiff.conversion.look import frame_count
from summdiff.conversion.matching import TVSUM_SCALE
from summdiff.data.annotations import VideoAnnotations
from summdiff.data.h5 import VideoGroup
from summdiff.errors import DataError
from summdiff.features.files import VideoFeatures
from summdiff.metrics.segments import Segments
from summdiff.video import FrameDecoder, index_frames

_TOLERANCE = 0.01  # share of the annotated frames by which a video's own number may differ


def aligned(video: VideoAnnotations, path: Path, seen: VideoFeatures) -> tuple[VideoAnnotations, tuple[str, ...]]:
    """The annotations by frame, once it is certain that their frames are the file's; and what is to be noted.

    Raises:
        DataError: they are not.
    """
    frames = frame_count(seen)
    if video.spans is not None:
        return video.at(frames, times=_frame_times(path, frames)), ()
    expected = video.n_frames or 0
    if frames == expected:
        return video, ()
    differ = f"'{path}' has {frames} frames where the annotations of '{video.name}' have {expected}"
    if abs(frames - expected) > _TOLERANCE * expected:
        raise DataError(f"{differ}; use the video that was annotated, with all its frames.")
    which = "those that are missing" if frames < expected else "those that are too many"
    return video, (f"{differ}; {which} are taken to be the last.",)


def _frame_times(path: Path, frames: int) -> NDArray[np.float64]:
    """(frames,) seconds at which each frame appears."""
    index = index_frames(path)
    times = index.ticks * float(index.clock.time_base)
    if len(times) != frames:  # some are damaged, which only decoding shows
        with FrameDecoder(path) as decoder:
            times = np.array([decoder.seconds(timed.ticks) for timed in decoder])
    return np.asarray(times, dtype=np.float64)


def arrays_of(
    video: VideoAnnotations, seen: VideoFeatures, *, every: int, segment_seconds: float, published: VideoGroup | None
) -> dict[str, NDArray[Any]]:
    """What is written of a video, by key.

    Args:
        video: its annotations by frame.
        seen: its features.
        every: frames from one step to the next.
        segment_seconds: average length of segments that are computed.
        published: where to take them from instead.

    Raises:
        DataError: `published` has none that fit.
    """
    n_frames = video.n_frames or 0
    picks = np.arange(0, min(n_frames, frame_count(seen)), every)
    features = seen.features[: len(picks)].astype(np.float32)
    made: NDArray[np.uint8] | None = None
    if published is None:
        count = round(n_frames / seen.video.fps / segment_seconds)
        change_points = segments.computed(features, picks, n_frames, count)
    elif video.scored:
        change_points, made = segments.stored(published, n_frames, video.annotators)
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
        user_summary = _summaries(scores, frames, n_frames, change_points) if made is None else made
        # On the annotators' own scale, as each of them: what 0 to 1 takes away decides between few and many segments.
        gtsummary = _summaries(scores.mean(axis=0)[None], frames, n_frames, change_points)[0, picks]
    else:
        # What annotators chose themselves needs no segments.
        user_summary = np.asarray(video.summaries, dtype=np.uint8)
        gtscore = user_summary[:, picks].mean(axis=0)
        gtsummary = _summaries(gtscore[None], picks, n_frames, change_points)[0, picks]
    return arrays | {
        "features": features,
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
    """The 15 % knapsack of each row of scores (K, n_steps): (K, n_frames)."""
    video = Segments.of(picks, n_frames, change_points)
    return video.summary(video.choose(scores))
