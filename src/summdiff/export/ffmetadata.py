"""Title and chapters in FFmpeg's own text form.

ffmpeg -i talk.summary.mp4 -i talk.summary.ffmetadata -map_metadata 1 -codec copy out.mp4
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.captions import chapters_of
from summdiff.export.names import plain
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write the chapters of the summary: the source's own, else its parts; times in milliseconds."""
    lines = [";FFMETADATA1", f"title={_escaped(plain(Path(summary.video.path).stem))}"]
    for chapter in chapters_of(summary):
        lines += [
            "[CHAPTER]",
            "TIMEBASE=1/1000",
            f"START={round(chapter.start * 1000)}",
            f"END={round(chapter.end * 1000)}",
            f"title={_escaped(chapter.text)}",
        ]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)
