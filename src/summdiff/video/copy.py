"""Finds the stretches of a part that can be taken over from an H.264 source as they are, and reads their packets.

Only whole groups of pictures from one IDR picture to the next can be taken over; what is left of a part at its edges
is encoded. Both kinds lie in one stream: each names its own parameter sets, and the file's header holds both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from types import TracebackType
from typing import NamedTuple, Self

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from summdiff.video.h264 import Groups, Sequence, with_lengths
from summdiff.video.index import FrameIndex
from summdiff.video.pick import entries
from summdiff.video.source import open_input, video_stream

_PROFILES = (66, 77, 100)  # what the encoder for the edges can match
_FULL_RANGE = 2
# A group is held in memory while it is checked.
_LONGEST_GROUP_SECONDS = 30


class Stretch(NamedTuple):
    """A stretch [start, end) of a part in ticks; `group` is the group of pictures that it is, None to encode it."""

    start: int
    end: int
    group: int | None


class Copied(NamedTuple):
    """A packet of the source, its units with lengths of four bytes, and the tick at which its picture is shown."""

    data: bytes
    tick: int


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """Which groups of a source can be copied.

    Attributes:
        groups: the source's groups of pictures.
        ends: (G,) int64, tick at which each ends.
        usable: (G,) bool.
    """

    groups: Groups
    ends: np.ndarray
    usable: np.ndarray

    @classmethod
    def of(cls, index: FrameIndex, first: VideoFrame, time_base: Fraction) -> CopyPlan | None:
        """The plan for a source with the given index and first frame, or None where nothing can be copied safely."""
        groups = index.groups
        if groups is None or first.format.name != "yuv420p" or first.color_range == _FULL_RANGE:
            return None
        try:
            sequences = [Sequence.parse(unit) for unit in groups.sets.sequence]
            free = groups.sets.free_id()
        except (ValueError, IndexError):
            return None
        if free is None or len({sequence.id for sequence in sequences}) != len(sequences):
            return None
        reorders = bool((np.diff(groups.order) < 0).any())
        for sequence in sequences:
            if (
                not sequence.plain
                or sequence.profile not in _PROFILES
                or (sequence.width, sequence.height) != (first.width, first.height)
                # Without this promise a decoder finds out by itself how far ahead it has to decode, and drops frames
                # where reordered pictures follow those that are not, as they do behind an encoded edge.
                or (reorders and not sequence.tells_reordering)
            ):
                return None
        starts = groups.order[groups.first]
        ends = np.append(starts[1:], index.end)
        return cls(groups, ends, groups.whole & ((ends - starts) * float(time_base) < _LONGEST_GROUP_SECONDS))

    def stretches(self, start: int, end: int) -> Iterator[Stretch]:
        """Divide the part [start, end) into groups to copy and stretches to encode, in order and without a gap."""
        at = start
        starts = self.groups.order[self.groups.first]
        for group in np.flatnonzero(self.usable & (starts >= start) & (self.ends <= end)):
            first = int(starts[group])
            if at < first:
                yield Stretch(at, first, None)
            at = int(self.ends[group])
            yield Stretch(first, at, int(group))
        if at < end:
            yield Stretch(at, end, None)

    def positions(self, group: int) -> slice:
        """Where the pictures of a group stand in `groups.order`."""
        first = self.groups.first
        return slice(int(first[group]), int(first[group + 1]) if group + 1 < len(first) else len(self.groups.order))

    def delay(self) -> int:
        """Ticks by which decoding has to run ahead of display so that no copied picture comes too late."""
        delay = 0
        for group in np.flatnonzero(self.usable):
            order = self.groups.order[self.positions(int(group))]
            delay = max(delay, int((np.sort(order) - order).max()))
        return delay


class GroupReader:
    """Reads the packets of groups of pictures, best asked for in order.

    Args:
        path: the source.
        plan: its groups.
        origin: seconds on the container's clock at which the first frame is shown.
    """

    def __init__(self, path: str | os.PathLike[str], plan: CopyPlan, origin: Fraction) -> None:
        self._container = open_input(path)
        self._stream = video_stream(self._container)
        self._plan = plan
        self._time_base = self._stream.time_base or Fraction(1)
        self._origin = round(origin / self._time_base)
        self._packets: Iterator[Packet[VideoStream]] = iter(())
        self._position = -1  # of the next packet in decoding order, where that is known

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def read(self, group: int) -> list[Copied] | None:
        """All packets of a group, or None where the file does not give exactly what its index promised."""
        positions = self._plan.positions(group)
        expected = self._plan.groups.order[positions]
        with suppress(av.FFmpegError):
            if self._go_to(group, positions.start):
                read = list(islice(self._upcoming(), len(expected)))
                if [packet.tick for packet in read] == expected.tolist():
                    self._position = positions.stop
                    return read
        self._position = -1
        return None

    def _go_to(self, group: int, position: int) -> bool:
        """Make the group's first packet the next one."""
        if position == self._position:
            return True
        starts = self._plan.groups.order[self._plan.groups.first]
        for entry in entries(starts, group, self._time_base):
            self._container.seek(self._origin + entry, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            for packet in self._packets:
                tick = None if packet.pts is None else packet.pts - self._origin
                if tick == starts[group] and packet.is_keyframe:
                    self._packets = chain([packet], self._packets)
                    return True
                if tick is None or tick > starts[group]:
                    break
        return False

    def _upcoming(self) -> Iterator[Copied]:
        for packet in self._packets:
            if packet.size and packet.pts is not None:
                yield Copied(with_lengths(bytes(packet), self._plan.groups.length_size), packet.pts - self._origin)
