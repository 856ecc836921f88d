"""Writing a summary: one file a format, each a function from a Summary to a file.

Every file is written beside its final name and then renamed, so that a half-written one never has a final name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from summdiff.errors import OutputError, UsageError

if TYPE_CHECKING:
    from summdiff.timeline import Summary

_MODULES = {"mp4": "summdiff.export.mp4", "json": "summdiff.export.json", "png": "summdiff.export.png"}

FORMATS = tuple(_MODULES)
DEFAULT_FORMATS = ("mp4", "json")


class Exporter(Protocol):
    """A module of this package: writes one format."""

    def write(self, summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
        """Write `summary` to `path`, which does not exist or may be replaced; progress is in seconds of summary."""


def save(
    summary: Summary,
    directory: str | os.PathLike[str],
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    name: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> list[Path]:
    """Write a summary into a folder, one file `<name>.summary.<format>` a format.

    Args:
        summary: what to write.
        directory: the folder; made where it is missing.
        formats: any of `FORMATS`.
        name: first part of the file names; the video's own name without its ending where None.
        overwrite: replace files that are there; otherwise they are an error, found before anything is written.
        on_progress: called with the seconds of summary written so far.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        UsageError: a format is unknown.
        OutputError: the folder or a file cannot be written, or a file is there and `overwrite` is off.
    """
    check_formats(formats)
    video = Path(summary.video.path)
    paths = targets(Path(directory), name or video.stem, formats)
    check_targets(paths, video, overwrite=overwrite)
    for name_of_format, path in zip(formats, paths, strict=True):
        exporter = cast(Exporter, import_module(_MODULES[name_of_format]))
        exporter.write(summary, path, on_progress=on_progress)
    return paths


def targets(directory: Path, name: str, formats: Iterable[str]) -> list[Path]:
    """Where `save` writes each format."""
    return [directory / f"{name}.summary.{fmt}" for fmt in formats]


def check_formats(formats: Sequence[str]) -> None:
    """Raise a UsageError for an unknown or repeated format."""
    for fmt in formats:
        if fmt not in _MODULES:
            raise UsageError(f"Unknown format '{fmt}': choose from {', '.join(FORMATS)}.")
    if not formats or len(set(formats)) != len(formats):
        raise UsageError("Name at least one format, and each only once.")


def check_targets(paths: Sequence[Path], video: Path, *, overwrite: bool) -> None:
    """Raise an OutputError where the paths cannot be written; makes the folder.

    Args:
        paths: files to be written, all in one folder.
        video: the source, which is never overwritten.
        overwrite: whether files that are there may be replaced.
    """
    folder = paths[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"'{folder}' is not a folder: choose another one with -o.") from error
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made: {error.strerror or error}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder '{folder}' cannot be written to: choose another one with -o.")
    for path in paths:
        if not path.exists():
            continue
        if video.exists() and path.samefile(video):
            raise OutputError(f"'{path}' is the video itself and would be overwritten: choose another folder with -o.")
        if path.is_dir():
            raise OutputError(f"'{path}' is a folder, so no file can be written there.")
        if not overwrite:
            raise OutputError(f"'{path}' is there already: use --overwrite to replace it.")
