"""`summdiff data info`: show the content of a file of annotated videos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summdiff.cli._progress import one_line

if TYPE_CHECKING:
    from summdiff.data.h5 import AnnotatedFile

_FIRST = 5  # videos shown without --videos
_WRONG = 10  # videos that cannot be read are named
_COLUMNS = ("video", "title", "category", "steps", "features", "seconds", "fps", "annotators", "segments")


def info(
    file: Annotated[Path, typer.Argument(help="A file of annotated videos, HDF5.", show_default=False, readable=False)],
    kind: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="tvsum, summe, mr_hisum or youtube_highlights.", show_default="by its keys"),
    ] = None,
    videos: Annotated[bool, typer.Option("--videos", help="List all videos, not only the first.")] = False,
) -> None:
    """Show the kind, size and SHA-256 of a file, and a row for each of the first videos.

    Frame rates that the file does not state are "known" for most of the original videos of TVSum and SumMe. A video
    that cannot be read is reported and skipped, and the exit code is 1; `summdiff data check` lists all problems.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from summdiff.data.datasets import open_dataset
    from summdiff.errors import DataError

    with open_dataset(file, kind) as data:
        table = Table(box=None, pad_edge=False)
        for column in _COLUMNS:
            table.add_column(column, justify="left" if column in _COLUMNS[:3] else "right")
        shown = data.names if videos else data.names[:_FIRST]
        steps, wrong = [], []
        for name in data:
            try:
                steps.append(data.n_steps(name))
                if name in shown[:_FIRST] or videos:
                    table.add_row(*(escape(one_line(cell)) for cell in _row(data, name)))
            except DataError as error:
                wrong.append(str(error))
        print(f"{'file':<12}{data.path.name}")
        print(f"{'kind':<12}{data.kind}")
        print(f"{'videos':<12}{len(data):,}")
        print(f"{'steps':<12}{sum(steps):,}" + (f", {min(steps)} to {max(steps)} per video" if steps else ""))
        print(f"{'convention':<12}{data.convention or 'no segments'}")
        print(f"{'sha256':<12}{data.fingerprint()}")
        # Rows are not wrapped in a file.
        if table.rows:
            Console(width=None if sys.stdout.isatty() else 200).print(table)
        if len(shown) < len(data):
            print(f"and {len(data) - len(shown):,} more; --videos lists them all")
    for message in wrong[:_WRONG]:
        print(f"summdiff: {one_line(message)}", file=sys.stderr)
    if len(wrong) > _WRONG:
        print(f"summdiff: and {len(wrong) - _WRONG} more videos that cannot be read", file=sys.stderr)
    if wrong:
        raise typer.Exit(1)


def _row(data: AnnotatedFile, name: str) -> list[str]:
    """Return a video's values in the order of the columns."""
    video, shape = data.annotations(name), data.feature_shape(name)
    users = video.user_scores if video.user_scores is not None else video.user_summary
    return [
        name,
        video.title[:40],
        video.category,
        str(data.n_steps(name)),
        "" if shape is None else f"{shape[0]} × {shape[1]}",
        "" if video.fps is None else f"{video.n_frames / video.fps:.1f}",
        "" if video.fps is None else f"{video.fps:.4g}" + " known" * (video.fps_source == "known"),
        "" if users is None else str(len(users)),
        "" if video.change_points is None else str(len(video.change_points)),
    ]
