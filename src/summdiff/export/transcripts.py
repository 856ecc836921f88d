"""The transcript of the whole video with times, the sentences of the summary marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.export._strings import printable
from summdiff.summary import Summary, clock, inside

_CHOSEN_SHARE = 0.5  # of a sentence that is in the summary
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


def write_transcript_txt(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write a line for each sentence: a star if it is in the summary, its time, its text."""
    lines = [f"{'*' if chosen else ' '} {time}  {text}" for chosen, time, text in _marked(summary)]
    write_file(path, "\n".join(lines or ["Nothing is known of what is said in this video."]) + "\n")


def write_transcript_md(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the sentences as a list in Markdown, those of the summary in bold."""
    lines = [f"# {_escaped(printable(Path(summary.video.path).stem))}", ""]
    for chosen, time, text in _marked(summary):
        escaped = _escaped(text)
        lines.append(f"- `{time.strip()}` {f'**{escaped}**' if chosen else escaped}")
    if summary.transcript is None:
        lines.append("Nothing is known of what is said in this video.")
    write_file(path, "\n".join(lines) + "\n")


def _marked(summary: Summary) -> Iterator[tuple[bool, str, str]]:
    """Yield whether each sentence is in the summary, its time, as wide as the longest one, and its text."""
    if summary.transcript is None:
        return
    width = len(clock(summary.video.duration))
    for sentence in summary.transcript.sentences:
        shown = sum(part.duration for part in inside(summary.selection, sentence.start, sentence.end))
        chosen = shown >= _CHOSEN_SHARE * (sentence.end - sentence.start)
        yield chosen, clock(sentence.start).rjust(width), printable(sentence.text)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


FORMATS = (
    Format(
        "transcript",
        {"transcript.txt": write_transcript_txt, "transcript.md": write_transcript_md},
        "what is said in the whole video, with times; sentences of the summary are marked",
        opens_in="text editors, Markdown",
    ),
)
