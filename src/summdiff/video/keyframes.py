"""Which packets have to be decoded to see a picture every few seconds: key frames, where they come often enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import av
from av.packet import Packet
from av.video.stream import VideoStream


class Chosen(NamedTuple):
    """A packet to decode, and whether it is a key frame whose neighbours are left out."""

    packet: Packet[VideoStream]
    alone: bool


class Sparse:
    """Chooses the packets of a video that are worth decoding, without those between key frames that lie close.

    A group of pictures is held back until it is known how long it lasts. Where the next key frame comes within
    `within`, only its own key frame is chosen; a longer group is chosen whole, as are the first, in which time begins,
    and the last. Where decoding times go back or time stamps are missing, nothing is left out any more: without them
    nobody could say when the pictures are shown.

    Args:
        packets: of one video stream in decoding order, one without bytes at the end.
        within: longest group of pictures of which the key frame is enough, in ticks of the stream.

    Attributes:
        shown: packets so far with a picture to display, chosen or not.
        end: ticks of the stream at which the last of them ends; None before the first.
        begun: whether the first group is complete.
        trusted: whether all packets so far were in order.
    """

    def __init__(self, packets: Iterator[Packet[VideoStream]], *, within: int) -> None:
        self._packets, self._within = packets, within
        self._held: list[Packet[VideoStream]] = []  # a group of pictures, until it is known whether it is needed
        self._key = 0  # when its key frame is shown
        self._holding = False  # else packets are passed on
        self._cut_off = False  # whether the group before was not decoded
        self._last: int | None = None
        self.shown = 0
        self.end: int | None = None
        self.begun = False
        self.trusted = True

    def __iter__(self) -> Iterator[Chosen]:
        keys = 0
        try:
            for packet in self._packets:
                if packet.size and self._opens(packet):
                    if self._holding:
                        yield Chosen(self._held[0], alone=True)
                        self._held.clear()
                    self._cut_off = self._holding
                    keys += 1
                    self.begun = self._holding = keys > 1
                    self._key = packet.pts or 0
                elif self._cut_off and not self.trusted:
                    yield from self._let_go()
                    self._cut_off = False  # from here on times are not compared
                self._held.append(packet)
                if not (self._holding and packet.size and self._may_wait(packet)):
                    yield from self._let_go()
        except av.FFmpegError:  # the file breaks off: what is held back is its end
            yield from self._let_go()
            raise

    def _opens(self, packet: Packet[VideoStream]) -> bool:
        """Note the packet, and say whether it is a key frame with which a new group begins."""
        pts, dts = packet.pts, packet.dts
        goes_back = dts is not None and self._last is not None and dts <= self._last
        self.trusted = self.trusted and pts is not None and not goes_back
        self._last = dts if dts is not None else self._last  # Matroska tells none for the first few
        if pts is not None and not packet.is_discard:
            self.shown += 1
            self.end = max(pts if self.end is None else self.end, pts + (packet.duration or 0))
        return self.trusted and packet.is_keyframe

    def _may_wait(self, packet: Packet[VideoStream]) -> bool:
        return self.trusted and packet.pts is not None and packet.pts - self._key <= self._within

    def _let_go(self) -> Iterator[Chosen]:
        """Pass on what is held, but for pictures that lean on a group that was left out."""
        self._holding = False
        for packet in self._held:
            leading = self._cut_off and packet.pts is not None and packet.pts < self._key
            if not leading:
                yield Chosen(packet, alone=False)
        self._held.clear()
