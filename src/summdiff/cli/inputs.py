"""Which videos are meant by what stands on the command line, and where the results of each go."""

from __future__ import annotations

import codecs
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path

from summdiff.archive.job import Job
from summdiff.errors import UsageError
from summdiff.summary import Interval

# Endings of files that are looked at when a folder is given. A file that is named itself may end in anything.
VIDEO_SUFFIXES = frozenset({
    "3g2", "3gp", "asf", "avi", "dv", "f4v", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "nut", "ogm", "ogv", "qt", "rm", "ts", "vob", "webm", "wmv", "y4m",
})  # fmt: skip


# Hours, minutes and seconds, as groups. A bare number after hours is minutes: 1h30.
_TIMES = (
    r"(\d+)h([0-5]?\d)()",
    r"(?:([\d.]+)h(?![\d.]+$))?(?:([\d.]+)m)?(?:([\d.]+)s?)?",
    r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:\.\d*)?)",
    r"()(\d+):([0-5]?\d(?:\.\d*)?)",
)


def jobs(sources: Sequence[Path], *, output: Path | None, recursive: bool | None) -> list[Job]:
    """What is to be done for files and folders given by a user.

    Args:
        sources: files, folders, and patterns that the shell has left alone: `'films/**/*.mp4'`. A missing file is kept,
            so that it fails by itself and the others go on.
        output: where results go; beside each video where None. The sub-folders of a folder given are kept under it.
        recursive: also look into the sub-folders of folders; None: no, and the verb has no option to do so.

    Returns:
        One job a video, each video once. Earlier summaries (`*.summary.*`) and hidden files in folders are left out.

    Raises:
        UsageError: a folder without any video, or a pattern that no file has.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for source in _expanded(sources):
        if not source.is_dir():
            found.setdefault(_real(source), (source, output or source.parent))
            continue
        videos = _videos_in(source, recursive=bool(recursive))
        if not videos:
            hint = ", use --recursive to look into its folders" if recursive is False else ""
            raise UsageError(f"There is no video in the folder '{source}'{hint}.")
        for video in videos:
            folder = video.parent if output is None else output / video.parent.relative_to(source)
            found.setdefault(_real(video), (video, folder))

    # talk.mp4 and talk.mkv would both give talk.summary.mp4: such names keep their ending.
    uses = Counter((_real(folder), video.stem.casefold()) for video, folder in found.values())
    names = [
        video.stem if uses[_real(folder), video.stem.casefold()] == 1 else video.name
        for video, folder in found.values()
    ]
    taken: Counter[tuple[Path, str]] = Counter()
    result = []
    for (video, folder), name in zip(found.values(), names, strict=True):
        taken[_real(folder), name.casefold()] += 1
        number = taken[_real(folder), name.casefold()]
        result.append(Job(video, folder, name if number == 1 else f"{name} ({number})"))
    return result


def _real(path: Path) -> Path:
    """The path without links, as far as they lead somewhere; `Path.resolve` raises where they go round."""
    return Path(os.path.realpath(path))


def listed(file: str | None) -> list[Path]:
    """The paths in a list, one a line or each ended by a zero byte, seen from the folder that the command runs in.

    Args:
        file: the list; "-" for the standard input, None for no list.

    Raises:
        UsageError: it cannot be read, or no path is in it.
    """
    if file is None:
        return []
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"The list '{file}' cannot be read: {error.strerror or error}.") from error
    content = content.removeprefix(codecs.BOM_UTF8)  # with which Windows begins a text file
    # `find -print0` ends paths with a zero byte, since names may hold line ends.
    lines = content.split(b"\0") if b"\0" in content else content.replace(b"\r\n", b"\n").split(b"\n")
    paths = [Path(os.fsdecode(line)) for line in lines if line.strip()]
    if not paths:
        raise UsageError(f"There is no path in the list '{file}': write one a line.")
    return paths


def _expanded(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if not re.search(r"[*?[]", str(source)) or os.path.lexists(source):
            yield source
            continue
        paths = [Path(path) for path in sorted(glob(str(source), recursive=True))]  # noqa: PTH207 (also absolute ones)
        fitting = [path for path in paths if path.is_dir() or not path.stem.endswith(".summary")]
        if not fitting:
            raise UsageError(f"There is no file '{source}', nor any that this could be a pattern of.")
        yield from fitting


def _videos_in(folder: Path, *, recursive: bool) -> list[Path]:
    entries = folder.rglob("*") if recursive else folder.glob("*")
    return sorted(
        path
        for path in entries
        if path.suffix[1:].lower() in VIDEO_SUFFIXES
        and not path.stem.endswith(".summary")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def seconds(text: str) -> float:
    """Seconds from "90", "90s", "1.5m", "1m30s", "2h", "1h30", "1:30" or "1:02:03.5".

    Raises:
        UsageError: the text is none of these.
    """
    for form in _TIMES:
        fields = re.fullmatch(form, text.strip().lower())
        if fields and any(fields.groups()):
            with suppress(ValueError):  # "1.2.3" is no number
                hours, minutes, rest = (float(field or 0) for field in fields.groups())
                return 3600 * hours + 60 * minutes + rest
    raise UsageError(f"'{text}' is not a time: write it like 90s, 1m30s or 1:30.")


def interval(text: str) -> Interval:
    """A part of a video from "1:20-1:45", "0-12s" or "9:30-", which goes to the end.

    Raises:
        UsageError: the text is none of these, or the part ends before it begins.
    """
    start, dash, end = text.partition("-")
    if not dash or not start.strip():
        raise UsageError(f"'{text}' is not a part of a video: write it like 1:20-1:45, or 9:30- for up to the end.")
    part = Interval(seconds(start), seconds(end) if end.strip() else math.inf)
    if part.end <= part.start:
        raise UsageError(f"The part '{text}' ends before it begins.")
    return part
