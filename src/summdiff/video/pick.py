"""Fetches the frames of given stretches of a video, entering it where it can instead of decoding all of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff.video.index import FrameIndex
from summdiff.video.source import FrameSource, Timed


def entries(keys: NDArray[np.int64], at: int, time_base: Fraction) -> Iterator[int]:
    """Ticks to seek to for reaching the key frame `keys[at]`, each to be tried where the ones before led too far.

    Transport streams are entered by decoding times, which lie somewhat before those of display; other files have
    indexes that are wrong.
    """
    step = 1
    if at >= 0:
        yield int(keys[at])
        yield max(0, int(keys[at]) - round(1 / time_base))
    while (at := at - step) >= 0:
        yield int(keys[at])
        step *= 4


class FramePicker:
    """Decodes stretches of a video, best asked for in order.

    Args:
        path: a local video file.
        index: its frames.

    Attributes:
        first: the first displayed frame.
        time_base: seconds per tick.
        nominal: ticks that a frame usually lasts.
        origin: seconds on the container's clock at which the first frame is shown.
        stream: the video stream.
    """

    def __init__(self, path: str | os.PathLike[str], index: FrameIndex) -> None:
        self._path = path
        self._index = index
        self.first = self._restart()
        self.time_base = self._source.time_base
        self.nominal = self._source.nominal
        self.origin: Fraction = (self._source.origin or 0) * self.time_base

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    @property
    def stream(self) -> VideoStream:
        return self._source.stream

    def pick(self, start: int, end: int, *, held: bool) -> Iterator[Timed]:
        """The frames shown in [start, end) ticks; with `held` also the one that is on display at `start`.

        Each comes with the ticks for which it is on display within the stretch.
        """
        at = int(np.searchsorted(self._index.shown, start, side="right" if held else "left")) - held
        wanted = int(self._index.shown[at])
        self._go_to(wanted)
        while self._next is not None and self._next.ticks < end:
            frame, ticks, _ = self._next
            self._advance()
            if ticks >= wanted:
                until = end if self._next is None else min(end, self._next.ticks)
                yield Timed(frame, ticks, until - max(start, ticks))

    def _go_to(self, wanted: int) -> None:
        """Make `_next` a frame at or before `wanted`, the shortest way."""
        keys = self._index.keys
        at = int(np.searchsorted(keys, wanted, side="right")) - 1
        if self._next is not None and self._next.ticks <= wanted and (at < 0 or keys[at] <= self._next.ticks):
            return  # no key frame in between: decode on
        for entry in entries(keys, at, self.time_base):
            if self._land(entry) and self._next is not None and self._next.ticks <= wanted:
                return
        self._source.close()
        self._restart()

    def _land(self, key: int) -> bool:
        try:
            self._source.seek(key)
        except av.FFmpegError:
            return False
        self._frames = iter(self._source)
        self._advance()
        return True

    def _restart(self) -> VideoFrame:
        self._source = FrameSource(self._path)
        self._frames = iter(self._source)
        first = next(self._frames)  # there always is one: FrameSource says so or raises
        self._next: Timed | None = first
        return first.frame

    def _advance(self) -> None:
        self._next = next(self._frames, None)
