"""Subtitles and chapters in the time of the summary, and its parts as lists for FFmpeg and yt-dlp."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.atomic import write_file
from summdiff.errors import OutputError
from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import chapters_of, cut_of, subtitles_of
from summdiff.export._strings import decimal, printable, timestamp
from summdiff.summary import Summary

if TYPE_CHECKING:
    from summdiff.video import Cue


def write_srt(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the subtitles, or the transcript, as SubRip; the file is empty if there are no words."""
    blocks = []
    for number, cue in enumerate(subtitles_of(summary), start=1):
        times = f"{timestamp(cue.start, point=',')} --> {timestamp(cue.end, point=',')}"
        blocks.append(f"{number}\n{times}\n{cue.text.replace('-->', '->')}\n")
    write_file(path, "\n".join(blocks))


def write_subtitles_vtt(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the subtitles, or the transcript, as WebVTT; a note says so if there are no words."""
    cues = subtitles_of(summary)
    write_file(path, _webvtt(cues, note="" if cues else "The parts of this summary have no text subtitles."))


def write_chapters_vtt(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the chapters as WebVTT, for `<track kind="chapters">`."""
    write_file(path, _webvtt(chapters_of(summary)))


def _webvtt(cues: Iterable[Cue], *, note: str = "") -> str:
    """Return cues as WebVTT (https://www.w3.org/TR/webvtt1/)."""
    blocks = ["WEBVTT", *([f"NOTE {note}"] if note else [])]
    for cue in cues:
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{timestamp(cue.start)} --> {timestamp(cue.end)}\n{text}")
    return "\n\n".join(blocks) + "\n"


def write_ffmetadata(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write title and chapters as FFmpeg's metadata file, with times in milliseconds.

    ffmpeg -i talk.summary.mp4 -i talk.summary.ffmetadata -map_metadata 1 -codec copy out.mp4
    """
    lines = [";FFMETADATA1", f"title={_escaped(printable(Path(summary.video.path).stem))}"]
    for chapter in chapters_of(summary):
        lines += [
            "[CHAPTER]",
            "TIMEBASE=1/1000",
            f"START={round(chapter.start * 1000)}",
            f"END={round(chapter.end * 1000)}",
            f"title={_escaped(chapter.text)}",
        ]
    write_file(path, "\n".join(lines) + "\n")


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)


def write_concat(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the parts as a list for FFmpeg's concat reader.

    ffmpeg -f concat -safe 0 -i talk.summary.concat.txt talk.short.mp4
    """
    cut = cut_of(summary)
    name = str(cut.path)
    if "\n" in name or "\r" in name:
        raise OutputError(f"'{path}' cannot be written: FFmpeg's lists allow no line break in the name of a video.")
    quoted = name.replace("'", r"'\''")
    lines = ["ffconcat version 1.0"]
    for part in cut.parts:
        # FFmpeg counts from the container's start, which is before the first frame where sound starts earlier.
        start, end = part.file_start + cut.origin, part.file_end + cut.origin
        lines += [f"file '{quoted}'", f"inpoint {decimal(start)}", f"outpoint {decimal(end)}"]
    write_file(path, "\n".join(lines) + "\n", errors="surrogateescape")


def write_sections(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the parts as options for yt-dlp, in seconds from the first frame.

    yt-dlp --config-locations talk.summary.sections.txt ADDRESS
    """
    sections = [f'"*{decimal(part.file_start)}-{decimal(part.file_end)}"' for part in cut_of(summary).parts]
    lines = [*(f"--download-sections {section}" for section in sections), "--force-keyframes-at-cuts"]
    write_file(path, "\n".join(lines) + "\n")


FORMATS = (
    Format("srt", {"srt": write_srt}, "subtitles or transcript; players find it beside the mp4", opens_in="players"),
    Format(
        "vtt",
        {"chapters.vtt": write_chapters_vtt, "subtitles.vtt": write_subtitles_vtt},
        "text tracks for a web page",
        opens_in="browsers",
    ),
    Format(
        "ffmetadata",
        {"ffmetadata": write_ffmetadata},
        "title and chapters",
        opens_in="ffmpeg (`-i x.ffmetadata -map_metadata 1`)",
    ),
    Format(
        "txt",
        {"concat.txt": write_concat, "sections.txt": write_sections},
        "the parts as lists",
        opens_in="ffmpeg (`-f concat -safe 0 -i`), yt-dlp (`--config-locations`)",
    ),
)
