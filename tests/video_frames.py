"""Read back the pictures of videos, converting all frames of a file with one converter: making one takes longest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter


def pictures(frames: Iterable[VideoFrame]) -> Iterator[np.ndarray]:
    """RGB picture (H, W, 3) uint8 of each frame, as stored in the file."""
    converter = VideoReformatter()
    for frame in frames:
        yield converter.reformat(frame, format="rgb24").to_ndarray()


def lightness(frames: Iterable[VideoFrame]) -> Iterator[np.ndarray]:
    """Luma (H, W) in limited range of each frame, as float."""
    converter = VideoReformatter()
    for frame in frames:
        yield converter.reformat(frame, format="gray", dst_color_range="MPEG").to_ndarray().astype(float)


def decoded(path: str | Path, *, threads: str = "AUTO") -> list[VideoFrame]:
    """All frames of a video, in order of display."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = threads
        return list(container.decode(stream))
