"""WebVTT, the text tracks of web pages: https://www.w3.org/TR/webvtt1/."""

from __future__ import annotations

from collections.abc import Iterable

from summdiff.export.times import stamp
from summdiff.video import Cue


def webvtt(cues: Iterable[Cue], *, note: str = "") -> str:
    """Cues as the text of a .vtt file; `note` is a remark for who opens it."""
    blocks = ["WEBVTT", *([f"NOTE {note}"] if note else [])]
    for cue in cues:
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{stamp(cue.start)} --> {stamp(cue.end)}\n{text}")
    return "\n\n".join(blocks) + "\n"
