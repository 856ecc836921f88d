"""The pieces of a file: stretches between breaks in its time line, and how they follow each other without a gap.

A break is where the timestamps of all running streams jump at the same place of the file: back, where recordings were
joined, or forward, where neither pictures nor sound exist. A jump of one stream alone is not: while sound goes on,
pictures stand still, and a stream whose timestamps are wrong is repaired where it is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from summdiff.video._container import LONGEST_STILL_SECONDS
from summdiff.video._packets import FilePackets, StreamPackets
from summdiff.video._rate import grid_phase

_BACK_SECONDS = 0.25  # a step back by less is a wrong timestamp
_BACK_ALONE_SECONDS = 1.0  # the same where no other stream runs, which would confirm it
_GAP_SECONDS = 1.0  # a shorter one is a still picture with silence
_APART_SECONDS = 3.0  # of film between the packets of two streams at the same place of a file
_SLACK_SECONDS = 2.0  # by which streams may end and begin apart at a gap
_OVERLAP_SECONDS = 0.05  # of sound at a join, which is crossfaded rather than delaying the pictures


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file with a time line of its own.

    Attributes:
        first: number of its first packet in each stream, by the stream's index.
        begin, end: seconds on the container's clock from its first picture, or sound without pictures, to its end.
        after: seconds on the container's clock after the piece before; only if the container's clock never goes back.
        shift: seconds to add to the container's clock, so that the pieces follow each other.
    """

    first: Mapping[int, int]
    begin: float
    end: float
    after: float
    shift: Fraction


