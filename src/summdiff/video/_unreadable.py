"""Plain descriptions of files that cannot be opened as a video: a text, a web page, an unfinished download."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_SEEN_BYTES = 4096
_DOWNLOADS = (".part", ".crdownload", ".download", ".partial", ".opdownload")
_MP4_BOXES = (b"ftyp", b"mdat", b"free", b"wide", b"skip", b"moov")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_PAGE = "it is a web page; download the video itself"
_TEXT = "it is a text or a playlist; name the video itself"
_INCOMPLETE = "its end is missing, as in an unfinished download or recording; copy it again"
_OTHER = "it is damaged, or no video; check whether a player opens it"


def why_unreadable(path: Path) -> str:
    """Return what is wrong with a file that FFmpeg refuses, and what to do, judged by its first bytes and its name."""
    head = b""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(_SEEN_BYTES)
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return _PAGE
    if path.suffix.lower() in _DOWNLOADS or head[4:8] in _MP4_BOXES or not head.strip(b"\0"):
        return _INCOMPLETE
    if _CONTROLS.search(head):
        return _OTHER
    try:
        head[:-4].decode("utf-8")  # a character may be cut off
    except UnicodeDecodeError:
        return _OTHER
    return _TEXT
