"""Chapters as WebVTT, for `<track kind="chapters">`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.captions import chapters_of
from summdiff.export.webvtt import webvtt
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write the chapters of the summary: the source's own, else its parts."""
    text = webvtt(chapters_of(summary))
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
