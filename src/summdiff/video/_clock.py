"""The clock that all streams of a file share: from the container's time, which may jump, to the time of the film."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import floor, inf
from typing import Any, overload

import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from summdiff.video._container import LONGEST_STILL_SECONDS, FileVersion, file_version
from summdiff.video._packets import MISSING, FilePackets, StreamPackets, read_packets
from summdiff.video._pieces import Layout, Piece, find_breaks, place_pieces
from summdiff.video._rate import ROUNDING_SECONDS, is_rounded, measure_rate

_TICKS_PER_SECOND = 12_800  # at least, where the clock has ticks of its own
_SLOWEST_RATE = 5  # frames per second; slower ones are still pictures
_FILLED_SHARE = 0.5  # of the time after the pictures: one packet with a wrong timestamp is no sound
_HELD_SECONDS = 0.5  # sound that outlasts the pictures by less ends with them


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid on which the frames of a steady video lie, up to the rounding of its container.

    Attributes:
        rate: frames per second.
        phase: seconds on the moved clock of the container at which frame 0 of the grid is shown.
        ticks: ticks of the clock per frame.
    """

    rate: Fraction
    phase: Fraction
    ticks: int

    def frames(self, seconds: Any) -> Any:
        """Return the numbers of the frames that are shown at some seconds (float or array)."""
        return np.rint((seconds - float(self.phase)) * float(self.rate))


