"""Which frames a summary consists of: the one answer that the mp4 and every editor's timeline share.

The mp4 keeps a video's own clock. Editors count frames at a steady rate instead, so a part is laid onto a grid: frame
k of the grid shows what is on display at k / rate. Where the video's frames come at a steady rate, grid and frames are
the same thing. Where they do not, each frame of the grid shows a picture of the part, never one from beside it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.summary import Interval
from summdiff.video.cut import tick_parts
from summdiff.video.index import FrameIndex, index_frames
from summdiff.video.picture import Orientation
from summdiff.video.probe import pixel_aspect
from summdiff.video.source import FileVersion, FrameSource, audio_stream, file_version, nominal_rate

# Rates that editors, SMPTE timecode and edit decision lists know.
STANDARD_RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
# Containers round times: Matroska to the millisecond, others to their tick. A frame is not off the grid for that.
_ROUNDING_SECONDS = Fraction(3, 2000)
_TIMECODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound track that is kept: samples per second and number of channels."""

    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class CutPart:
    """One part of the summary.

    Attributes:
        start, end: [start, end) in exact seconds of the source, from its first displayed frame.
        first, last: [first, last) in frames of the grid, from the source's first displayed frame.
        offset: seconds of the summary at which the part begins in the mp4.
        record: frame of the grid at which it begins in a timeline.
    """

    start: Fraction
    end: Fraction
    first: int
    last: int
    offset: Fraction
    record: int

    @property
    def frames(self) -> int:
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class CutList:
    """The parts of a summary, in time and in frames, with what an editor asks about the source.

    Attributes:
        path: absolute path of the source.
        origin: seconds on the container's own clock at which the first frame is shown.
        parts: in order; at least one.
        rate: frames per second of the grid, one of `STANDARD_RATES`.
        source_rate: average rate of the source's own frames.
        steady: whether the source's frames come at a steady rate.
        frames: length of the source on the grid.
        width, height: the picture upright and with square pixels.
        sound: the sound track; None where there is none.
        timecode: frame number of the source's first frame by its own timecode; 0 where it carries none.
        drop_frame: whether timecodes of source and timeline drop numbers: as the source's own does; without one,
            at 29.97 and 59.94.
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
    sound: Sound | None
    timecode: int
    drop_frame: bool

    @property
    def length(self) -> int:
        """Frames of the timeline."""
        return self.parts[-1].record + self.parts[-1].frames

    @property
    def duration(self) -> Fraction:
        """Seconds that the mp4 lasts."""
        return self.parts[-1].offset + self.parts[-1].end - self.parts[-1].start

    def source_time(self, seconds: Fraction) -> Fraction:
        """Where in the source lies what the mp4 shows at `seconds`; its last moment for what is later."""
        part = next((part for part in reversed(self.parts) if part.offset <= seconds), self.parts[0])
        return part.start + min(seconds - part.offset, part.end - part.start)

    @property
    def nominal(self) -> int:
        """Whole frames that a second of timecode counts: 30 for 29.97."""
        return math.ceil(self.rate)


def cut_list(path: str | os.PathLike[str], parts: Sequence[Interval]) -> CutList:
    """The frames that `write_cut` writes for the same arguments, for who has to name them.

    Raises:
        VideoError: the source cannot be read.
        UsageError: no part holds a frame of the video.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  (Path.resolve would follow links)
    return _cut_list(absolute, tuple(parts), file_version(absolute))


