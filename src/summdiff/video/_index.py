"""Random access: an index of all frames from their packets, and a decoder that seeks with it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff.video._clock import Clock
from summdiff.video._container import FileVersion, OpenFile, file_version
from summdiff.video._decode import FrameDecoder, TimedFrame
from summdiff.video._h264 import GroupsOfPictures
from summdiff.video._packets import MISSING, FilePackets, read_packets
from summdiff.video._rate import is_rounded, measure_rate

_SMOOTH_RATE = 20  # frames per second
_NEIGHBORS = 4  # frames before the first one that is wanted, more than the deinterlacer looks at


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Presentation times of all frames of a video, in ticks from the first displayed frame.

    Attributes:
        ticks: (F,) int64, increasing, starting at 0: presentation time of each frame.
        end: tick at which the last frame ends.
        key_ticks: (K,) int64, increasing: times of the key frames to seek to; empty if seeking is unreliable.
        clock: seconds per tick, and how other streams relate to the frames.
        groups: groups of pictures of an H.264 stream that can be copied; None if there are none.
    """

    ticks: NDArray[np.int64]
    end: int
    key_ticks: NDArray[np.int64]
    clock: Clock
    groups: GroupsOfPictures | None = None

    @property
    def frame_ticks(self) -> int:
        """Usual duration of a frame, in ticks."""
        return max(1, round(1 / (self.clock.rate * self.clock.time_base)))

    @property
    def dissolve_rate(self) -> Fraction:
        """Frames per second of a dissolve: the usual rate, or a multiple of it where that is too slow."""
        rate = self.clock.rate
        return rate * max(1, min(math.ceil(_SMOOTH_RATE / rate), int(1 / (self.clock.time_base * rate))))


def index_frames(path: str | os.PathLike[str]) -> FrameIndex:
    """Index a video from its packets or, if their timestamps are unreliable, by decoding it once.

    The last four results are kept, because every export format of a summary needs them.

    Raises:
        VideoError: see `FrameDecoder`.
    """
    return _index_frames(os.fspath(path), file_version(path))


@lru_cache(maxsize=4)
def _index_frames(path: str, _version: FileVersion) -> FrameIndex:
    with FrameDecoder(path) as decoder:
        next(iter(decoder))
        clock, regular = decoder.clock, decoder.regular
    return (regular and index_packets(path, clock)) or _from_frames(path)


def index_packets(path: str | os.PathLike[str], clock: Clock) -> FrameIndex | None:
    """Index a video from its packets, on the clock of its first frame; None if their timestamps are unreliable.

    Raises:
        VideoError: the file cannot be read.
    """
    # Only decoding shows which frames are left of a truncated file, or where recordings were joined.
    return _from_packets(read_packets(path), clock) if clock.seekable else None


def _from_packets(packets: FilePackets, clock: Clock) -> FrameIndex | None:
    """Index without decoding; None if the file is truncated or timestamps are missing, repeated or far apart."""
    pictures = packets.pictures
    decoded = pictures.dts[pictures.dts != MISSING]
    if not packets.complete or (pictures.pts == MISSING).any() or (np.diff(decoded) <= 0).any():
        return None
    ticks = clock.repaired_pictures(pictures)
    # Not displayed: frames before an edit list's start, or that need frames from before the file's start.
    displayed = pictures.displayed & (ticks >= 0)
    times = np.unique(ticks[displayed])
    complete = len(times) == displayed.sum() and len(times) > 0 and times[0] == 0
    longest = clock.longest_still / clock.time_base
    if not complete or (np.diff(times) > longest).any():
        return None
    frame = max(1, round(1 / (clock.rate * clock.time_base)))
    last = int(np.flatnonzero(displayed)[ticks[displayed].argmax()])
    stated = round(int(pictures.durations[last]) * pictures.time_base / clock.time_base)
    end = int(times[-1]) + (stated if 0 < stated <= longest and clock.grid is None else frame)
    groups = packets.groups
    if groups is not None:
        closed = groups.closed & (np.minimum.reduceat(ticks, groups.first) >= 0)
        groups = replace(groups, ticks=ticks, closed=closed)
    return FrameIndex(times, clock.end(end), np.unique(ticks[displayed & pictures.keys]), clock, groups)


def _from_frames(path: str | os.PathLike[str]) -> FrameIndex:
    with FrameDecoder(path) as decoder:
        spans = [(ticks, ticks + duration) for _, ticks, duration in decoder]
        clock = decoder.clock
    starts, ends = np.array(spans, dtype=np.int64).T
    seconds = [starts * float(clock.time_base)]
    rate = measure_rate(seconds, clock.rate, clock.time_base)
    if rate.phases is not None and not is_rounded(seconds, rate.usual):
        clock = replace(clock, rate=rate.usual, steady=True)
    return FrameIndex(np.ascontiguousarray(starts), clock.end(int(ends[-1])), np.empty(0, dtype=np.int64), clock)


