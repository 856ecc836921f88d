"""Writing a summary: one file a format, each a function from a Summary to a file.

Every file is written beside its final name and then renamed, so that a half-written one never has a final name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from summdiff.errors import OutputError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from summdiff.summary import Summary

# Each format with its files: the ending of each, and the module that writes it. Endings are chosen so that no two
# formats share one and players find what belongs to a video (talk.summary.srt beside talk.summary.mp4).
_FILES: dict[str, tuple[tuple[str, str], ...]] = {
    "mp4": (("mp4", "mp4"),),
    "json": (("json", "json"),),
    "csv": (("shots.csv", "shots_csv"), ("scores.csv", "scores_csv")),
    "png": (("png", "png"),),
    "svg": (("svg", "svg"),),
    "sheet": (("sheet.jpg", "sheet"),),
    "gif": (("gif", "gif"),),
    "webp": (("webp", "webp"),),
    "html": (("html", "html"),),
    "vtt": (("chapters.vtt", "chapters_vtt"), ("subtitles.vtt", "subtitles_vtt")),
    "srt": (("srt", "srt"),),
    "ffmetadata": (("ffmetadata", "ffmetadata"),),
    "txt": (("concat.txt", "concat"), ("sections.txt", "sections")),
    "otio": (("otio", "otio"),),
    "edl": (("edl", "edl"),),
    "fcpxml": (("fcpxml", "fcpxml"),),
    "fcp7xml": (("fcp7.xml", "fcp7xml"),),
}
# Extras, and their libraries, by the formats that cannot do without.
_NEEDS = {
    "png": ("plot", ("matplotlib",)),
    "svg": ("plot", ("matplotlib",)),
    "otio": ("export", ("opentimelineio",)),
    "edl": ("export", ("opentimelineio", "otio_cmx3600_adapter")),
    "fcp7xml": ("export", ("opentimelineio", "otio_fcp_adapter")),
}

FORMATS = tuple(_FILES)
DEFAULT_FORMATS = ("mp4", "json")


class Exporter(Protocol):
    """A module of this package: writes one kind of file."""

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
    """Write a summary into a folder, as files `<name>.summary.<ending>`; most formats are one file, some are two.

    Args:
        summary: what to write.
        directory: the folder; made where it is missing.
        formats: any of `FORMATS`; "all" is all of them.
        name: first part of the file names; the video's own name without its ending where None.
        overwrite: replace files that are there; otherwise they are an error, found before anything is written.
        on_progress: called with the seconds of summary written so far.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        UsageError: a format is unknown, or a library is missing that it needs.
        OutputError: the folder or a file cannot be written, or a file is there and `overwrite` is off.
    """
    formats = check_formats(formats)
    video = Path(summary.video.path)
    paths = targets(Path(directory), name or video.stem, formats)
    check_targets(paths, video, overwrite=overwrite)
    modules = [module for fmt in formats for _, module in _FILES[fmt]]
    for module, path in zip(modules, paths, strict=True):
        exporter = cast(Exporter, import_module(f"summdiff.export.{module}"))
        exporter.write(summary, path, on_progress=on_progress)
    return paths


def targets(directory: Path, name: str, formats: Iterable[str]) -> list[Path]:
    """Where `save` writes each format: its one or two files."""
    return [directory / f"{name}.summary.{ending}" for fmt in formats for ending, _ in _FILES[fmt]]


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats meant: all of them for "all".

    Raises:
        UsageError: a format is unknown or named twice, or a library is missing that it needs.
    """
    if "all" in formats:
        formats = FORMATS
    for fmt in formats:
        if fmt not in _FILES:
            raise UsageError(f"Unknown format '{fmt}': choose from {', '.join(FORMATS)}, or all.")
    if not formats or len(set(formats)) != len(formats):
        raise UsageError("Name at least one format, and each only once.")
    lacking = [fmt for fmt in formats if fmt in _NEEDS and any(find_spec(name) is None for name in _NEEDS[fmt][1])]
    if lacking:
        extras = ",".join(sorted({_NEEDS[fmt][0] for fmt in lacking}))
        raise UsageError(
            f"Writing {', '.join(lacking)} needs more packages: install them with `pip install 'summdiff[{extras}]'`."
        )
    return tuple(formats)


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
        try:
            there = path.exists()
        except OSError as error:  # the longest name that a file may have depends on the file system
            raise OutputError(f"'{path}' cannot be written: {error.strerror or error}.") from error
        if not there:
            continue
        if video.exists() and path.samefile(video):
            raise OutputError(f"'{path}' is the video itself and would be overwritten: choose another folder with -o.")
        if path.is_dir():
            raise OutputError(f"'{path}' is a folder, so no file can be written there.")
        if not overwrite:
            raise OutputError(f"'{path}' is there already: use --overwrite to replace it.")


def plot(summary: Summary) -> Figure:
    """Draw the importance curve with its uncertainty and the chosen parts.

    Raises:
        UsageError: matplotlib is missing.
    """
    check_formats(["png"])
    from summdiff.export.png import plot as draw

    return draw(summary)
