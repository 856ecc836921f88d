"""A moving preview as GIF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.export.animation import write_animation
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write a preview of at most 5 MB; see `summdiff.export.animation`."""
    write_animation(summary, path, "gif")
