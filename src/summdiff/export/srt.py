"""The source's subtitles in the summary's time, as SubRip, which every player finds beside the mp4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.captions import subtitles_of
from summdiff.export.times import stamp
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write the cues that are left; the file is empty where the source has no text subtitles."""
    blocks = [
        f"{number}\n{stamp(cue.start, point=',')} --> {stamp(cue.end, point=',')}\n{cue.text.replace('-->', '->')}\n"
        for number, cue in enumerate(subtitles_of(summary), start=1)
    ]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(blocks), encoding="utf-8")
