"""The formats that a summary can be written in, found in the modules of this package and in plug-ins."""

from __future__ import annotations

import os
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff._plugins import load_plugin, plugin_names
from summdiff.errors import OutputError, UsageError, reason

if TYPE_CHECKING:
    from summdiff.summary import Summary

OnProgress = Callable[[float], None]
Writer = Callable[["Summary", Path, OnProgress], None]

DEFAULT_FORMATS = ("mp4", "json")


@dataclass(frozen=True, slots=True)
class Format:
    """An export format.

    Attributes:
        name: name in `formats` and `--formats`.
        files: for each file of the format, its ending and the function that writes it. The function gets the summary,
            the path, and a callback for progress in seconds of the summary. No two formats share an ending.
        description: what the files hold.
        opens_in: programs that open the files.
        libraries: modules that the functions import and that summdiff does not always install.
        install: the packages that bring them, as for `pip install`.
    """

    name: str
    files: Mapping[str, Writer]
    description: str
    opens_in: str = ""
    libraries: tuple[str, ...] = ()
    install: str = ""


@cache
def built_in_formats() -> dict[str, Format]:
    """Return the formats in `FORMATS` of each public module of this package, by name; the default ones come first."""
    package = import_module("summdiff.export")
    modules = [name for _, name, _ in pkgutil.iter_modules(package.__path__) if not name.startswith("_")]
    formats = [fmt for name in modules for fmt in import_module(f"summdiff.export.{name}").FORMATS]
    first = {name: place for place, name in enumerate(DEFAULT_FORMATS)}
    return {fmt.name: fmt for fmt in sorted(formats, key=lambda fmt: first.get(fmt.name, len(first)))}


def format_names() -> tuple[str, ...]:
    """Return the names of all formats: built-in ones, then those of plug-ins."""
    return tuple(dict.fromkeys((*built_in_formats(), *plugin_names("summdiff.exports"))))


def find_format(name: str) -> Format:
    """Return the format of a name; a built-in one comes before a plug-in.

    Raises:
        UsageError: the name is unknown, or a plug-in cannot be used.
    """
    if name in built_in_formats():
        return built_in_formats()[name]
    if name not in plugin_names("summdiff.exports"):
        raise UsageError(f"Unknown format '{name}': choose from {', '.join(format_names())}, or all.")
    plugin = load_plugin("summdiff.exports", name)
    if not isinstance(plugin, Format) or plugin.name != name:
        raise UsageError(f"The plug-in for the format '{name}' must be a `summdiff.export.Format` of this name.")
    return plugin


def check_formats(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the formats to write; "all" stands for all of them.

    Raises:
        UsageError: a format is unknown or named twice, a library that it needs is missing, or two formats would write
            the same file.
    """
    if "all" in names:
        names = format_names()
    formats = [find_format(name) for name in names]
    if not formats or len(set(names)) != len(names):
        raise UsageError("Name at least one format, and each only once.")
    incomplete = [fmt for fmt in formats if any(find_spec(library) is None for library in fmt.libraries)]
    if incomplete:
        packages = " ".join(f"'{package}'" for package in sorted({fmt.install for fmt in incomplete}))
        raise UsageError(
            f"Writing {', '.join(fmt.name for fmt in incomplete)} needs more packages: install them with "
            f"`pip install {packages}`."
        )
    for ending, count in Counter(ending for fmt in formats for ending in fmt.files).items():
        if count > 1:
            clash = " and ".join(fmt.name for fmt in formats if ending in fmt.files)
            raise UsageError(f"The formats {clash} both write '.summary.{ending}': write one at a time.")
    return tuple(names)


def save(
    summary: Summary,
    directory: str | os.PathLike[str],
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    name: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> list[Path]:
    """Write a summary into a folder, as files `<name>.summary.<ending>`: one file for most formats, two for some.

    A file gets its final name only when it is complete.

    Args:
        summary: the summary.
        directory: the folder; created if missing.
        formats: names of formats, see `format_names`; "all" stands for all of them.
        name: first part of the file names; by default the video's file name without its ending.
        overwrite: replace existing files. Otherwise an existing file is an error, raised before anything is written.
        on_progress: called with the seconds of the summary written so far.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        UsageError: a format is unknown, or a library is missing that it needs.
        OutputError: the folder or a file cannot be written, or a file exists and `overwrite` is off.
        VideoError: the video cannot be read.
    """
    formats = check_formats(formats)
    video = Path(summary.video.path)
    paths = targets(Path(directory), name or video.stem, formats)
    check_targets(paths, video, overwrite=overwrite)
    if summary.coarse_cuts:
        from summdiff.exact_cuts import with_exact_cuts

        summary = with_exact_cuts(summary)
    writers = [write for fmt in formats for write in find_format(fmt).files.values()]
    for write, path in zip(writers, paths, strict=True):
        write(summary, path, on_progress or (lambda seconds: None))
    return paths


def targets(directory: Path, name: str, formats: Iterable[str]) -> list[Path]:
    """Return the paths that `save` writes for these formats, in their order."""
    return [directory / f"{name}.summary.{ending}" for fmt in formats for ending in find_format(fmt).files]


def check_targets(paths: Sequence[Path], video: Path, *, overwrite: bool) -> None:
    """Create the folder of the paths, and check that they can be written.

    Args:
        paths: files to be written, all in one folder.
        video: the source, which is never overwritten.
        overwrite: whether existing files may be replaced.

    Raises:
        OutputError: a path cannot be written.
    """
    folder = paths[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"'{folder}' is not a folder: choose another one with -o.") from error
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be created: {reason(error)}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder '{folder}' cannot be written to: choose another one with -o.")
    for path in paths:
        try:
            exists = path.exists()
        except OSError as error:  # such as a name that is too long for the file system
            raise OutputError(f"'{path}' cannot be written: {reason(error)}.") from error
        if not exists:
            continue
        if video.exists() and path.samefile(video):
            raise OutputError(f"'{path}' is the video itself and would be overwritten: choose another folder with -o.")
        if path.is_dir():
            raise OutputError(f"'{path}' is a folder, so no file can be written there.")
        if not overwrite:
            raise OutputError(f"'{path}' is there already: use --overwrite to replace it.")
