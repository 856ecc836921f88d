"""The videos named on a command line, and the folders of their results."""

from __future__ import annotations

import codecs
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from glob import glob
from itertools import chain, count
from pathlib import Path

from summdiff.archive.jobs import VideoJob, alternative_name
from summdiff.errors import UsageError, reason

_ADDRESS = re.compile(r"(https?|ftp|rtsp|rtmp):/", re.IGNORECASE)  # a path has only one of its two slashes
# Suffixes of the videos in a folder. A file named on the command line may have any suffix.
VIDEO_SUFFIXES = frozenset({
    "3g2", "3gp", "asf", "avi", "dv", "f4v", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "nut", "ogm", "ogv", "qt", "rm", "ts", "vob", "webm", "wmv", "y4m",
})  # fmt: skip


def jobs(
    sources: Sequence[Path], *, output: Path | None, recursive: bool | None, alternatives: int = 0
) -> list[VideoJob]:
    """Return one job for each video that files, folders and patterns name.

    Args:
        sources: files, folders, and patterns that the shell did not expand, as `'films/**/*.mp4'`. A missing file is
            kept, so that it fails by itself and the others do not.
        output: folder for the results; None for beside each video. Subfolders are recreated in it.
        recursive: include subfolders; None for a command without this option.
        alternatives: number of further summaries of each video, whose names must differ from all others as well.

    Returns:
        One job per video, without earlier summaries (`*.summary.*`) and hidden files of folders.

    Raises:
        UsageError: a folder has no video, or a pattern matches no file.
    """
    targets: dict[Path, tuple[Path, Path]] = {}
    for source in _expanded(sources):
        if not os.path.isdir(source):  # noqa: PTH112  (Path.is_dir raises where a folder above cannot be read)
            targets.setdefault(_real(source), (source, output or source.parent))
            continue
        videos = _videos_in(source, recursive=bool(recursive))
        if not videos:
            deeper = recursive is False and any(entry.is_dir() for entry in source.iterdir())
            hint = ": add --recursive to look into its folders" if deeper else ""
            raise UsageError(f"No video in the folder '{source}'{hint}.")
        for video in videos:
            folder = video.parent if output is None else output / video.parent.relative_to(source)
            targets.setdefault(_real(video), (video, folder))

    names = _Names(alternatives)
    uses = Counter((_real(folder), _comparable(video.stem)) for video, folder in targets.values())
    # A name that only one video has comes before names that are made up for the others.
    own = {
        video
        for video, (path, folder) in targets.items()
        if uses[_real(folder), _comparable(path.stem)] == 1 and names.take(folder, path.stem)
    }
    result = []
    for video, (path, folder) in targets.items():
        # talk.mp4 and talk.mkv would both give talk.summary.mp4: these names keep their suffix.
        made_up = chain([path.name], (f"{path.name} ({number})" for number in count(2)))
        name = path.stem if video in own else next(name for name in made_up if names.take(folder, name))
        result.append(VideoJob(path, folder, name))
    return result


class _Names:
    """Names of results that are taken, in each folder.

    Names that differ only in case, or in how an accent is stored, are the same file on some systems.
    """

    def __init__(self, alternatives: int) -> None:
        self._alternatives = alternatives
        self._taken: set[tuple[str, str]] = set()

    def take(self, folder: Path, name: str) -> bool:
        """Take a video's name and those of its alternatives, unless one of them is taken."""
        written = [name, *(alternative_name(name, number) for number in range(self._alternatives))]
        keys = {(_comparable(str(_real(folder))), _comparable(each)) for each in written}
        if keys & self._taken:
            return False
        self._taken |= keys
        return True


def _comparable(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _real(path: Path) -> Path:
    """Return the path without links; unlike `Path.resolve` it does not raise for links that form a loop."""
    return Path(os.path.realpath(path))


def listed(file: str | None) -> list[Path]:
    """Return the paths in a list, one per line or each ended by a zero byte.

    Args:
        file: path of the list; "-" for the standard input, None for no list.

    Raises:
        UsageError: it cannot be read, or is empty.
    """
    if file is None:
        return []
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"The list '{file}' cannot be read: {reason(error)}.") from error
    content = content.removeprefix(codecs.BOM_UTF8)  # a text file of Windows may begin with it
    # `find -print0` ends paths with a zero byte, as names may contain line ends.
    lines = content.split(b"\0") if b"\0" in content else content.replace(b"\r\n", b"\n").split(b"\n")
    paths = [Path(os.fsdecode(line)) for line in lines if line.strip()]
    if not paths:
        raise UsageError(f"No path in the list '{file}': write one per line.")
    return paths


def _expanded(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if _ADDRESS.match(str(source)):
            raise UsageError(f"'{source}' is an address, not a file: download the video first, then name the file.")
        if not re.search(r"[*?[]", str(source)) or os.path.lexists(source):
            yield source
            continue
        paths = [Path(path) for path in sorted(glob(str(source), recursive=True))]  # noqa: PTH207 (absolute ones too)
        fitting = [path for path in paths if path.is_dir() or not path.stem.endswith(".summary")]
        if not fitting:
            raise UsageError(f"No file is named '{source}' or matches it as a pattern.")
        yield from fitting


def _videos_in(folder: Path, *, recursive: bool) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"The folder '{folder}' cannot be read: change its permissions, or name another one.")
    entries = folder.rglob("*") if recursive else folder.glob("*")
    return sorted(
        path
        for path in entries
        if path.suffix[1:].lower() in VIDEO_SUFFIXES
        and not path.stem.endswith(".summary")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
