"""The frames that a summary consists of, for the mp4 and for editors' timelines.

The mp4 keeps the video's own presentation times. Editors count frames at a steady rate, so each part is placed on a
grid: frame k of the grid shows the picture on display at k / rate. If the video's frame rate is steady, grid and frames
coincide. Otherwise every frame of the grid still shows a picture from inside the part.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import Interval, merge
from summdiff.video._clock import Clock
from summdiff.video._container import FileVersion, file_version, pixel_aspect
from summdiff.video._decode import FrameDecoder
from summdiff.video._index import FrameIndex, index_frames
from summdiff.video._picture import Orientation
from summdiff.video._rate import ROUNDING_SECONDS, STANDARD_RATES
from summdiff.video._streams import audio_stream

# Interval ends are rounded to the microsecond in JSON; no two frames are this close.
_TOLERANCE_SECONDS = 1e-3
_TIMECODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


@dataclass(frozen=True, slots=True)
class TickPart:
    """A part of the source, in ticks of its frames.

    A dissolve is centered on the cut between two parts: it begins at `alone_until` of the one and lasts until
    `alone_from` of the other. Where a part is cut hard, these are its end and its start.

    Attributes:
        start, end: [start, end) in ticks.
        offset: tick of the output at which the part begins.
        starts_on_still: whether the frame on display at `start` appeared earlier and has to be shown again.
        alone_from, alone_until: [from, until) in ticks, without the dissolves at either end.
    """

    start: int
    end: int
    offset: int
    starts_on_still: bool
    alone_from: int
    alone_until: int


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Samples per second and number of channels of an audio stream."""

    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class CutPart:
    """A part of the summary.

    Attributes:
        start, end: [start, end) in exact seconds of the source, from its first displayed frame.
        file_start, file_end: the same as players and editors count, which see gaps that are closed here; no part goes
            across one.
        first, last: [first, last) in frames of the grid, as editors count, from the source's first displayed frame.
        offset: seconds of the mp4 at which the part begins.
        record: frame of the timeline at which the part begins.
        dissolve: frames of the grid on each side of the part's start during which it and the part before dissolve into
            each other; 0 for a cut.
    """

    start: Fraction
    end: Fraction
    file_start: Fraction
    file_end: Fraction
    first: int
    last: int
    offset: Fraction
    record: int
    dissolve: int

    @property
    def frames(self) -> int:
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class CutList:
    """The parts of a summary in seconds and in frames, with the facts about the source that editors need.

    Attributes:
        path: absolute path of the source.
        origin: seconds on the container's clock at which the first frame is displayed.
        parts: in order; at least one.
        rate: frames per second of the grid, one of `STANDARD_RATES`.
        source_rate: average rate of the source's frames.
        steady: whether the source's frame rate is steady.
        frames: length of the source in frames of the grid, as editors count.
        width, height: of the upright picture with square pixels.
        sound: format of the audio stream; None if there is none.
        timecode: frame number of the source's first frame by its timecode; 0 if it has none.
        drop_frame: whether timecodes drop frame numbers: as the source's timecode does; by default, at 29.97 and 59.94.
    """

    path: Path
    origin: Fraction
    parts: tuple[CutPart, ...]
    rate: Fraction
    source_rate: Fraction
    steady: bool
    frames: int
    width: int
    height: int
    sound: AudioFormat | None
    timecode: int
    drop_frame: bool

    @property
    def length(self) -> int:
        """Length of the timeline in frames."""
        return self.parts[-1].record + self.parts[-1].frames

    @property
    def duration(self) -> Fraction:
        """Length of the mp4 in seconds."""
        return self.parts[-1].offset + self.parts[-1].end - self.parts[-1].start

    def source_time(self, seconds: Fraction) -> Fraction:
        """Convert a time of the mp4 to the source's; times after the end give the end of the last part."""
        part = next((part for part in reversed(self.parts) if part.offset <= seconds), self.parts[0])
        return part.start + min(seconds - part.offset, part.end - part.start)

    @property
    def nominal(self) -> int:
        """Frame numbers per second of timecode: 30 for 29.97."""
        return math.ceil(self.rate)


