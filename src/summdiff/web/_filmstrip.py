"""The filmstrip: thumbnails at even distances in one image, so that the page loads one file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from summdiff.atomic import written_whole
from summdiff.video import Scaler, SeekingDecoder, index_frames, pixel_aspect

_MAX_THUMBNAILS = 240
_MAX_PER_SECOND = 2
_SHORT_SIDE = 90  # pixels
_COLUMNS = 16


@dataclass(frozen=True)
class Filmstrip:
    """An image of thumbnails, row by row.

    Attributes:
        path: the JPEG file.
        count, columns: number of thumbnails, and of those in a row.
        width, height: pixels of each.
        seconds: length of the stretch of the video that each stands for; the first starts at 0.
    """

    path: Path
    count: int
    columns: int
    width: int
    height: int
    seconds: float


def make_filmstrip(
    video: Path, path: Path, *, on_progress: Callable[[float, float], None] = lambda done, total: None
) -> Filmstrip:
    """Make the filmstrip of a video.

    Each thumbnail is a key frame of its stretch, which is the cheapest to decode, or the middle frame where it has
    no key frame. So long videos cost no more than short ones.

    Args:
        video: the video.
        path: the JPEG file to write.
        on_progress: called with the number of thumbnails done and in total.

    Raises:
        VideoError: the video cannot be decoded.
    """
    index = index_frames(video)
    duration = max(float(index.end * index.clock.time_base), 1e-3)
    count = max(1, min(_MAX_THUMBNAILS, math.ceil(duration * _MAX_PER_SECOND)))
    edges = np.linspace(0, index.end, count + 1)
    image: Image.Image | None = None
    width, height = _SHORT_SIDE, _SHORT_SIDE
    with SeekingDecoder(video, index) as decoder:
        scale = Scaler(short_side=_SHORT_SIDE, pixel_aspect=pixel_aspect(decoder.stream))
        for i in range(count):
            tick = _thumbnail_tick(index.key_ticks, edges[i], edges[i + 1])
            timed = next(decoder.frames(tick, tick + 1, with_current=True), None)
            if timed is not None:
                thumbnail = Image.fromarray(scale(timed.frame))
                if image is None:
                    width, height = thumbnail.size
                    image = Image.new("RGB", (width * min(count, _COLUMNS), height * math.ceil(count / _COLUMNS)))
                image.paste(thumbnail, (i % _COLUMNS * width, i // _COLUMNS * height))
            on_progress(i + 1, count)
    if image is None:
        image = Image.new("RGB", (width, height))
    with written_whole(path) as temporary:
        image.save(temporary, format="JPEG", quality=78, optimize=True)
    return Filmstrip(path, count, min(count, _COLUMNS), width, height, duration / count)


def _thumbnail_tick(key_ticks: NDArray[np.int64], start: float, end: float) -> int:
    """Return the tick of the key frame nearest to the middle of a stretch, or the middle without a key frame."""
    middle = (start + end) / 2
    inside = key_ticks[(key_ticks >= start) & (key_ticks < end)]
    if len(inside):
        return int(inside[np.abs(inside - middle).argmin()])
    return int(middle)