def seek_targets(key_ticks: NDArray[np.int64], at: int, time_base: Fraction) -> Iterator[int]:
    """Yield ticks to seek to in order to reach the key frame `key_ticks[at]`; try each if the previous one overshot.

    Transport streams seek by decode timestamps, which lie somewhat before presentation timestamps. The indexes of
    other files can be wrong.
    """
    step = 1
    if at >= 0:
        yield int(key_ticks[at])
        yield max(0, int(key_ticks[at]) - round(1 / time_base))
    while (at := at - step) >= 0:
        yield int(key_ticks[at])
        step *= 4


class SeekingDecoder(OpenFile):
    """Decode given ranges of a video; fastest if they are asked for in order.

    Args:
        path: a local video file.
        index: its frames.
        deinterlace, threads: see `FrameDecoder`.
        needed: decides by the tick of a frame whether it comes even if no other one refers to it; None for all.

    Attributes:
        first: the first displayed frame.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        index: FrameIndex,
        *,
        deinterlace: bool = False,
        threads: int | None = None,
        needed: Callable[[int], bool] | None = None,
    ) -> None:
        self._path, self._index, self._deinterlace, self._threads = path, index, deinterlace, threads
        self._needed = needed
        self._corrupt_before = 0  # by decoders that were replaced
        self.first = self._restart()

    def close(self) -> None:
        self._decoder.close()

    @property
    def corrupt(self) -> int:
        """Number of damaged packets and frames skipped so far."""
        return self._corrupt_before + self._decoder.corrupt

    @property
    def notes(self) -> tuple[str, ...]:
        """See `FrameDecoder`."""
        return self._decoder.notes

    @property
    def stream(self) -> VideoStream:
        """The video stream."""
        return self._decoder.stream

    @property
    def interlaced(self) -> bool:
        """Whether the first frame is marked as interlaced."""
        return self._decoder.interlaced

    def shows_at(self, tick: int) -> bool:
        """Whether a frame appears exactly at a tick."""
        return bool((self._index.ticks == tick).any())

    def frames(self, start: int, end: int, *, with_current: bool) -> Iterator[TimedFrame]:
        """Yield the frames that appear in [start, end) ticks; `with_current` adds the one on display at `start`.

        The duration of each is the time for which it is on display within the range.
        """
        first = int(np.searchsorted(self._index.ticks, start, side="right" if with_current else "left")) - with_current
        wanted = int(self._index.ticks[first])
        self._go_to(wanted)
        while self._next is not None and self._next.ticks < end:
            frame, ticks, _ = self._next
            self._advance()
            if ticks >= wanted:
                until = end if self._next is None else min(end, self._next.ticks)
                yield TimedFrame(frame, ticks, until - max(start, ticks))

    def _go_to(self, wanted: int) -> None:
        """Make `_next` a frame at or before `wanted`, decoding as little as possible."""
        keys = self._index.key_ticks
        self._leave_out_before(wanted)
        at = int(np.searchsorted(keys, wanted, side="right")) - 1
        if self._next is not None and self._next.ticks <= wanted and (at < 0 or keys[at] <= self._next.ticks):
            return  # no key frame in between: decode on
        for target in seek_targets(keys, at, self._index.clock.time_base):
            if self._seek(target) and self._next is not None and self._next.ticks <= wanted:
                return
        self._corrupt_before += self._decoder.corrupt
        self._decoder.close()
        self._restart()
        self._leave_out_before(wanted)

    def _leave_out_before(self, wanted: int) -> None:
        """Let the decoder leave out frames before a tick, and those that are not needed."""
        if self._decoder.can_skip and len(self._index.key_ticks):
            # Deinterlacing mixes a frame with its neighbors
            first = wanted - (_NEIGHBORS * self._index.frame_ticks if self._deinterlace else 0)
            needed = self._needed
            self._decoder.needed = lambda tick: tick >= first and (needed is None or needed(tick))

    def _seek(self, ticks: int) -> bool:
        try:
            self._decoder.seek(ticks)
        except av.FFmpegError:
            return False
        self._frames = iter(self._decoder)
        self._advance()
        return True

    def _restart(self) -> VideoFrame:
        self._decoder = FrameDecoder(self._path, threads=self._threads, deinterlace=self._deinterlace)
        self._frames = iter(self._decoder)
        first = next(self._frames)  # FrameDecoder raises if there is none
        self._next: TimedFrame | None = first
        return first.frame

    def _advance(self) -> None:
        self._next = next(self._frames, None)
