"""The film strip: small pictures at even distances, all in one sheet, so that the page loads one file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from summdiff.atomic import written_whole
from summdiff.video import Scaler, SeekingDecoder, index_frames, pixel_aspect

_MOST_PICTURES = 240
_MOST_A_SECOND = 2
_SHORT_SIDE = 90  # pixels
_COLUMNS = 16


@dataclass(frozen=True)
class Strip:
    """A sheet of pictures, row by row.

    Attributes:
        path: the JPEG file.
        count, columns: how many pictures there are, and how many stand in a row.
        width, height: pixels of each.
        seconds: each picture shows its own stretch of so many seconds, the first from 0.
    """

    path: Path
    count: int
    columns: int
    width: int
    height: int
    seconds: float


def draw(
    video: Path, path: Path, *, duration: float, on_progress: Callable[[float, float], None] = lambda done, total: None
) -> Strip:
    """Draw the strip of a video.

    Each picture is a key frame of its stretch, which costs one frame to decode, or where the stretch has none the
    frame in its middle. So a long film costs no more than a short one.

    Args:
        video: the video.
        path: the JPEG file to write.
        duration: seconds; an estimate is enough.
        on_progress: called with the number of pictures done and to do.

    Raises:
        VideoError: the video cannot be decoded.
    """
    from PIL import Image

    index = index_frames(video)
    duration = max(float(index.end * index.clock.time_base), 1e-3)
    count = max(1, min(_MOST_PICTURES, math.ceil(duration * _MOST_A_SECOND)))
    stretches = np.linspace(0, index.end, count + 1)
    sheet: Image.Image | None = None
    size = (0, 0)
    with SeekingDecoder(video, index) as decoder:
        scale = Scaler(short_side=_SHORT_SIDE, pixel_aspect=pixel_aspect(decoder.stream))
        for at in range(count):
            wanted = _best(index.key_ticks, stretches[at], stretches[at + 1])
            frame = next((timed.frame for timed in decoder.frames(wanted, wanted + 1, with_current=True)), None)
            if frame is not None:
                picture = Image.fromarray(scale(frame))
                if sheet is None:
                    size = picture.size
                    rows = math.ceil(count / _COLUMNS)
                    sheet = Image.new("RGB", (size[0] * min(count, _COLUMNS), size[1] * rows))
                sheet.paste(picture, (at % _COLUMNS * size[0], at // _COLUMNS * size[1]))
            on_progress(at + 1, count)
    if sheet is None:
        sheet, size = Image.new("RGB", (_SHORT_SIDE, _SHORT_SIDE)), (_SHORT_SIDE, _SHORT_SIDE)
    with written_whole(path) as temporary:
        sheet.save(temporary, format="JPEG", quality=78, optimize=True)
    return Strip(path, count, min(count, _COLUMNS), size[0], size[1], duration / count)


def _best(keys: np.ndarray, start: float, end: float) -> int:
    """Ticks of the picture for a stretch: the key frame nearest to its middle, else its middle."""
    middle = (start + end) / 2
    inside = keys[(keys >= start) & (keys < end)]
    if len(inside):
        return int(inside[np.abs(inside - middle).argmin()])
    return int(middle)
