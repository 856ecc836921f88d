"""Sampling: frames at a steady rate in one sequential pass, or single frames at given times."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import VideoInfo
from summdiff.video._clock import Clock
from summdiff.video._container import OpenFile, pixel_aspect
from summdiff.video._decode import FrameDecoder, PacketListener, TimedFrame
from summdiff.video._index import SeekingDecoder, index_frames
from summdiff.video._picture import LumaChange, Scaler
from summdiff.video._probe import probe
from summdiff.video._transitions import TransitionDetector

# A time that stands for a frame may have been rounded by this much.
_ROUNDING_SECONDS = 5e-4


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A sample of a video.

    Attributes:
        time: seconds from the first displayed frame, exactly k / rate for step k.
        boundary: seconds at which a shot that starts with this step should start: the presentation time of the frame
            in (time of step k-1, time of step k] that differs most from its predecessor, so that shots begin at the
            film's own cuts instead of at sampling times. Equal to `time` if there is no new frame; 0 for step 0.
        image: (H, W, 3) uint8 RGB, the frame on display at `time`, upright, with square pixels. Steps that show the
            same frame share one object.
    """

    time: float
    boundary: float
    image: NDArray[np.uint8]


class VideoReader(OpenFile):
    """Sample a video at a steady rate.

        with VideoReader("talk.mp4") as reader:
            for step in reader.steps(rate=1.0):
                ...

    Args:
        path: a local video file.
        threads: decoding threads, see `FrameDecoder`.
        listener: takes the packets of the sound during a pass.

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

    def __init__(
        self, path: str | os.PathLike[str], *, threads: int | None = None, listener: PacketListener | None = None
    ) -> None:
        self.info: VideoInfo = probe(path)
        self._threads, self._listener = threads, listener
        self.position = 0.0
        self.transitions: NDArray[np.float64] = np.empty((0, 2))
        self.notes: tuple[str, ...] = ()
        self._decoder: FrameDecoder | None = None

    def close(self) -> None:
        """Close the file, also in the middle of a pass. Safe to call twice."""
        if self._decoder is not None:
            self._decoder.close()

    @property
    def corrupt_frames(self) -> int:
        return self._decoder.corrupt if self._decoder is not None else 0

    @property
    def clock(self) -> Clock:
        """The clock of the file; known once the first step of a pass is read."""
        if self._decoder is None:
            raise RuntimeError("the clock is unknown before the first step is read")
        return self._decoder.clock

    def steps(self, *, rate: float = 1.0, short_side: int = 256, sparse: float = 0.0) -> Iterator[Step]:
        """Decode the video once and yield the frames on display at 0, 1/rate, 2/rate, ... seconds.

        There are max(1, ceil(duration · rate)) steps for the true duration, also if the frame rate varies, is below
        `rate`, or is stated wrongly. Memory does not grow with the length of the video.

        Args:
            rate: steps per second, > 0.
            short_side: pixels of the shorter side of the images, > 0; smaller videos are scaled up.
            sparse: seconds, >= 0. Where key frames are at most this far apart only they are decoded, and a step shows
                the key frame before it; elsewhere only reference frames are decoded. 0 decodes every frame.

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
        return self._pass(rate, short_side, sparse)

    def _pass(self, rate: float, short_side: int, sparse: float) -> Generator[Step, None, None]:
        self.close()
        self.position = 0.0
        with FrameDecoder(self.info.path, sparse=sparse, threads=self._threads, listener=self._listener) as decoder:
            self._decoder = decoder
            sampler = _Sampler(rate, Scaler(short_side=short_side, pixel_aspect=pixel_aspect(decoder.stream)))
            end_tick = 0
            for timed in decoder:
                time = decoder.seconds(timed.ticks)
                yield from sampler.until(time)
                sampler.show(timed, time)
                end_tick = timed.ticks + timed.duration
                self.position = time
            end = decoder.seconds(decoder.clock.end(decoder.packets_end or end_tick))
            yield from sampler.finish(end)
            self.transitions, self.notes = sampler.transitions, decoder.notes
            self.position = end
            self.info = replace(self.info, duration=end, fps=float(decoder.clock.rate))


class _Sampler:
    """Turn a sequence of frames into steps at k / rate seconds."""

    def __init__(self, rate: float, scaler: Scaler) -> None:
        self._rate, self._scaler = rate, scaler
        self._luma_change = LumaChange()
        self._detector = TransitionDetector()
        self._current: VideoFrame | None = None  # the frame on display
        self._image: NDArray[np.uint8] | None = None  # its image, once a step needs it
        self._k = 0
        self._boundary = 0.0
        self._largest_change: float | None = None  # at `_boundary`; None if no new frame came since the last step

    def show(self, timed: TimedFrame, time: float) -> None:
        """Put the next frame on display."""
        self._watch(time)
        change = self._luma_change(timed.frame)
        # The latest of equal changes counts, so that stills keep to the sampling times.
        if self._largest_change is None or change >= self._largest_change:
            self._largest_change, self._boundary = change, time
        self._current, self._image = timed.frame, None

    def until(self, time: float) -> Iterator[Step]:
        """Yield the steps before `time`, at which another frame appears."""
        while self._current is not None and self._k / self._rate < time:
            yield self._step(self._current)

    @property
    def transitions(self) -> NDArray[np.float64]:
        """Dissolves and fades so far: (K, 2) seconds."""
        return self._detector.transitions()

    def _watch(self, until: float) -> None:
        self._detector.until(until, self._luma_change.samples, white=self._luma_change.white)

    def finish(self, end: float) -> Iterator[Step]:
        """Yield the remaining steps of a video that ends at `end` seconds."""
        self._watch(end)
        # A millionth of a step is rounding of the container's timestamps.
        count = max(1, math.ceil(round(end * self._rate, 6)))
        while self._current is not None and self._k < count:
            yield self._step(self._current)

    def _step(self, frame: VideoFrame) -> Step:
        if self._image is None:
            self._image = self._scaler(frame)
        time = self._k / self._rate
        boundary = time if self._largest_change is None else self._boundary
        self._k, self._largest_change = self._k + 1, None
        return Step(time, boundary, self._image)


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
