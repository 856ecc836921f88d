"""What the text formats share: the chapters and subtitles of a summary, in its own time."""

from __future__ import annotations

from summdiff.export.times import clock
from summdiff.summary import Summary
from summdiff.video import Cue, cut_list, read_chapters, retime, retimed_subtitles


def chapters_of(summary: Summary) -> tuple[Cue, ...]:
    """The source's chapters that are left; where it has none, one for each part, titled by its place in the source."""
    cut = cut_list(summary.video.path, summary.selection)
    marks = retime(read_chapters(cut.path), [(part.start, part.end) for part in cut.parts])
    return marks or tuple(
        Cue(part.offset, part.offset + part.end - part.start, f"{clock(part.start)} – {clock(part.end)}")
        for part in cut.parts
    )


def subtitles_of(summary: Summary) -> tuple[Cue, ...]:
    """The cues of the subtitle track that a player shows by itself, else of the first; none where there is no track."""
    cut = cut_list(summary.video.path, summary.selection)
    tracks = retimed_subtitles(cut.path, [(part.start, part.end) for part in cut.parts])
    return next((track.cues for track in sorted(tracks, key=lambda track: not track.default)), ())