def cut_list(
    path: str | os.PathLike[str], parts: Sequence[Interval], *, transition: float = 0.0, order: Sequence[int] = ()
) -> CutList:
    """List the frames that `write_cut` writes for the same arguments.

    With a transition, parts are cut in the middle of their dissolve, as editors do.

    Raises:
        VideoError: the source cannot be read.
        UsageError: no part contains a frame of the video.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  (Path.resolve would follow links)
    return _cut_list(absolute, tuple(parts), transition, tuple(order), file_version(absolute))


@lru_cache(maxsize=4)
def _cut_list(
    path: Path, parts: tuple[Interval, ...], transition: float, order: tuple[int, ...], _version: FileVersion
) -> CutList:
    index = index_frames(path)
    time_base = index.clock.time_base
    with FrameDecoder(path) as decoder:
        first = next(iter(decoder)).frame
        width, height = round(first.width * pixel_aspect(decoder.stream)), first.height
        audio = audio_stream(decoder.container)
        tags = {
            key.lower(): value for place in (decoder.container, decoder.stream) for key, value in place.metadata.items()
        }
    if Orientation.of(first).transposed:
        width, height = height, width
    sound = None
    if audio is not None:
        sound = AudioFormat(audio.codec_context.sample_rate, audio.codec_context.layout.nb_channels)
    rate, source_rate, steady = grid_rate(index)
    frames = max(1, _first_on_grid(_in_file(index.end * time_base, index.clock, end=True), rate))
    timecode, drop_frame = _parse_timecode(tags.get("timecode", ""), rate)
    return CutList(
        path=path,
        origin=index.clock.container_seconds(Fraction(0)),
        parts=tuple(_placed_on_grid(tick_parts(parts, index, transition, order), index.clock, rate, frames)),
        rate=rate,
        source_rate=source_rate,
        steady=steady,
        frames=frames,
        width=width,
        height=height,
        sound=sound,
        timecode=timecode,
        drop_frame=drop_frame,
    )


def tick_parts(
    parts: Sequence[Interval], index: FrameIndex, transition: float = 0.0, order: Sequence[int] = ()
) -> tuple[TickPart, ...]:
    """Convert intervals in seconds to ticks of a video's frames.

    Ends within a millisecond of a frame become that frame's time. An end between two frames moves to the later one, so
    that picture and sound begin together and every frame is shown as long as in the source, except where a picture
    stands still. There, parts of a steady video last whole frames.

    Args:
        parts: intervals in seconds, in any order.
        index: the frames of the video.
        transition: seconds for which two parts overlap in a dissolve, rounded to an even number of frames; at most half
            of the shorter part. The parts returned end and start in the middle of it.
        order: positions of the parts in the order in which they are written; () sorts and joins them.

    Raises:
        UsageError: an end is not a finite number, or no part contains a frame.
    """
    if not all(math.isfinite(part.start) and math.isfinite(part.end) for part in parts):
        raise UsageError("The parts to write must begin and end at finite numbers of seconds.")
    time_base = index.clock.time_base
    edges = np.append(index.ticks, index.end)
    # A second is a still picture even in a video whose frames all last that long.
    longest_gap = min(1.5 * index.frame_ticks, float(1 / time_base))
    frame = index.clock.step
    placed: list[tuple[int, int, bool]] = []
    longer = [part for part in ([parts[place] for place in order] or parts) if part.end > part.start]
    for part in longer if order else merge(longer):
        start, end = (_nearest_tick(seconds, edges, time_base) for seconds in (part.start, part.end))
        first, last = np.searchsorted(index.ticks, (start, end))
        gap = int(edges[first]) - start if first < last else end - start
        on_still = bool(first > 0 and gap > longest_gap)
        if not on_still and first < last:
            start = int(edges[first])
        if last > 0 and edges[last] - edges[last - 1] <= longest_gap:
            end = int(edges[last])  # the last frame is shown as long as in the source
        start, end = (round(round(tick / frame) * frame) for tick in (start, end))  # within still pictures
        if start < end and (on_still or first < last):
            placed.append((start, end, on_still))
    if not placed:
        raise UsageError("There is nothing to write: no chosen part contains a frame of the video.")
    return tuple(_dissolved(placed, index, edges, transition))


def _dissolved(
    placed: Sequence[tuple[int, int, bool]], index: FrameIndex, edges: NDArray[np.int64], transition: float
) -> Iterator[TickPart]:
    """Yield parts (start, end, starts on a still picture) that overlap in dissolves."""
    frame = 1 / (index.dissolve_rate * index.clock.time_base)  # ticks
    halves = [0]  # frames on each side of the cut, at every edge
    for before, after in pairwise(placed):
        shorter = min(before[1] - before[0], after[1] - after[0])
        halves.append(min(round(transition * index.dissolve_rate / 2), round(shorter / frame) // 4))
    halves.append(0)

    def moved(tick: int, frames: int) -> int:
        """Move a tick by a number of frames, onto a frame that appears nearby."""
        target = tick + frames * frame
        nearest = int(edges[np.abs(edges - float(target)).argmin()])
        return nearest if abs(nearest - target) <= frame / 4 else round(target)

    offset = 0
    for (first, last, on_still), lead, trail in zip(placed, halves, halves[1:], strict=False):
        start, end = moved(first, lead) if lead else first, moved(last, -trail) if trail else last
        yield TickPart(
            start,
            end,
            offset,
            starts_on_still=bool(start not in index.ticks) if lead else on_still,
            alone_from=moved(first, 2 * lead) if lead else start,
            alone_until=moved(last, -2 * trail) if trail else end,
        )
        offset += end - start


def _nearest_tick(seconds: float, edges: NDArray[np.int64], time_base: Fraction) -> int:
    """Convert seconds to a tick within the video: that of a frame if one is within the tolerance."""
    exact = seconds * time_base.denominator / time_base.numerator
    tick = min(max(round(exact), 0), int(edges[-1]))
    after = int(np.searchsorted(edges, exact))
    nearest = min(edges[max(after - 1, 0) : after + 1], key=lambda edge: abs(edge - exact), default=tick)
    return int(nearest) if abs(nearest - exact) * time_base < _TOLERANCE_SECONDS else tick


def grid_rate(index: FrameIndex) -> tuple[Fraction, Fraction, bool]:
    """Return the rate of the grid, the rate of the frames, and whether the frame rate is steady."""
    rate = index.clock.rate
    if not index.clock.steady:
        return _standard_rate(rate), rate, False
    # A finer grid shows each frame a whole number of times.
    multiples = [standard for standard in STANDARD_RATES if (standard / rate).denominator == 1]
    return (multiples[0] if multiples else _standard_rate(rate)), rate, True


def _standard_rate(rate: Fraction) -> Fraction:
    """Return the nearest standard rate if it is within 0.5%, the jitter of variable rates; else the next higher one."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 200:
        return nearest
    return next((standard for standard in STANDARD_RATES if standard >= rate), STANDARD_RATES[-1])


