"""OpenTimelineIO's own form, JSON: Resolve, Kdenlive, Premiere and others open it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.timeline import build, cut_of
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write one track of pictures and one of sound. Needs the extra [export]."""
    cut = cut_of(summary)
    timeline = build(cut, sound_tracks=1 if cut.sound else 0)
    with written_whole(path) as temporary:
        temporary.write_text(timeline.to_json_string(indent=1) + "\n", encoding="utf-8")