class Break(NamedTuple):
    """A break before these numbers of packets."""

    pictures: int
    sound: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The pieces of a file, before they are moved.

    Attributes:
        breaks: where all pieces but the first begin.
        goes_back: whether the container's clock goes back at one of them.
    """

    breaks: tuple[Break, ...]
    goes_back: bool

    def ranges(self, packets: FilePackets) -> list[tuple[slice, slice]]:
        """Return the packets of pictures and of sound of each piece."""
        edges = [Break(0, 0), *self.breaks, Break(len(packets.pictures), len(packets.sound) if packets.sound else 0)]
        return [(slice(a.pictures, b.pictures), slice(a.sound, b.sound)) for a, b in pairwise(edges)]


def find_breaks(packets: FilePackets) -> Layout:
    """Return the breaks of a file."""
    back = list(_breaks_back(packets))
    edges = [Break(0, 0), *back, Break(len(packets.pictures), len(packets.sound) if packets.sound else 0)]
    breaks = [found for a, b in pairwise(edges) for found in [a, *_gaps(packets, a, b)]][1:]
    return Layout(tuple(breaks), goes_back=bool(back))


def place_pieces(
    packets: FilePackets, layout: Layout, *, rate: Fraction | None
) -> tuple[tuple[Piece, ...], dict[int, float]]:
    """Move the pieces of a file behind each other.

    Args:
        packets: of the file.
        layout: its breaks.
        rate: frames per second if they are steady; pictures then stay on one grid across joins.

    Returns:
        The pieces, and the seconds on the moved clock at which pictures and sound end, by the index of their stream.
    """
    pieces: list[Piece] = []
    ends: dict[int, float] = {}  # on the moved clock, by stream
    streams = [stream for stream in (packets.pictures, packets.sound, *packets.texts) if stream is not None]
    tick = packets.pictures.time_base
    last_end = -inf  # on the container's clock
    for pictures, sound in layout.ranges(packets):
        spans = {
            stream.index: span
            for stream, part in ((packets.pictures, pictures), (packets.sound, sound))
            if stream is not None
            and (span := _span(stream, part, rate if stream is packets.pictures else None)) is not None
        }
        if not spans:
            continue
        shift = _shift(spans, ends, packets.pictures.index, tick, None if rate is None else 1 / rate)
        begin = spans.get(packets.pictures.index, next(iter(spans.values())))[0]
        earliest, end = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
        place = min(
            int(stream.places[part.start])
            for stream, part in ((packets.pictures, pictures), (packets.sound, sound))
            if stream is not None and stream.index in spans
        )
        first = {text.index: int(np.searchsorted(text.places, place)) for text in packets.texts}
        first |= {packets.pictures.index: pictures.start}
        if packets.sound is not None:
            first |= {packets.sound.index: sound.start}
        after = (last_end + earliest) / 2 if pieces else -inf
        pieces.append(Piece(first, begin, end, after, shift))
        ends |= {index: span[1] + float(shift) for index, span in spans.items()}
        last_end = end
    if not pieces:
        pieces.append(Piece({stream.index: 0 for stream in streams}, 0.0, inf, -inf, Fraction(0)))
    return tuple(pieces), ends


def _shift(
    spans: Mapping[int, tuple[float, float]],
    ends: Mapping[int, float],
    pictures: int,
    tick: Fraction,
    frame: Fraction | None,
) -> Fraction:
    """Return the shift of a piece with these spans of its streams: as early as no stream overlaps what was before."""
    if not ends:
        return Fraction(0)
    earliest = min(start for start, _ in spans.values())
    least = {index: end - spans[index][0] if index in spans else end - earliest for index, end in ends.items()}
    shift = max(least.values())
    if pictures in spans and pictures in ends:
        after_pictures = least[pictures]
        delay = shift - after_pictures
        step = float(frame or tick)
        delay = 0.0 if delay <= _OVERLAP_SECONDS else ceil(delay / step - 1e-6) * step
        shift = after_pictures + delay
    if frame is not None:
        return Fraction(shift).limit_denominator(10**9)
    return round(Fraction(shift) / tick) * tick


def _span(stream: StreamPackets, part: slice, rate: Fraction | None) -> tuple[float, float] | None:
    """Return start and end of some packets of a stream on the container's clock; None if no time is stated.

    At a steady rate the rounding of the container is taken out.
    """
    times = stream.shown[part][stream.displayed[part]]
    times = times[~np.isnan(times)]
    if not len(times):
        return None
    start, last = float(times.min()), float(times.max())
    phase = None if rate is None else grid_phase(np.sort(times), rate, float(stream.time_base))
    if rate is None or phase is None:
        return start, last + stream.interval
    return phase, phase + (round((last - phase) * float(rate)) + 1) / float(rate)


def _breaks_back(packets: FilePackets) -> Iterator[Break]:
    """Yield where recordings were joined: the streams that run there go back together."""
    pictures, sound = packets.pictures, packets.sound
    of_pictures = _steps_back(pictures)
    of_sound = [] if sound is None else _steps_back(sound)
    found: list[Break] = []
    for i, step in of_pictures:
        near = [j for j, _ in of_sound if sound is not None and _apart(pictures, i, sound, j) <= _APART_SECONDS]
        if near and sound is not None:
            found.append(Break(i, min(near, key=lambda j: _apart(pictures, i, sound, j))))
        elif step >= _BACK_ALONE_SECONDS and (sound is None or not _runs_at(sound, pictures, i)):
            place = pictures.places[i]
            found.append(Break(i, 0 if sound is None else int(np.searchsorted(sound.places, place))))
    for j, step in of_sound:
        alone = step >= _BACK_ALONE_SECONDS and all(known.sound != j for known in found)
        if sound is not None and alone and not _runs_at(pictures, sound, j):
            found.append(Break(int(np.searchsorted(pictures.places, sound.places[j])), j))
    last = Break(-1, -1)
    for found_break in sorted(set(found)):
        if found_break.pictures >= last.pictures and found_break.sound >= last.sound:
            yield (last := found_break)


def _steps_back(stream: StreamPackets) -> list[tuple[int, float]]:
    """Return the numbers of the packets that are before their predecessor, and by how many seconds."""
    steps = -np.diff(stream.decoded)
    return [(int(i) + 1, float(steps[i])) for i in np.flatnonzero(steps > _BACK_SECONDS)]


def _apart(one: StreamPackets, i: int, other: StreamPackets, j: int) -> float:
    """Return the seconds of film between two packets in the file, by the stream that has less there."""
    in_one = abs(int(np.searchsorted(one.places, other.places[j])) - i) * one.interval
    in_other = abs(int(np.searchsorted(other.places, one.places[i])) - j) * other.interval
    return min(in_one, in_other)


def _runs_at(stream: StreamPackets, other: StreamPackets, i: int) -> bool:
    """Whether a stream has packets close before and close after packet `i` of another one in the file."""
    after = int(np.searchsorted(stream.places, other.places[i]))
    return 0 < after < len(stream) and all(
        abs(int(np.searchsorted(other.places, stream.places[j])) - i) * other.interval <= _APART_SECONDS
        for j in (after - 1, after)
    )


def _gaps(packets: FilePackets, first: Break, last: Break) -> Iterator[Break]:
    """Yield the gaps between two breaks, within which clocks only go forward."""
    pictures, sound = packets.pictures, packets.sound
    starts = np.empty(0) if sound is None else sound.decoded[first.sound : last.sound]
    heard = 0.0 if sound is None else sound.interval
    longest = max(_GAP_SECONDS, 3 * pictures.interval)
    seen = pictures.decoded[first.pictures : last.pictures]
    closed: list[Break] = []
    for i in np.flatnonzero(np.diff(seen) > longest) + 1:
        shown = pictures.shown[first.pictures : last.pictures]
        before, after = _largest(shown[:i]) + pictures.interval, _smallest(shown[i:])
        length = after - before
        # The longest stretch without sound: after sound packet j - 1, before packet j.
        slack = min(_SLACK_SECONDS, length / 2)
        j_first, j_last = np.searchsorted(starts, (before - slack, after + slack))
        ends = [-inf if j == 0 else float(starts[j - 1]) + heard for j in range(j_first, j_last + 1)]
        begins = [float(starts[j]) if j < len(starts) else inf for j in range(j_first, j_last + 1)]
        holes = [min(after, begin) - max(before, end) for end, begin in zip(ends, begins, strict=True)]
        most = int(np.argmax(holes))
        together = ends[most] >= before - slack and begins[most] <= after + slack
        if (together and holes[most] > _GAP_SECONDS) or (length > LONGEST_STILL_SECONDS and holes[most] > length / 2):
            closed.append(Break(first.pictures + int(i), first.sound + int(j_first) + most))
    for j in np.flatnonzero(np.diff(starts) > LONGEST_STILL_SECONDS) + 1:
        shown = seen[(seen > starts[j - 1]) & (seen < starts[j])]
        if not len(shown):
            closed.append(Break(first.pictures + int(np.searchsorted(seen, starts[j])), first.sound + int(j)))
    last_closed = first
    for found in sorted(set(closed)):
        if found.pictures >= last_closed.pictures and found.sound >= last_closed.sound and found != last_closed:
            yield (last_closed := found)


def _largest(times: NDArray[np.float64]) -> float:
    return float(np.nanmax(times[-64:]))  # frames are reordered among their neighbors only


def _smallest(times: NDArray[np.float64]) -> float:
    return float(np.nanmin(times[:64]))
