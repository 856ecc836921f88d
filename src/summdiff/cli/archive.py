"""What `summdiff extract` and `summdiff summarize` have in common where they work on many videos side by side."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from summdiff.archive.job import Job, Results, Work
from summdiff.cli.inputs import seconds
from summdiff.errors import UsageError

if TYPE_CHECKING:
    from summdiff.archive.manifest import Manifest
    from summdiff.archive.workers import Workers
    from summdiff.cli.archive_progress import Progress

Engine = Literal["local", "ray"]

FromFile = Annotated[
    str | None,
    typer.Option(
        "--from-file", metavar="FILE", help="Also the videos in this list, one path a line; - for standard input."
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Videos worked on at the same time.", show_default=False),
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="Workers on this machine, or on the Ray cluster at $RAY_ADDRESS.")
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="What takes longer is set aside: 90s, 1h30m.",
        show_default="10 minutes and three times the video's length",
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Also try again what earlier runs have set aside.")]


def run_archive(
    work: Sequence[Job],
    task: Work,
    results: Results,
    *,
    manifest: Manifest,
    engine: Engine,
    workers: int | None,
    time_limit: float | None,
    retry_failed: bool,
    tell: Progress,
) -> bool:
    """Run it, show how it goes, and say whether no video is set aside.

    Args:
        work: the videos.
        task: what workers do with each.
        results: where the results go.
        manifest: entered, so that nobody else writes there.
        engine, workers, retry_failed: as the options say.
        time_limit: seconds that one video may take; None: as long as `summdiff.archive.run` thinks fit.
        tell: shows it; entered.

    Raises:
        SummdiffError: see `summdiff.archive.run.run`.
    """
    from summdiff.archive.run import run

    crew = _crew(task, engine, workers)
    with _terminable():  # after Ray has put its own handler there
        counts = run(work, crew, results, manifest, tell, time_limit=time_limit, retry_failed=retry_failed)
    tell.close(counts, manifest.path, workers=crew.count)
    return counts.complete


def limit_seconds(time_limit: str | None) -> float | None:
    """What `--time-limit` says.

    Raises:
        UsageError: it is no time, or none.
    """
    limit = None if time_limit is None else seconds(time_limit)
    if limit is not None and limit <= 0:
        raise UsageError("A time limit of 0 s lets nothing be done: give a longer one.")
    return limit


def _crew(task: Work, engine: Engine, workers: int | None) -> Workers:
    if engine == "ray":
        from summdiff.archive.ray import RayWorkers

        return RayWorkers(task, workers)
    from summdiff._runtime import usable_cores
    from summdiff.archive.local import LocalWorkers

    return LocalWorkers(task, workers or usable_cores())


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: workers are stopped, and what they left half-written goes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
