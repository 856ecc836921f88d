"""Small pictures of a video, each made when the page asks for it and kept as a file."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from summdiff.atomic import written_whole
from summdiff.video import FrameIndex, Scaler, SeekingDecoder, index_frames, pixel_aspect

_SHORT_SIDE = 180  # pixels
_MAX_KEPT = 3000  # pictures of one video, about 30 MB
_CHEAP_FRAMES = 120  # to decode for one picture
_ROUNDING_SECONDS = 5e-4  # of the times that a request names


class Pictures:
    """Pictures of a video; safe to use from several threads.

    Args:
        video: the video.
        folder: where the pictures are kept; created if missing.
    """

    def __init__(self, video: Path, folder: Path) -> None:
        self._video, self._folder = video, folder
        self._kept: OrderedDict[int, Path] = OrderedDict()
        self._lock = threading.Lock()

    def between(self, start: float, end: float) -> Path:
        """Return a JPEG of a frame that appears in [start, end) seconds; if there is none, of the one on display.

        It is the middle frame or, where decoding that takes long, the nearest key frame.

        Raises:
            VideoError: the video cannot be decoded.
        """
        with self._lock:
            index = index_frames(self._video)
            tick = _tick_between(index, start, end)
            if tick not in self._kept:
                self._folder.mkdir(exist_ok=True)
                path = self._folder / f"{tick}.jpg"
                with written_whole(path) as temporary:
                    self._image(index, tick).save(temporary, format="JPEG", quality=80)
                self._kept[tick] = path
                while len(self._kept) > _MAX_KEPT:
                    with suppress(OSError):
                        self._kept.popitem(last=False)[1].unlink()
            self._kept.move_to_end(tick)
            return self._kept[tick]

    def _image(self, index: FrameIndex, tick: int) -> Image.Image:
        with SeekingDecoder(self._video, index) as decoder:
            scaler = Scaler(short_side=_SHORT_SIDE, pixel_aspect=pixel_aspect(decoder.stream), first=decoder.first)
            timed = next(decoder.frames(tick, tick + 1, with_current=True), None)
            return Image.fromarray(scaler(decoder.first if timed is None else timed.frame))  # None: damaged there


def _tick_between(index: FrameIndex, start: float, end: float) -> int:
    """Return the tick of the frame that stands for [start, end) seconds."""
    unit = float(index.clock.time_base)
    first = int(np.searchsorted(index.ticks, math.ceil((start - min(_ROUNDING_SECONDS, unit / 2)) / unit)))
    last = int(np.searchsorted(index.ticks, math.ceil((end - min(_ROUNDING_SECONDS, unit / 2)) / unit)))
    if first >= last:  # a still, or after the end
        return int(index.ticks[max(first - 1, 0)])
    middle = (first + last - 1) // 2
    keys = np.searchsorted(index.ticks, index.key_ticks)
    inside = keys[(keys >= first) & (keys < last)]
    before = keys[keys <= middle]
    if len(inside):
        nearest = int(inside[np.abs(inside - middle).argmin()])
        central = abs(nearest - middle) <= (last - first) // 4
        if central or middle - int(before[-1] if len(before) else 0) > _CHEAP_FRAMES:
            return int(index.ticks[nearest])
    return int(index.ticks[middle])
