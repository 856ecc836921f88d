"""Choice of the packets to decode for a frame every few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import av
from av.packet import Packet
from av.video.stream import VideoStream


class ChosenPacket(NamedTuple):
    """A packet to decode; `isolated` marks a key frame whose neighbors are skipped."""

    packet: Packet[VideoStream]
    isolated: bool


class KeyFrameFilter:
    """Choose the packets to decode for a frame every few seconds.

    Packets are held back until the length of their group of pictures is known. Of a group that is at most
    `longest_gap` long only the key frame is chosen. Longer groups are chosen completely, and so are the first, which
    sets the clock, and the last. Once a timestamp is missing or decode timestamps go back, nothing is skipped any
    more, because the presentation times of skipped frames would be unknown.

    Args:
        packets: of one video stream, in decoding order, ended by an empty one.
        longest_gap: longest group of pictures of which only the key frame is decoded, in ticks.

    Attributes:
        end: timestamp at which the last frame so far ends, chosen or not; None before the first.
        first_group_done: whether the first group of pictures is complete.
        reliable: whether all timestamps so far were present and in order.
    """

    def __init__(self, packets: Iterator[Packet[VideoStream]], *, longest_gap: int) -> None:
        self._packets, self._longest_gap = packets, longest_gap
        self._held: list[Packet[VideoStream]] = []  # the current group of pictures, while its length is unknown
        self._key_pts = 0
        self._holding = False
        self._previous_skipped = False
        self._last_dts: int | None = None
        self.end: int | None = None
        self.first_group_done = False
        self.reliable = True

    def __iter__(self) -> Iterator[ChosenPacket]:
        groups = 0
        try:
            for packet in self._packets:
                if packet.size and self._starts_group(packet):
                    if self._holding:
                        yield ChosenPacket(self._held[0], isolated=True)
                        self._held.clear()
                    self._previous_skipped = self._holding
                    groups += 1
                    self.first_group_done = self._holding = groups > 1
                    self._key_pts = packet.pts or 0
                elif self._previous_skipped and not self.reliable:
                    yield from self._release()
                    self._previous_skipped = False  # timestamps are not compared from here on
                self._held.append(packet)
                if not (self._holding and packet.size and self._is_short(packet)):
                    yield from self._release()
        except av.FFmpegError:  # the file is truncated: the held packets are its end
            yield from self._release()
            raise

    def _starts_group(self, packet: Packet[VideoStream]) -> bool:
        """Count the packet, and return whether it is a key frame that starts a group of pictures."""
        pts, dts = packet.pts, packet.dts
        goes_back = dts is not None and self._last_dts is not None and dts <= self._last_dts
        self.reliable = self.reliable and pts is not None and not goes_back
        self._last_dts = dts if dts is not None else self._last_dts  # Matroska has none for the first few packets
        if pts is not None and not packet.is_discard:
            self.end = max(pts if self.end is None else self.end, pts + (packet.duration or 0))
        return self.reliable and packet.is_keyframe

    def _is_short(self, packet: Packet[VideoStream]) -> bool:
        return self.reliable and packet.pts is not None and packet.pts - self._key_pts <= self._longest_gap

    def _release(self) -> Iterator[ChosenPacket]:
        """Pass on the held packets, except leading frames that refer to a skipped group."""
        self._holding = False
        for packet in self._held:
            leading = self._previous_skipped and packet.pts is not None and packet.pts < self._key_pts
            if not leading:
                yield ChosenPacket(packet, isolated=False)
        self._held.clear()