@dataclass(frozen=True)
class Clock:
    """The time line that all streams of a file share: 0 is when the first frame is displayed.

    It has no jumps: recordings that were joined follow each other, and gaps in which neither pictures nor sound exist
    are closed. All streams are moved alike and so stay in step. The frames of a steady video lie at exact multiples of
    their duration, also if the container rounds.

    Attributes:
        time_base: seconds per tick of the pictures.
        rate: frames per second by the most common interval.
        steady: whether every frame lies on the grid of that rate; a few may be missing.
        pictures: index of the video stream.
        pieces: stretches of the file whose timestamps are moved by the same amount.
        seekable: whether the container's clock never goes back, so that it identifies a place in the file.
        sound_end: seconds at which the sound ends, on the moved clock of the container; -inf without sound.
        pictures_end: seconds at which the last picture ends by its packet, likewise.
        longest_still, longest_silence: seconds for which a picture may stand, and for which sound may be missing.
        stream_time_base: seconds per tick of the pictures in the container.
        grid: where frames lie, if they have to be moved onto it.
        origin: tick of the first displayed frame, and
        start: its seconds, on the moved clock of the container.
    """

    time_base: Fraction
    rate: Fraction
    steady: bool
    pictures: int
    pieces: tuple[Piece, ...]
    seekable: bool
    sound_end: float
    pictures_end: float
    longest_still: float
    longest_silence: float
    stream_time_base: Fraction
    grid: Grid | None = None
    origin: int = 0
    start: Fraction = Fraction(0)

    def starting_at(self, origin: int) -> Clock:
        """Return the clock whose 0 is at a tick of a repaired packet of the pictures."""
        grid = self.grid
        start = origin * self.time_base if grid is None else grid.phase + Fraction(origin, grid.ticks) / grid.rate
        return replace(self, origin=origin, start=start)

    def seconds(self, timestamp: int, time_base: Fraction) -> Fraction:
        """Seconds from the first displayed frame to the timestamp of a repaired packet of sound or text."""
        return timestamp * time_base - self.start

    def repaired(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Move the timestamps of packets onto the clock.

        Args:
            packets: from the start of the file if the clock is not `seekable`, else from anywhere.
        """
        if len(self.pieces) == 1 and self.grid is None:
            yield from packets
            return
        counts: Counter[int] = Counter()
        for packet in packets:
            if packet.size:
                index = packet.stream_index
                piece = self._piece_of(packet, counts[index])
                counts[index] += 1
                self._repair(packet, piece, index)
            yield packet

    def repaired_pictures(self, stream: StreamPackets) -> NDArray[np.int64]:
        """Return (N,) ticks of the pictures' packets from the first displayed frame; all must state a `pts`."""
        firsts = [piece.first[stream.index] for piece in self.pieces]
        piece = np.searchsorted(firsts, np.arange(len(stream)), side="right") - 1
        if self.grid is not None:
            shifts = np.array([float(piece.shift) for piece in self.pieces])
            ticks = self.grid.frames(stream.pts * float(stream.time_base) + shifts[piece]) * self.grid.ticks
        else:
            ticks = stream.pts + np.array([int(piece.shift / self.time_base) for piece in self.pieces])[piece]
        return np.asarray(ticks, dtype=np.int64) - self.origin

    def container_timestamp(self, seconds: Fraction, time_base: Fraction) -> int:
        """Convert seconds to a timestamp of the container, at most a rounding later; only while `seekable`."""
        margin = Fraction(0) if self.grid is None else Fraction(ROUNDING_SECONDS)
        return floor((self.container_seconds(seconds) + margin) / time_base + Fraction(1, 2))

    def container_seconds(self, seconds: Fraction, *, end: bool = False) -> Fraction:
        """Convert seconds to the container's clock; a break belongs to what begins there, or `end`s there."""
        moved = seconds + self.start
        place = len(self.pieces) - 1
        while place and (float(moved) - self._begin(place) < (ROUNDING_SECONDS if end else -ROUNDING_SECONDS)):
            place -= 1
        return moved - self.pieces[place].shift

    def breaks(self) -> list[Fraction]:
        """Return the seconds at which the pictures of all pieces but the first begin."""
        ticks = (Fraction(self._begin(place)) - self.start for place in range(1, len(self.pieces)))
        return [round(at / self.time_base) * self.time_base for at in ticks]

    def from_container(self, seconds: Fraction) -> Fraction:
        """Convert the container's clock to seconds; a time in a closed gap is that of its end."""
        for piece in self.pieces:
            if float(seconds) < piece.end:
                return (
                    max(seconds, Fraction(piece.begin)) + piece.shift - self.start
                    if piece.shift
                    else (seconds - self.start)
                )
        return seconds + self.pieces[-1].shift - self.start

    @property
    def stated_end(self) -> int:
        """Tick at which the film ends by its packets; damage can end it earlier."""
        return self.end(max(1, round((self.pictures_end - float(self.start)) / float(self.time_base))))

    def end(self, tick: int) -> int:
        """Return the tick at which a film ends whose last picture ends at `tick`: later if its sound goes on."""
        outlasts = Fraction(self.sound_end) - self.start - tick * self.time_base if self.sound_end > -inf else 0
        if outlasts <= _HELD_SECONDS:
            return tick
        return tick + round(floor(outlasts / self.time_base / self.step) * self.step)

    @property
    def step(self) -> Fraction:
        """Ticks from one frame of a steady video to the next; 1 where pictures may begin and end at any tick."""
        moving = self.steady and self.rate >= _SLOWEST_RATE
        return 1 / (self.rate * self.time_base) if moving else Fraction(1)

    def _begin(self, place: int) -> float:
        return self.pieces[place].begin + float(self.pieces[place].shift)

    def _piece_of(self, packet: Packet[Any], number: int) -> Piece:
        if len(self.pieces) == 1:
            return self.pieces[0]
        if not self.seekable:
            index = packet.stream_index
            return self.pieces[bisect_right(self.pieces, number, key=lambda piece: piece.first[index]) - 1]
        timestamp = packet.pts if packet.pts is not None else packet.dts
        seconds = 0.0 if timestamp is None else float(timestamp * packet.time_base)
        return self.pieces[max(0, bisect_right(self.pieces, seconds, key=lambda piece: piece.after) - 1)]

    def _repair(self, packet: Packet[Any], piece: Piece, index: int) -> None:
        pts, dts, base, grid = packet.pts, packet.dts, packet.time_base, self.grid
        if index == self.pictures and grid is not None:
            to_ticks = float(base / self.time_base)
            moved = (float(piece.shift) - float(grid.phase)) / float(self.time_base)
            if pts is not None:
                packet.pts = int(grid.frames(pts * float(base) + float(piece.shift))) * grid.ticks
            if dts is not None:
                packet.dts = round(dts * to_ticks + moved)
            packet.duration = round((packet.duration or 0) * base * grid.rate) * grid.ticks
            packet.time_base = self.time_base
        elif piece.shift:
            ticks = round(piece.shift / base)
            packet.pts = None if pts is None else pts + ticks
            packet.dts = None if dts is None else dts + ticks


@overload
def in_seconds(ticks: int, time_base: Fraction) -> float: ...
@overload
def in_seconds(ticks: NDArray[np.int64], time_base: Fraction) -> NDArray[np.float64]: ...
def in_seconds(ticks: Any, time_base: Fraction) -> Any:
    """Convert ticks to seconds, rounded to the nearest float."""
    return ticks * time_base.numerator / time_base.denominator


def read_clock(path: str | os.PathLike[str]) -> Clock:
    """Return the clock of a file, with 0 at that of the container; see `Clock.starting_at`.

    Raises:
        VideoError: see `read_packets`.
    """
    return _read_clock(os.fspath(path), file_version(path))


@lru_cache(maxsize=16)
def _read_clock(path: str, _version: FileVersion) -> Clock:
    packets = read_packets(path)
    pictures = packets.pictures
    layout = find_breaks(packets)
    stated = pictures.pts != MISSING
    seconds = pictures.shown if stated.all() else pictures.decoded  # program streams state few times
    times = [np.sort(seconds[part][pictures.displayed[part]]) for part, _ in layout.ranges(packets)]
    times = [piece for piece in times if len(piece) and not np.isnan(piece).any()]
    tick = pictures.time_base
    rate = measure_rate(times, packets.nominal_rate, tick)
    steady = bool(stated.any()) and rate.phases is not None
    pieces, ends = place_pieces(packets, layout, rate=rate.usual if steady else None)
    grid, time_base = None, tick
    if steady and rate.phases and is_rounded(times, rate.usual):
        scale = max(1, -(-_TICKS_PER_SECOND // rate.usual.numerator))
        time_base = Fraction(1, rate.usual.numerator * scale)
        phase = Fraction(rate.phases[0]).limit_denominator(10**9) + pieces[0].shift
        grid = Grid(rate.usual, phase, rate.usual.denominator * scale)
    return Clock(
        time_base=time_base,
        rate=rate.usual,
        steady=steady,
        pictures=pictures.index,
        pieces=pieces,
        seekable=not layout.goes_back,
        sound_end=_sound_end(packets, ends, float(pieces[-1].shift)),
        pictures_end=_pictures_end(packets, ends, rate.usual, steady=grid is not None),
        longest_still=max([LONGEST_STILL_SECONDS, *(float(np.diff(piece).max()) for piece in times if len(piece) > 1)]),
        longest_silence=_longest_silence(packets, layout),
        stream_time_base=tick,
        grid=grid,
    )


def _sound_end(packets: FilePackets, ends: Mapping[int, float], shift: float) -> float:
    """Return the seconds on the moved clock at which the sound ends; -inf if it does not go on after the pictures."""
    sound = packets.sound
    if sound is None or sound.index not in ends:
        return -inf
    end, pictures = ends[sound.index], ends.get(packets.pictures.index, -inf)
    filled = (sound.decoded + shift > pictures).sum() * sound.interval
    return end if filled > _FILLED_SHARE * (end - max(pictures, sound.decoded[0])) else -inf


def _pictures_end(packets: FilePackets, ends: Mapping[int, float], rate: Fraction, *, steady: bool) -> float:
    """Return the seconds on the moved clock at which the last picture ends by its packet."""
    pictures = packets.pictures
    if pictures.index not in ends:
        return len(pictures) / float(rate)
    stated = float(pictures.durations[np.nanargmax(pictures.shown)] * pictures.time_base)
    known = 0 < stated <= LONGEST_STILL_SECONDS and not steady
    return ends[pictures.index] + (stated - pictures.interval if known else 0.0)


def _longest_silence(packets: FilePackets, layout: Layout) -> float:
    """Return the longest step in seconds from one packet of the sound to the next, at least an hour."""
    if packets.sound is None:
        return LONGEST_STILL_SECONDS
    steps = (np.diff(packets.sound.decoded[part]) for _, part in layout.ranges(packets))
    return max([LONGEST_STILL_SECONDS, *(float(np.nanmax(step)) for step in steps if len(step))])
