"""The parts as a list for FFmpeg: ffmpeg -f concat -safe 0 -i talk.summary.concat.txt talk.short.mp4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.errors import OutputError
from summdiff.export.times import decimal
from summdiff.summary import Summary
from summdiff.video import cut_list


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write the source's path once for each part, with the seconds of the container at which it begins and ends."""
    cut = cut_list(summary.video.path, summary.selection)
    name = str(cut.path)
    if "\n" in name or "\r" in name:
        raise OutputError(
            f"'{path}' cannot be written: the name of the video has a line break, which FFmpeg's lists forbid."
        )
    lines = ["ffconcat version 1.0"]
    for part in cut.parts:
        # FFmpeg counts from the container's own start, which sound may make earlier than the first frame.
        start, end = part.start + cut.origin, part.end + cut.origin
        quoted = name.replace("'", r"'\''")
        lines += [f"file '{quoted}'", f"inpoint {decimal(start)}", f"outpoint {decimal(end)}"]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
