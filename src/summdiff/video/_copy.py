"""Stream copy: find the groups of pictures of an H.264 source that can be copied, and read their packets.

A copy begins with the IDR frame of a group. It ends with the group, or, at the end of a part, where no frame that is
left out is displayed before one that is copied. The rest of a part, at its edges, is encoded. Both are written into one
stream: each refers to its own parameter sets, and the header of the file contains all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff.video._clock import Clock
from summdiff.video._container import OpenFile, demux, open_input
from summdiff.video._h264 import GroupsOfPictures, SequenceParameterSet, length_prefixed
from summdiff.video._index import FrameIndex, seek_targets
from summdiff.video._streams import video_stream

_COPYABLE_PROFILES = (66, 77, 100)  # the encoder of the edges can match these
_FULL_RANGE = 2
# A group is held in memory while it is compared with the index.
_MAX_GROUP_SECONDS = 30
_LEAST_SECONDS = 0.5  # of a group: with less, the key frame behind it takes what the copy saves


class Stretch(NamedTuple):
    """A stretch [start, end) of a part in ticks: `group` is copied from its first frame on, None to encode."""

    start: int
    end: int
    group: int | None


class CopiedPacket(NamedTuple):
    """A packet of the source, as NAL units with lengths of four bytes, and the presentation time of its frame."""

    data: bytes
    tick: int


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """The groups of pictures of a source that can be copied.

    Attributes:
        groups: all groups of the source.
        ends: (G,) int64, tick at which each ends.
        copyable: (G,) bool.
        least: ticks of the shortest beginning of a group that is copied without the rest.
    """

    groups: GroupsOfPictures
    ends: NDArray[np.int64]
    copyable: NDArray[np.bool_]
    least: int

    @classmethod
    def of(cls, index: FrameIndex, first: VideoFrame) -> CopyPlan | None:
        """Make the plan for a source from its index and first frame; None if nothing can be copied safely."""
        groups = index.groups
        if groups is None or first.format.name != "yuv420p" or first.color_range == _FULL_RANGE:
            return None
        try:
            sequences = [SequenceParameterSet.parse(unit) for unit in groups.sets.sequence]
            unused_id = groups.sets.unused_id()
        except (ValueError, IndexError):
            return None
        if unused_id is None or len({sequence.id for sequence in sequences}) != len(sequences):
            return None
        has_reordering = bool((np.diff(groups.ticks) < 0).any())
        if not all(_can_copy(sequence, first, has_reordering=has_reordering) for sequence in sequences):
            return None
        if len({sequence.pixel_aspect for sequence in sequences}) > 1:
            return None
        starts = groups.start_ticks
        ends = np.append(starts[1:], index.end)
        short = (ends - starts) * float(index.clock.time_base) < _MAX_GROUP_SECONDS
        return cls(groups, ends, groups.closed & short, round(_LEAST_SECONDS / index.clock.time_base))

    def stretches(self, start: int, end: int) -> Iterator[Stretch]:
        """Divide the part [start, end) into groups to copy and stretches to encode, in order and without gaps."""
        at = start
        starts = self.groups.start_ticks
        for group in np.flatnonzero(self.copyable & (starts >= start) & (starts < end)):
            first, until = int(starts[group]), self._copied_until(int(group), end)
            if until == first:
                continue
            if at < first:
                yield Stretch(at, first, None)
            at = until
            yield Stretch(first, at, int(group))
        if at < end:
            yield Stretch(at, end, None)

    def _copied_until(self, group: int, end: int) -> int:
        """Return the tick up to which a group can be copied for a part that ends at `end`; the group's start if not."""
        if self.ends[group] <= end:
            return int(self.ends[group])
        ticks = self.groups.ticks[self.frames_of(group)]
        in_order = np.sort(ticks)
        # Decoding never needs later frames; displaying without a gap needs all frames before the last one copied.
        complete = (np.maximum.accumulate(ticks) == in_order) & (in_order < end)
        count = int(np.flatnonzero(complete)[-1]) + 1
        until = min(int(in_order[count]) if count < len(ticks) else end, end)
        return until if until - in_order[0] >= self.least else int(in_order[0])

    def frames_of(self, group: int) -> slice:
        """Return the positions of a group's frames in `groups.ticks`."""
        first = self.groups.first
        return slice(int(first[group]), int(first[group + 1]) if group + 1 < len(first) else len(self.groups.ticks))

    def decode_delay(self) -> int:
        """Return the ticks by which decoding must precede display so that no copied frame is late."""
        delay = 0
        for group in np.flatnonzero(self.copyable):
            ticks = self.groups.ticks[self.frames_of(int(group))]
            delay = max(delay, int((np.sort(ticks) - ticks).max()))
        return delay


def _can_copy(sequence: SequenceParameterSet, first: VideoFrame, *, has_reordering: bool) -> bool:
    return (
        sequence.plain
        and sequence.profile in _COPYABLE_PROFILES
        and (sequence.width, sequence.height) == (first.width, first.height)
        # Without a stated limit a decoder infers its reordering depth, and drops frames where reordered frames follow
        # frames in display order, as they do behind an encoded edge.
        and (sequence.limits_reordering or not has_reordering)
    )


class GroupReader(OpenFile):
    """Read the packets of groups of pictures; fastest if they are asked for in order.

    Args:
        path: the source.
        plan: its groups.
        clock: its clock.
    """

    def __init__(self, path: str | os.PathLike[str], plan: CopyPlan, clock: Clock) -> None:
        self._container = open_input(path)
        self._stream = video_stream(self._container)
        self._plan = plan
        self._clock = clock
        self._packets: Iterator[Packet[VideoStream]] = iter(())
        self._position = -1  # of the next packet in decoding order; -1 if unknown

    def close(self) -> None:
        self._container.close()

    def read(self, group: int, end: int) -> list[CopiedPacket] | None:
        """Return the packets of a group's frames up to tick `end`, a place where it can be divided.

        None if the file does not contain exactly what its index states.
        """
        positions = self._plan.frames_of(group)
        expected = self._plan.groups.ticks[positions]
        expected = expected[: int((expected < end).sum())]
        with suppress(av.FFmpegError):
            if self._go_to(group, positions.start):
                packets = list(islice(self._upcoming(), len(expected)))
                if [packet.tick for packet in packets] == expected.tolist():
                    self._position = positions.start + len(expected)
                    return packets
        self._position = -1
        return None

    def _go_to(self, group: int, position: int) -> bool:
        """Make the group's first packet the next one."""
        if position == self._position:
            return True
        starts = self._plan.groups.start_ticks
        for target in seek_targets(starts, group, self._clock.time_base):
            at = self._clock.container_timestamp(target * self._clock.time_base, self._clock.stream_time_base)
            self._container.seek(at, stream=self._stream)
            self._packets = self._clock.repaired(demux(self._container, self._stream))
            for packet in self._packets:
                tick = None if packet.pts is None else packet.pts - self._clock.origin
                if tick == starts[group] and packet.is_keyframe:
                    self._packets = chain([packet], self._packets)
                    return True
                if tick is None or tick > starts[group]:
                    break
        return False

    def _upcoming(self) -> Iterator[CopiedPacket]:
        for packet in self._packets:
            if packet.size and packet.pts is not None:
                data = length_prefixed(bytes(packet), self._plan.groups.length_size)
                yield CopiedPacket(data, packet.pts - self._clock.origin)
