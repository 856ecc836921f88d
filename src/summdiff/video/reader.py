"""Samples a video at a steady rate in one sequential pass."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import VideoInfo
from summdiff.video.picture import LumaChange, Scaler
from summdiff.video.probe import pixel_aspect, probe
from summdiff.video.source import FrameSource


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One sample of a video.

    Attributes:
        time: seconds from the first displayed frame, exactly k / rate for step k.
        boundary: seconds at which a shot that starts with this step should start. It is the presentation time of the
            frame in (time of step k-1, time of step k] that differs most from the frame before it, so that shots
            begin on the film's own cuts and not on the sampling grid; `time` where no new frame came, 0 for step 0.
        image: (H, W, 3) uint8 RGB, the frame on display at `time`, upright, with square pixels. Where one frame is
            on display at several steps, they all hold the same object.
    """

    time: float
    boundary: float
    image: NDArray[np.uint8]


class VideoReader:
    """A video that can be sampled at a steady rate.

        with VideoReader("talk.mp4") as reader:
            for step in reader.steps(rate=1.0):
                ...

    Args:
        path: a local video file.
        threads: that decode, see `FrameSource`.

    Attributes:
        info: what the video is. `duration` and `fps` are the container's word at first, exact after a complete pass.
        position: seconds of video passed so far in the current pass. Cheap to read from another thread.
        corrupt_frames: number of damaged packets and frames that the current or last pass skipped.

    Raises:
        VideoError: see `summdiff.video.probe`.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        self.info: VideoInfo = probe(path)
        self._threads = threads
        self.position = 0.0
        self._source: FrameSource | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, also in the middle of a pass. Safe to call twice."""
        if self._source is not None:
            self._source.close()

    @property
    def corrupt_frames(self) -> int:
        return self._source.corrupt if self._source is not None else 0

    def steps(self, *, rate: float = 1.0, short_side: int = 256, sparse: float = 0.0) -> Iterator[Step]:
        """Decode the video once from start to end and yield what is on display at 0, 1/rate, 2/rate, ... seconds.

        There are max(1, ceil(duration · rate)) steps for the true duration, also where the frame rate varies, drops
        below `rate` or lies. Memory does not grow with the length of the video.

        Args:
            rate: steps per second, > 0.
            short_side: pixels of the shorter side of the pictures, > 0; smaller videos are scaled up.
            sparse: seconds, >= 0. Where key frames lie no further apart, only they are decoded, and a step shows the
                one before it; elsewhere frames that no other refers to are left out. 0: every frame counts.

        Raises:
            UsageError: `rate` or `short_side` is not positive, or `sparse` is negative.
            VideoError: no frame can be decoded.
        """
        if not (rate > 0 and math.isfinite(rate)):
            raise UsageError(f"The rate is {rate}; it must be a positive number of steps per second.")
        if short_side < 1:
            raise UsageError(f"The short_side is {short_side}; it must be a positive number of pixels.")
        if not 0 <= sparse < math.inf:
            raise UsageError(f"The distance of key frames is {sparse}; it must be 0 seconds or more.")
        return self._pass(rate, short_side, sparse)

    def _pass(self, rate: float, short_side: int, sparse: float) -> Generator[Step, None, None]:
        self.close()
        self.position = 0.0
        with FrameSource(self.info.path, sparse=sparse, threads=self._threads) as source:
            self._source = source
            scaler = Scaler(short_side=short_side, pixel_aspect=pixel_aspect(source))
            change_of = LumaChange()
            shown: VideoFrame | None = None  # the frame on display
            image: NDArray[np.uint8] | None = None  # its picture, once it was asked for
            k = 0  # the next step
            boundary = 0.0
            greatest = -1.0  # luma change at `boundary`; negative: no new frame since the last step
            end = 0.0
            frames = 0
            for number, timed in enumerate(source):
                time = source.seconds(timed.ticks)
                while shown is not None and k / rate < time:
                    image = scaler(shown) if image is None else image
                    yield Step(k / rate, boundary if greatest >= 0 else k / rate, image)
                    k, greatest = k + 1, -1.0
                change = change_of(timed.frame)
                if change >= greatest:  # the latest of equals, so that stills keep to the grid
                    greatest, boundary = change, time
                shown, image = timed.frame, None
                end = source.seconds(timed.ticks + timed.duration)
                frames = number + 1
                self.position = time
            if source.told is not None:
                frames, end = source.told[0], source.seconds(source.told[1])
            # A share of a step below a millionth is rounding of the container's clock, not video.
            while shown is not None and k < max(1, math.ceil(round(end * rate, 6))):
                image = scaler(shown) if image is None else image
                yield Step(k / rate, boundary if greatest >= 0 else k / rate, image)
                k, greatest = k + 1, -1.0
            self.position = end
            self.info = replace(self.info, duration=end, fps=frames / end)
