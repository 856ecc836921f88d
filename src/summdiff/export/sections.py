"""The parts as options for yt-dlp: yt-dlp --config-locations talk.summary.sections.txt ADDRESS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.times import decimal
from summdiff.summary import Summary
from summdiff.video import cut_list


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write one `--download-sections` a part, in seconds from the first frame."""
    parts = cut_list(summary.video.path, summary.selection).parts
    lines = [f'--download-sections "*{decimal(part.start)}-{decimal(part.end)}"' for part in parts]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join([*lines, "--force-keyframes-at-cuts"]) + "\n", encoding="utf-8")
