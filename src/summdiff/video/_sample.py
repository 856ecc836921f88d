"""Sampling: frames at a steady rate in one sequential pass, or single frames at given times."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import VideoInfo
from summdiff.video._container import OpenFile, pixel_aspect
from summdiff.video._decode import FrameDecoder
from summdiff.video._index import FrameIndex, SeekingDecoder, index_frames, index_packets
from summdiff.video._picture import Scaler
from summdiff.video._probe import probe
from summdiff.video._steps import Sampler, Step
from summdiff.video._views import StretchReader, Viewer

# A time that stands for a frame may have been rounded by this much.
_ROUNDING_SECONDS = 5e-4


class VideoReader(OpenFile):
    """Sample a video at a steady rate.

        with VideoReader("talk.mp4") as reader:
            for step in reader.steps(rate=1.0):
                ...

    Args:
        path: a local video file.
        threads, hardware: see `FrameDecoder`.

    Attributes:
        info: facts about the video. `duration` is that of the packets at first, exact after a complete pass.
        position: seconds of video that the current pass has reached. Can be read from another thread.
        corrupt_frames: number of damaged packets and frames that the current or last pass skipped.
        notes: sentences for the user about the file, known after a complete pass.
        transitions: (K, 2) seconds, start and end of the dissolves and fades of at least half a second that a complete
            pass found; none where only key frames are decoded.

    Raises:
        VideoError: see `probe`.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None, hardware: bool = False) -> None:
        self.info: VideoInfo = probe(path)
        self._threads, self._hardware = threads, hardware
        self.position = 0.0
        self.transitions: NDArray[np.float64] = np.empty((0, 2))
        self.notes: tuple[str, ...] = ()
        self._reader: FrameDecoder | StretchReader | None = None

    def close(self) -> None:
        """Close the file, also in the middle of a pass. Safe to call twice."""
        if self._reader is not None:
            self._reader.close()

    @property
    def corrupt_frames(self) -> int:
        return self._reader.corrupt if self._reader is not None else 0

    def steps(
        self, *, rate: float = 1.0, short_side: int = 256, sparse: float = 0.0, skip: bool = False
    ) -> Generator[Step]:
        """Decode the video once and yield the frames on display at 0, 1/rate, 2/rate, ... seconds.

        There are max(1, ceil(duration · rate)) steps for the true duration, also if the frame rate varies, is below
        `rate`, or is stated wrongly. Memory does not grow with the length of the video.

        Args:
            rate: steps per second, > 0.
            short_side: pixels of the shorter side of the images, > 0; smaller videos are scaled up.
            sparse: seconds, >= 0. Where key frames are at most this far apart only they are decoded, and a step shows
                the key frame before it; elsewhere only reference frames are decoded. 0 decodes every frame.
            skip: where the file states the times of all frames, decode stretches side by side, and leave out frames
                that no step shows and that no other frame refers to, if the decoder can. Times and images are the same;
                some boundaries get a `span`, and transitions are found from fewer pictures.

        Raises:
            UsageError: `rate` or `short_side` is not positive, or `sparse` is negative.
            VideoError: no frame can be decoded.
        """
        if not (rate > 0 and math.isfinite(rate)):
            raise UsageError(f"`rate` must be a positive number of steps per second, got {rate}.")
        if short_side < 1:
            raise UsageError(f"`short_side` must be a positive number of pixels, got {short_side}.")
        if not 0 <= sparse < math.inf:
            raise UsageError(f"`sparse` must be 0 seconds or more, got {sparse}.")
        return self._pass(rate, short_side, sparse, skip=skip)

    def _pass(self, rate: float, short_side: int, sparse: float, *, skip: bool) -> Generator[Step, None, None]:
        self.close()
        self.position = 0.0
        sampler = Sampler(rate)
        decoder = FrameDecoder(self.info.path, sparse=sparse, threads=self._threads, hardware=self._hardware)
        with ExitStack() as stack:
            self._reader = stack.enter_context(decoder)
            frames = iter(decoder)
            first = next(frames)  # FrameDecoder raises if there is none
            index = self._index(decoder) if skip and not sparse else None
            if index is None:
                scaler = Scaler(short_side=short_side, pixel_aspect=pixel_aspect(decoder.stream))
                seen = Viewer(decoder.time_base, rate, scaler).views(chain([first], frames))
            else:
                decoder.close()
                pixels = self.info.width * self.info.height
                stretches = StretchReader(
                    self.info.path, index, rate=rate, short_side=short_side, pixels=pixels, threads=self._threads
                )
                self._reader = stack.enter_context(stretches)
                sampler.frames, seen = stretches.times, iter(stretches)
            end_tick = 0
            for view in seen:
                yield from sampler.until(view.time)
                sampler.show(view)
                self.position, end_tick = view.time, view.end
            end = decoder.seconds(decoder.clock.end(decoder.packets_end or end_tick))
            yield from sampler.finish(end)
            self.transitions, self.notes = sampler.transitions, self._reader.notes
            self.position = end
            self.info = replace(self.info, duration=end, fps=float(decoder.clock.rate))

    def _index(self, decoder: FrameDecoder) -> FrameIndex | None:
        """Return the index of a file that can be decoded in stretches; else None."""
        if self._hardware or not decoder.regular:
            return None
        index = index_packets(self.info.path, decoder.clock)
        return index if index is not None and len(index.key_ticks) else None


def stills(path: str | os.PathLike[str], times: Sequence[float], *, short_side: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames on display at given times, upright and with square pixels.

    Seeks to each time if the file allows it, so that a few images of a long film are cheap.

    Args:
        path: a local video file.
        times: seconds from the first displayed frame, increasing; times after the end give the last frame.
        short_side: pixels of the shorter side.

    Yields:
        (H, W, 3) uint8 RGB, one for each time.

    Raises:
        VideoError: the file cannot be read.
    """
    index = index_frames(path)
    with SeekingDecoder(path, index) as decoder:
        scaler = Scaler(short_side=short_side, pixel_aspect=pixel_aspect(decoder.stream), first=decoder.first)
        tick = float(index.clock.time_base)
        ticks = np.floor(np.asarray(times) / tick + min(0.5, _ROUNDING_SECONDS / tick)).astype(np.int64)
        wanted = np.maximum(np.searchsorted(index.ticks, ticks, side="right") - 1, 0)
        last, image = -1, None
        for number in wanted:
            if number != last or image is None:
                start = int(index.ticks[number])
                timed = next(decoder.frames(start, start + 1, with_current=False), None)
                if timed is not None:
                    image = scaler(timed.frame)
                elif image is None:
                    image = scaler(decoder.first)  # damaged there: the nearest known frame
                last = number
            yield image
