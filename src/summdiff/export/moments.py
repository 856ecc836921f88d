"""Pictures of a summary: which moments to show, and what is seen there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from summdiff.summary import Summary
from summdiff.video import cut_list, stills

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXCERPTS = 10
_EXCERPT_SECONDS = Fraction(6, 5)
_RATE = 8  # pictures a second of a preview


@dataclass(frozen=True, slots=True)
class Moment:
    """A chosen shot, and a time in the middle of what is kept of it; seconds of the source."""

    number: int
    start: float
    end: float
    time: float


def chosen_moments(summary: Summary) -> list[Moment]:
    """One moment for each shot that is in the summary, whole or in part."""
    found = []
    for number, shot in enumerate(summary.shots, start=1):
        kept = [
            (max(part.start, shot.start), min(part.end, shot.end))
            for part in summary.selection
            if part.start < shot.end and part.end > shot.start
        ]
        if kept:
            start, end = max(kept, key=lambda piece: piece[1] - piece[0])
            found.append(Moment(number, start, end, (start + end) / 2))
    return found


def thinned(moments: list[Moment], most: int) -> list[Moment]:
    """At most `most` of them, evenly spread."""
    if len(moments) <= most:
        return moments
    return [moments[(2 * n + 1) * len(moments) // (2 * most)] for n in range(most)]


def preview(summary: Summary, *, short_side: int) -> Iterator[NDArray[np.uint8]]:
    """(H, W, 3) pictures, eight for each second of a preview.

    A summary of up to twelve seconds is shown whole, a longer one as ten excerpts of 1.2 s spread evenly over it, so
    that neither time nor size grow with the video.
    """
    cut = cut_list(summary.video.path, summary.selection)
    step = Fraction(1, _RATE)
    if cut.duration <= _EXCERPTS * _EXCERPT_SECONDS:
        moments = [n * step for n in range(max(1, int(cut.duration * _RATE)))]
    else:
        spacing = cut.duration / _EXCERPTS
        moments = [
            spacing * n + (spacing - _EXCERPT_SECONDS) / 2 + k * step
            for n in range(_EXCERPTS)
            for k in range(int(_EXCERPT_SECONDS * _RATE))
        ]
    return stills(cut.path, [float(cut.source_time(moment)) for moment in moments], short_side=short_side)


def preview_milliseconds() -> int:
    """How long each picture of a preview is shown."""
    return 1000 // _RATE
