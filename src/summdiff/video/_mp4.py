"""A change to finished mp4 files that FFmpeg's muxer has no option for: which subtitles are off at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

_ENABLED = 1  # flag of a track header (ISO/IEC 14496-12, 8.3.2)


class _Box(NamedTuple):
    """A box of the format: its type, and [start, end) of its content in the file."""

    kind: bytes
    start: int
    end: int


def turn_off_subtitles(path: Path, on: Sequence[bool]) -> None:
    """Turn off the subtitle tracks of an mp4 that are not on by default; the muxer turns on the first one.

    Args:
        path: the file.
        on: for each subtitle track, in order, whether it is on by default.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        movies = [box for box in _boxes(file, 0, size) if box.kind == b"moov"]
        tracks = [box for movie in movies for box in _boxes(file, movie.start, movie.end) if box.kind == b"trak"]
        subtitles = [track for track in tracks if _handler(file, track) == b"sbtl"]
        for track, is_on in zip(subtitles, on, strict=False):
            header = next(box for box in _boxes(file, track.start, track.end) if box.kind == b"tkhd")
            at = header.start + 3  # the last byte of the flags
            file.seek(at)
            flags = file.read(1)[0]
            file.seek(at)
            file.write(bytes([flags if is_on else flags & ~_ENABLED]))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, content = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16], "big"), start + 16
        following = start + size if size else end
        yield _Box(head[4:8], content, following)
        if following <= start:
            return
        start = following


def _handler(file: BinaryIO, track: _Box) -> bytes:
    """Return the handler type of a track, such as b"vide"."""
    for media in _boxes(file, track.start, track.end):
        if media.kind == b"mdia":
            for box in _boxes(file, media.start, media.end):
                if box.kind == b"hdlr":
                    file.seek(box.start + 8)
                    return file.read(4)
    return b""
