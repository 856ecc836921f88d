"""Sampling: frames at a steady rate in one sequential pass, or single frames at given times."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import VideoInfo
from summdiff.video._changes import Boundary, Change, find_boundary
from summdiff.video._clock import Clock
from summdiff.video._container import OpenFile, pixel_aspect
from summdiff.video._decode import FrameDecoder, PacketListener, TimedFrame
from summdiff.video._index import SeekingDecoder, index_frames, index_packets
from summdiff.video._picture import LumaChange, Scaler
from summdiff.video._probe import probe
from summdiff.video._transitions import TransitionDetector

# A time that stands for a frame may have been rounded by this much.
_ROUNDING_SECONDS = 5e-4
_MIXED_SECONDS = 0.5  # frames that were left out in longer gaps are not taken as mixtures of their neighbors


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
        span: (after, until] seconds, times of frames between which the boundary lies, where frames that could be it
            were left out; None if `boundary` is exact.
    """

    time: float
    boundary: float
    image: NDArray[np.uint8]
    span: tuple[float, float] | None = None


class VideoReader(OpenFile):
    """Sample a video at a steady rate.

        with VideoReader("talk.mp4") as reader:
            for step in reader.steps(rate=1.0):
                ...

    Args:
        path: a local video file.
        threads, hardware: see `FrameDecoder`.
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
        self,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        listener: PacketListener | None = None,
        hardware: bool = False,
    ) -> None:
        self.info: VideoInfo = probe(path)
        self._threads, self._listener, self._hardware = threads, listener, hardware
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

    def steps(
        self, *, rate: float = 1.0, short_side: int = 256, sparse: float = 0.0, skip: bool = False
    ) -> Iterator[Step]:
        """Decode the video once and yield the frames on display at 0, 1/rate, 2/rate, ... seconds.

        There are max(1, ceil(duration · rate)) steps for the true duration, also if the frame rate varies, is below
        `rate`, or is stated wrongly. Memory does not grow with the length of the video.

        Args:
            rate: steps per second, > 0.
            short_side: pixels of the shorter side of the images, > 0; smaller videos are scaled up.
            sparse: seconds, >= 0. Where key frames are at most this far apart only they are decoded, and a step shows
                the key frame before it; elsewhere only reference frames are decoded. 0 decodes every frame.
            skip: leave out frames that no step shows and that no other frame refers to, where the decoder can and the
                file states the times of all frames. Times and images are the same; some boundaries get a `span`, and
                transitions are found from fewer pictures.

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
        with FrameDecoder(
            self.info.path,
            sparse=sparse,
            threads=self._threads,
            listener=self._listener,
            hardware=self._hardware,
        ) as decoder:
            self._decoder = decoder
            sampler = _Sampler(rate, Scaler(short_side=short_side, pixel_aspect=pixel_aspect(decoder.stream)))
            end_tick = 0
            for timed in decoder:
                time = decoder.seconds(timed.ticks)
                if skip and timed.ticks == 0 and not sparse:
                    sampler.frames = _skipping(decoder, self.info.path, rate)
                yield from sampler.until(time)
                sampler.show(timed, time)
                end_tick = timed.ticks + timed.duration
                self.position = time
            end = decoder.seconds(decoder.clock.end(decoder.packets_end or end_tick))
            yield from sampler.finish(end)
            self.transitions, self.notes = sampler.transitions, decoder.notes
            self.position = end
            self.info = replace(self.info, duration=end, fps=float(decoder.clock.rate))


def _skipping(decoder: FrameDecoder, path: str, rate: float) -> NDArray[np.float64] | None:
    """Let a decoder leave out what no step needs, from the second frame on; return the times (F,) of all frames.

    None if it has to decode them all.
    """
    index = index_packets(path, decoder.clock) if decoder.can_skip and decoder.regular else None
    if index is None:
        return None
    base = decoder.time_base
    times = index.ticks * base.numerator / base.denominator  # as `FrameDecoder.seconds`
    steps = np.arange(math.ceil(times[-1] * rate) + 1) / rate
    shown = np.searchsorted(times, steps, side="right") - 1
    # The last frame gives the end of the film.
    needed = set(index.ticks[np.append(shown, len(times) - 1)].tolist())
    decoder.needed = needed.__contains__
    return np.asarray(times)


class _Sampler:
    """Turn a sequence of frames into steps at k / rate seconds.

    Attributes:
        frames: (F,) seconds at which each frame of the film appears, where some are left out; None if none is.
    """

    def __init__(self, rate: float, scaler: Scaler) -> None:
        self.frames: NDArray[np.float64] | None = None
        self._rate, self._scaler = rate, scaler
        self._luma_change = LumaChange()
        self._detector = TransitionDetector()
        self._current: VideoFrame | None = None  # the frame on display
        self._image: NDArray[np.uint8] | None = None  # its image, once a step needs it
        self._k = 0
        self._shown_at = 0.0  # when the frame on display appeared
        self._changes: list[Change] = []  # since the last step

    def show(self, timed: TimedFrame, time: float) -> None:
        """Put the next frame on display."""
        before, white = self._luma_change.samples, self._luma_change.white
        change = self._luma_change(timed.frame)
        left_out = self._left_out(self._shown_at, time)
        if before is not None:
            self._watch(time, before, white, left_out)
        self._changes.append(Change(change / self._luma_change.white, self._shown_at, time, len(left_out) + 1))
        self._current, self._image, self._shown_at = timed.frame, None, time

    def until(self, time: float) -> Iterator[Step]:
        """Yield the steps before `time`, at which another frame appears."""
        while self._current is not None and self._k / self._rate < time:
            yield self._step(self._current)

    @property
    def transitions(self) -> NDArray[np.float64]:
        """Dissolves and fades so far: (K, 2) seconds."""
        return self._detector.transitions()

    def finish(self, end: float) -> Iterator[Step]:
        """Yield the remaining steps of a video that ends at `end` seconds."""
        self._detector.until(end, self._luma_change.samples, white=self._luma_change.white)
        # A millionth of a step is rounding of the container's timestamps.
        count = max(1, math.ceil(round(end * self._rate, 6)))
        while self._current is not None and self._k < count:
            yield self._step(self._current)

    def _watch(self, time: float, before: NDArray[Any], white: int, left_out: NDArray[np.float64]) -> None:
        """Tell the detector what was on display until `time`; frames that were left out are mixtures of both sides."""
        after, start = self._luma_change.samples, self._shown_at
        samples: NDArray[Any] = before
        if after is not None and after.shape == before.shape and time - start <= _MIXED_SECONDS:
            for at in left_out:
                self._detector.until(at, samples, white=white)
                samples = before + (after - before) * ((at - start) / (time - start))
        self._detector.until(time, samples, white=white)

    def _left_out(self, after: float, before: float) -> NDArray[np.float64]:
        """Return when the frames appear that were left out between two frames."""
        if self.frames is None:
            return np.empty(0)
        first, last = np.searchsorted(self.frames, (after, before))
        return self.frames[first + 1 : last]

    def _step(self, frame: VideoFrame) -> Step:
        if self._image is None:
            self._image = self._scaler(frame)
        time = self._k / self._rate
        boundary = find_boundary(self._changes) if self._changes else Boundary(time)
        self._k += 1
        self._changes.clear()
        return Step(time, boundary.at, self._image, boundary.span)


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
