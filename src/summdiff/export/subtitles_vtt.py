"""The source's subtitles in the summary's time, as WebVTT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.captions import subtitles_of
from summdiff.export.webvtt import webvtt
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write the cues that are left; a file without any says so, since a batch should not stop for it."""
    cues = subtitles_of(summary)
    text = webvtt(cues, note="" if cues else "The parts of this summary have no text subtitles.")
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