@lru_cache(maxsize=4)
def _cut_list(path: Path, parts: tuple[Interval, ...], _version: FileVersion) -> CutList:
    index = index_frames(path)
    with FrameSource(path) as source:
        first = next(iter(source)).frame
        time_base, nominal = source.time_base, source.nominal
        origin = (source.origin or 0) * time_base
        told = nominal_rate(source.stream)
        aspect = pixel_aspect(source)
        audio = audio_stream(source.container)
        sound = (
            None if audio is None else Sound(audio.codec_context.sample_rate, audio.codec_context.layout.nb_channels)
        )
        tags = {
            key.lower(): value for found in (source.container, source.stream) for key, value in found.metadata.items()
        }
    average = Fraction(len(index.shown)) / (index.end * time_base)
    rate, source_rate, steady = grid_rate(index, time_base=time_base, told=told, average=average)
    seconds = [
        (p.start * time_base, p.end * time_base) for p in tick_parts(parts, index, time_base=time_base, nominal=nominal)
    ]
    frames = max(1, _grid(index.end * time_base, rate))
    ranges = [_on_grid(start, end, rate, frames) for start, end in seconds]
    offsets = accumulate((end - start for start, end in seconds), initial=Fraction(0))
    records = accumulate((last - first for first, last in ranges), initial=0)
    timecode, drop = _timecode(tags.get("timecode", ""), rate)
    width, height = round(first.width * aspect), first.height
    if Orientation.of(first).transposed:
        width, height = height, width
    return CutList(
        path=path,
        origin=origin,
        parts=tuple(
            CutPart(start, end, first_frame, last_frame, offset, record)
            for (start, end), (first_frame, last_frame), offset, record in zip(
                seconds,
                ranges,
                offsets,
                records,
                strict=False,  # the sums have one more
            )
        ),
        rate=rate,
        source_rate=source_rate,
        steady=steady,
        frames=frames,
        width=width,
        height=height,
        sound=sound,
        timecode=timecode,
        drop_frame=drop,
    )


def grid_rate(
    index: FrameIndex, *, time_base: Fraction, told: Fraction, average: Fraction
) -> tuple[Fraction, Fraction, bool]:
    """The rate of the grid, that of the frames, and whether the frames come at a steady rate.

    Args:
        index: the frames of the video.
        time_base: seconds per tick.
        told: frames per second as the container tells it.
        average: frames per second as counted.
    """
    near = sorted(STANDARD_RATES, key=lambda rate: abs(rate - average))
    for rate in dict.fromkeys([*near[:2], told, average.limit_denominator(1001)]):
        if _is_steady(index.shown, time_base, rate):
            # A grid finer than the frames shows each of them a whole number of times.
            fitting = [standard for standard in STANDARD_RATES if (standard / rate).denominator == 1]
            return (fitting[0] if fitting else _standard(rate)), rate, True
    return _standard(average), average, False


def _is_steady(shown: NDArray[np.int64], time_base: Fraction, rate: Fraction) -> bool:
    """Whether frame n is shown at n / rate, give or take the rounding of the container."""
    count = len(shown)
    allowed = min(max(time_base, _ROUNDING_SECONDS), 1 / (4 * rate)) / time_base
    wanted = np.arange(count) * float(1 / (rate * time_base))
    return bool(np.abs(shown - wanted).max() <= float(allowed))


def _standard(rate: Fraction) -> Fraction:
    """The nearest standard rate within half a per cent, by which variable rates wobble; else the next one above."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 200:
        return nearest
    return next((standard for standard in STANDARD_RATES if standard >= rate), STANDARD_RATES[-1])


def _grid(seconds: Fraction, rate: Fraction) -> int:
    """The first frame of the grid at which what is shown from `seconds` on is on display."""
    return max(0, math.ceil((seconds - min(_ROUNDING_SECONDS, 1 / (4 * rate))) * rate))


def _on_grid(start: Fraction, end: Fraction, rate: Fraction, frames: int) -> tuple[int, int]:
    """[first, last) on the grid; a part too short for it gets one frame."""
    first = min(_grid(start, rate), frames - 1)
    return first, max(first + 1, min(_grid(end, rate), frames))


def _timecode(text: str, rate: Fraction) -> tuple[int, bool]:
    """(frame number of a timecode, whether it drops numbers); (0, what the rate suggests) where it is none."""
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
    whole = hours * 60 + minutes
    return number - (nominal // 15 * (whole - whole // 10) if drop else 0), drop
