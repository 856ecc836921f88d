"""Division of a written video: groups of pictures that are copied, and runs of frames that are encoded.

Every run has an encoder and a decoder of its own, so that runs can be encoded side by side. How parts are divided does
not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from summdiff.video._copy import CopyPlan, Stretch
from summdiff.video._cut import TickPart
from summdiff.video._index import FrameIndex


class Copy(NamedTuple):
    """A group of pictures to copy; `offset` moves the source's ticks to those of the output."""

    stretch: Stretch
    offset: int

    def as_run(self) -> Run:
        """Return the same frames, to encode."""
        return (Frames(self.stretch.start, self.stretch.end, self.offset, with_current=False, part=0),)


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a part to encode, the first one as a key frame.

    Attributes:
        start, end: [start, end) in ticks of the source.
        offset: moves these to the ticks of the output.
        with_current: whether to show the frame again that appeared before `start`.
        part: number of the part.
    """

    start: int
    end: int
    offset: int
    with_current: bool
    part: int

    @property
    def ticks(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Dissolve:
    """Frames to encode during which one part dissolves into the next; `part` is the number of the second one."""

    before: TickPart
    after: TickPart
    part: int

    @property
    def ticks(self) -> int:
        return self.after.alone_from - self.after.start + self.before.end - self.before.alone_until


Run = tuple[Frames | Dissolve, ...]


def divide(parts: Sequence[TickPart], index: FrameIndex, plan: CopyPlan | None) -> list[Copy | Run]:
    """Divide parts into copies and the runs between them."""
    divided: list[Copy | Run] = []
    run: list[Frames | Dissolve] = []
    for piece in _pieces(parts, index, plan):
        if not isinstance(piece, Copy):
            run.append(piece)
            continue
        if run:
            divided.append(tuple(run))
        divided.append(piece)
        run = []
    return [*divided, tuple(run)] if run else divided


def runs_of(divided: Iterable[Copy | Run]) -> list[Run]:
    """Return the runs alone."""
    return [each for each in divided if not isinstance(each, Copy)]


def seconds_of(runs: Iterable[Run], time_base: Fraction) -> float:
    """Return the length of runs in the output."""
    return float(sum(piece.ticks for run in runs for piece in run) * time_base)


def split(divided: Sequence[Copy | Run], index: FrameIndex, seconds: float) -> list[Copy | Run]:
    """Split runs that are much longer than some seconds, between their pieces and at key frames of the source.

    A decoder can start there, so that nothing is decoded twice.
    """
    target = seconds / float(index.clock.time_base)
    return [
        part for each in divided for part in ([each] if isinstance(each, Copy) else _split_run(each, index, target))
    ]


def _pieces(parts: Sequence[TickPart], index: FrameIndex, plan: CopyPlan | None) -> Iterator[Copy | Frames | Dissolve]:
    for number, part in enumerate(parts):
        start, end, offset = part.alone_from, part.alone_until, part.offset - part.start
        if start > part.start:
            yield Dissolve(parts[number - 1], part, number)
        on_still = part.starts_on_still if start == part.start else not bool((index.ticks == start).any())
        for stretch in plan.stretches(start, end) if plan is not None else [Stretch(start, end, None)]:
            if stretch.group is not None:
                yield Copy(stretch, offset)
            elif stretch.end > stretch.start:
                with_current = on_still and stretch.start == start
                yield Frames(stretch.start, stretch.end, offset, with_current=with_current, part=number)


def _split_run(run: Run, index: FrameIndex, target: float) -> Iterator[Run]:
    """Yield parts of a run, of at least half of the target each where it can be split."""
    left = sum(piece.ticks for piece in run)
    taken: list[Frames | Dissolve] = []
    length = 0
    for piece in (short for long in run for short in _split_frames(long, index, target)):
        taken.append(piece)
        length += piece.ticks
        left -= piece.ticks
        if length >= target and left >= target / 2:
            yield tuple(taken)
            taken, length = [], 0
    if taken:
        yield tuple(taken)


def _split_frames(piece: Frames | Dissolve, index: FrameIndex, target: float) -> Iterator[Frames | Dissolve]:
    if isinstance(piece, Frames):
        for key in index.key_ticks[np.searchsorted(index.key_ticks, piece.start, side="right") :].tolist():
            if key >= piece.end:
                break
            if key - piece.start >= target and piece.end - key >= target / 2:
                yield replace(piece, end=key)
                piece = replace(piece, start=key, with_current=False)
    yield piece
