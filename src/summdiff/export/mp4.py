"""The short video."""

from __future__ import annotations

from pathlib import Path

from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import subtitles_of
from summdiff.options import MovieOptions
from summdiff.summary import Summary


def write_mp4(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Cut the chosen parts out of the video, with sound, subtitles and chapters, and with captions if asked for."""
    from summdiff.export._burning import BurnedCaptions
    from summdiff.video import write_cut

    options = MovieOptions.of(summary.settings)
    write_cut(
        Path(summary.video.path),
        summary.selection,
        path,
        duration=summary.video.duration,
        transition=summary.transition,
        order=summary.order,
        options=options,
        on_progress=on_progress,
        overlay=BurnedCaptions(subtitles_of(summary)) if options.captions else None,
    )


FORMATS = (
    Format(
        "mp4",
        {"mp4": write_mp4},
        "the summary: H.264, AAC, the source's text subtitles and chapters",
        opens_in="every player and browser",
    ),
)