def _placed_on_grid(parts: Sequence[TickPart], clock: Clock, rate: Fraction, frames: int) -> Iterator[CutPart]:
    """Place parts on a grid of `frames` frames, divided at the breaks of the file; one too short gets one frame."""
    record = 0
    for part in parts:
        begin, finish = part.start * clock.time_base, part.end * clock.time_base
        breaks = [at for at in clock.breaks() if begin < at < finish] if clock.seekable else []
        for start, end in pairwise([begin, *breaks, finish]):
            file_start, file_end = _in_file(start, clock), _in_file(end, clock, end=True)
            first = min(_first_on_grid(file_start, rate), frames - 1)
            last = max(first + 1, min(_first_on_grid(file_end, rate), frames))
            half = (part.alone_from - part.start) * clock.time_base * rate if start == begin else 0
            offset = part.offset * clock.time_base + start - begin
            yield CutPart(start, end, file_start, file_end, first, last, offset, record, round(half))
            record += last - first


def _in_file(seconds: Fraction, clock: Clock, *, end: bool = False) -> Fraction:
    """Return seconds as players and editors count them; a break belongs to what begins there, or `end`s there.

    Where the container's clock goes back, they do not agree on any count.
    """
    if not clock.seekable:
        return seconds
    return clock.container_seconds(seconds, end=end) - clock.container_seconds(Fraction(0))


def _first_on_grid(seconds: Fraction, rate: Fraction) -> int:
    """Return the first frame of the grid that shows a picture displayed from `seconds` on."""
    return max(0, math.ceil((seconds - min(Fraction(ROUNDING_SECONDS), 1 / (4 * rate))) * rate))


def _parse_timecode(text: str, rate: Fraction) -> tuple[int, bool]:
    """Return a timecode's frame number and whether it drops numbers; 0 and the rate's convention if it is invalid."""
    nominal = math.ceil(rate)
    can_drop = rate.denominator != 1 and nominal % 30 == 0
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        return 0, can_drop
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    if frames >= nominal:
        return 0, can_drop
    drop = can_drop and match[4] != ":"
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    minutes += 60 * hours
    return number - (nominal // 15 * (minutes - minutes // 10) if drop else 0), drop
