"""Material that several formats take from the video of a summary: frames, chapters, subtitles and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from summdiff.export._caption_lines import captions_of
from summdiff.options import MovieOptions
from summdiff.summary import Summary, clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from summdiff.video import Cue, CutList


def cut_of(summary: Summary) -> CutList:
    """Return the frames of a summary."""
    from summdiff.video import cut_list

    return cut_list(summary.video.path, summary.selection, transition=summary.transition, order=summary.order)


def chapters_of(summary: Summary) -> tuple[Cue, ...]:
    """Return the source's chapters in the time of the summary.

    If none is left, each part becomes a chapter whose title is its place in the source.
    """
    from summdiff.video import Cue, read_chapters, retime

    cut = cut_of(summary)
    chapters = retime(read_chapters(cut.path), [(part.start, part.end) for part in cut.parts])
    return chapters or tuple(
        Cue(part.offset, part.offset + part.end - part.start, f"{clock(part.start)} – {clock(part.end)}")
        for part in cut.parts
    )


def subtitles_of(summary: Summary) -> tuple[Cue, ...]:
    """Return the cues of the source's default subtitle track, else of its first complete one, in the summary's time.

    Where the transcript has another source, it gives the cues.
    """
    from summdiff.video import retime, retimed_subtitles

    cut = cut_of(summary)
    if summary.transcript is not None and summary.transcript.source != "subtitles":
        return retime(captions_of(summary.transcript), [(part.start, part.end) for part in cut.parts])
    keep_location = MovieOptions.of(summary.settings).keep_location
    tracks = retimed_subtitles(cut.path, [(part.start, part.end) for part in cut.parts], keep_location=keep_location)
    return next((track.cues for track in sorted(tracks, key=lambda track: (not track.default, track.forced))), ())


@dataclass(frozen=True, slots=True)
class KeyMoment:
    """The moment that represents a chosen shot in a picture.

    Attributes:
        number: number of the shot, from 1.
        start, end: seconds of the source; the longest chosen part of the shot.
        time: seconds of the source; the middle of that part.
    """

    number: int
    start: float
    end: float
    time: float


def key_moments(summary: Summary) -> list[KeyMoment]:
    """Return one moment for each shot that is in the summary in whole or in part."""
    moments = []
    for number, shot in enumerate(summary.shots, start=1):
        if parts := summary.parts_of(shot):
            longest = max(parts, key=lambda part: part.duration)
            moments.append(KeyMoment(number, longest.start, longest.end, (longest.start + longest.end) / 2))
    return moments


def evenly_spread(moments: list[KeyMoment], most: int) -> list[KeyMoment]:
    """Return at most `most` of the moments, evenly spread."""
    if len(moments) <= most:
        return moments
    return [moments[(2 * n + 1) * len(moments) // (2 * most)] for n in range(most)]


def pictures_at(summary: Summary, times: list[float], *, short_side: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture (H, W, 3) that the video displays at each time, in seconds of the source, in order."""
    from summdiff.video import stills

    return stills(summary.video.path, times, short_side=short_side)
