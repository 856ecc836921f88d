"""Single pictures of a video at given times."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from summdiff.video.index import index_frames
from summdiff.video.pick import FramePicker
from summdiff.video.picture import Scaler
from summdiff.video.probe import pixel_aspect
from summdiff.video.source import FrameSource

_ROUNDING_SECONDS = 5e-4


def stills(path: str | os.PathLike[str], times: Sequence[float], *, short_side: int) -> Iterator[NDArray[np.uint8]]:
    """What is on display at each of `times`, upright and with square pixels.

    The file is entered near each time where it allows that, so that a few pictures of a long film cost little.

    Args:
        path: a local video file.
        times: seconds from the first displayed frame, increasing; later than the end stands for the last frame.
        short_side: pixels of the shorter side.

    Yields:
        (H, W, 3) uint8 RGB, one for each time.

    Raises:
        VideoError: the file cannot be read.
    """
    index = index_frames(path)
    with FrameSource(path) as source:
        aspect = pixel_aspect(source)
    scaler = Scaler(short_side=short_side, pixel_aspect=aspect)
    with FramePicker(path, index) as picker:
        tick = float(picker.time_base)
        # A time that stands for a frame may have been rounded.
        ticks = np.floor(np.asarray(times) / tick + min(0.5, _ROUNDING_SECONDS / tick)).astype(np.int64)
        wanted = np.maximum(np.searchsorted(index.shown, ticks, side="right") - 1, 0)
        last, image = -1, None
        for number in wanted:
            if number != last or image is None:
                start = int(index.shown[number])
                found = next(picker.pick(start, start + 1, held=False), None)
                if found is not None:
                    image = scaler(found.frame)
                elif image is None:
                    image = scaler(picker.first)  # damaged there: the nearest that is known
                last = number
            yield image
