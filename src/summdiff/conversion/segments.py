"""Where segments come from: kernel temporal segmentation, or a file that has them."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from summdiff.data.h5 import VideoGroup
from summdiff.segmentation.cost import within_segment_scatter

_LONGEST = 12  # times the average length; keeps time and memory at 12 n² and 12 n² / count instead of n² · count and n²


def computed(features: NDArray[np.float32], picks: NDArray[np.int64], n_frames: int, count: int) -> NDArray[np.int64]:
    """Segments (S, 2), first and last frames, by kernel temporal segmentation of the steps into a given number.

    The field's kernel (cosine) and its J(m), the least total scatter with m change points, exactly; the number is given
    and not found by the field's penalty, whose usual weight means another number for each backbone.

    Args:
        features: (N, D).
        picks: (N,) first frame of each step.
        n_frames: frames of the video.
        count: segments; at least 1 and at most N are made. None is longer than 12 times the average.
    """
    starts = picks[_starts(features, min(max(count, 1), len(features)))]
    return np.stack([starts, np.append(starts[1:], n_frames) - 1], axis=1)


def _starts(features: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """First steps (count,) of the `count` segments whose scatter around their means is least in all."""
    n = len(features)
    x = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    longest = min(n, math.ceil(_LONGEST * n / count))
    scatter = within_segment_scatter(x, max_length=longest)
    # Row t: scatter of the segments that end before step t, longest first; infinite where there is none.
    ending = np.full((n + 1, longest), np.inf)
    for length in range(1, longest + 1):
        ending[length:, longest - length] = scatter[length - 1, : n - length + 1]
    least = np.full(longest + n + 1, np.inf)  # entry `longest + t`: least scatter of steps 0 … t-1 in so many segments
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


def stored(group: VideoGroup, n_frames: int, annotators: int) -> tuple[NDArray[np.int64], NDArray[np.uint8] | None]:
    """Segments (S, 2) of a file that has them, and annotators' summaries (U, n_frames) that were made on them or None.

    Raises:
        DataError: they are missing, damaged, or of other frames or annotators.
    """
    segments = group.segments(n_frames)
    if "user_summary" not in group:
        return segments, None
    return segments, (group.array("user_summary", ndim=2, n=n_frames, rows=annotators) > 0).astype(np.uint8)
