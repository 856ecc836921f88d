"""The chosen parts as an mp4 with sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.summary import Summary
from summdiff.video import write_cut


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Cut the chosen parts out of the video that the summary was made of, which has to be where it was."""
    write_cut(Path(summary.video.path), summary.selection, path, on_progress=on_progress)
