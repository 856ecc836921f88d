"""Segments by kernel temporal segmentation, or from a published file."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from summdiff.data.video_group import VideoGroup
from summdiff.segmentation.cost import within_segment_scatter

_LONGEST = 12  # times the average; bounds time by 12 n² and memory by 12 n² / count instead of n² · count and n²


def compute_segments(
    features: NDArray[np.float32], picks: NDArray[np.int64], n_frames: int, count: int
) -> NDArray[np.int64]:
    """Return segments (S, 2), first and last frames, by kernel temporal segmentation of the steps.

    Minimizes J(m), the total scatter with m change points under the cosine kernel, exactly. The number of segments is
    given, because the field's usual penalty yields another number for each backbone.

    Args:
        features: (N, D).
        picks: (N,) first frame of each step.
        n_frames: frames of the video.
        count: number of segments, limited to 1 to N. No segment is longer than 12 times the average.
    """
    starts = picks[_starts(features, min(max(count, 1), len(features)))]
    return np.stack([starts, np.append(starts[1:], n_frames) - 1], axis=1)


def _starts(features: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return the first steps (count,) of the `count` segments with the least total scatter around their means."""
    n = len(features)
    x = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    longest = min(n, math.ceil(_LONGEST * n / count))
    scatter = within_segment_scatter(x, max_length=longest)
    # Row t: scatter of the segments that end before step t, longest first; infinite where no segment is possible.
    ending = np.full((n + 1, longest), np.inf)
    for length in range(1, longest + 1):
        ending[length:, longest - length] = scatter[length - 1, : n - length + 1]
    least = np.full(longest + n + 1, np.inf)  # entry `longest + t`: least scatter of steps 0 … t-1
    least[longest] = 0.0
    choices = []
    for _ in range(count):
        ways = sliding_window_view(least, longest)[: n + 1] + ending
        choice = ways.argmin(axis=1)
        least[longest:] = np.take_along_axis(ways, choice[:, None], axis=1)[:, 0]
        choices.append(choice + np.arange(n + 1) - longest)
    starts = []
    end = n
    for choice in reversed(choices):
        end = int(choice[end])
        starts.append(end)
    return np.array(starts[::-1], dtype=np.intp)


def published_segments(
    group: VideoGroup, n_frames: int, annotators: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8] | None]:
    """Read segments (S, 2), and annotators' summaries (U, n_frames) made with them, if the group has these.

    Raises:
        DataError: the arrays are missing or damaged, or have another number of frames or annotators.
    """
    segments = group.segments(n_frames)
    if "user_summary" not in group:
        return segments, None
    return segments, (group.array("user_summary", ndim=2, n=n_frames, rows=annotators) > 0).astype(np.uint8)
