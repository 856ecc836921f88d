"""How the progress of a run over many videos is shown: one bar for people, JSON lines for programs, or nothing."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from summdiff.archive.job import Job, Record
from summdiff.cli.terminal import one_line

if TYPE_CHECKING:
    from summdiff.archive.run import Counts

_WIDTH_OF_FILES = 200  # a log has no edge to wrap at
_TELL_SECONDS = 2.0  # between two lines of progress for programs


class Progress(Protocol):
    """See `summdiff.archive.run.Listener`; used as a context manager around the run."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def begin(self, total: int, before: int, size: int) -> None: ...
    def known(self, job: Job, error: str) -> None: ...
    def start(self, job: Job) -> None: ...
    def moved(self, size: float, running: int) -> None: ...
    def done(self, job: Job, record: Record, seconds: float) -> None: ...
    def failed(self, job: Job, error: str) -> None: ...
    def again(self, job: Job, error: str) -> None: ...
    def index(self, page: Path) -> None:
        """A page that leads to the reports is written."""

    def close(self, counts: Counts, manifest: Path, *, workers: int) -> None:
        """The run is over."""


def archive_progress(*, quiet: bool, machine: bool) -> Progress:
    """What the options ask for."""
    if machine:
        return _Machine()
    return _Quiet() if quiet else _Bar()


class _Quiet:
    """Only what was set aside, one line each, on the error stream."""

    def __init__(self) -> None:
        self._total = self._settled = self._size = 0
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def begin(self, total: int, before: int, size: int) -> None:
        self._total, self._settled, self._size = total, before, size

    def known(self, job: Job, error: str) -> None:
        pass

    def start(self, job: Job) -> None:
        pass

    def moved(self, size: float, running: int) -> None:
        pass

    def done(self, job: Job, record: Record, seconds: float) -> None:
        self._settled += 1

    def failed(self, job: Job, error: str) -> None:
        self._settled += 1
        print(f"summdiff: {error}", file=sys.stderr)

    def again(self, job: Job, error: str) -> None:
        pass

    def index(self, page: Path) -> None:
        pass

    def close(self, counts: Counts, manifest: Path, *, workers: int) -> None:
        pass

    def _left(self, size: float) -> float | None:
        """Seconds left if bytes go on as they went; None before that can be said."""
        passed = time.monotonic() - self._began
        return passed * (self._size - size) / size if size > 0 and passed > 1 else None


class _Machine(_Quiet):
    """One JSON object a line on the standard output, and nothing else there."""

    def __init__(self) -> None:
        super().__init__()
        self._told = 0.0

    def begin(self, total: int, before: int, size: int) -> None:
        super().begin(total, before, size)
        self._say("begin", total=total, before=before)

    def known(self, job: Job, error: str) -> None:
        self._say("set aside before", video=str(job.video), error=error)

    def start(self, job: Job) -> None:
        self._say("start", video=str(job.video))

    def moved(self, size: float, running: int) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            left = self._left(size)
            self._say(
                "progress",
                settled=self._settled,
                total=self._total,
                running=running,
                share=round(size / self._size, 4) if self._size else 1.0,
                seconds_left=None if left is None else round(left),
            )

    def done(self, job: Job, record: Record, seconds: float) -> None:
        self._settled += 1
        self._say("done", **record | {"video": str(job.video), "seconds": round(seconds, 3)})

    def failed(self, job: Job, error: str) -> None:
        self._settled += 1
        self._say("failed", video=str(job.video), error=error)

    def again(self, job: Job, error: str) -> None:
        self._say("again", video=str(job.video), error=error)

    def index(self, page: Path) -> None:
        self._say("index", output=str(page))

    def close(self, counts: Counts, manifest: Path, *, workers: int) -> None:
        self._say(
            "end",
            done=counts.done + counts.before,
            failed=counts.failed + counts.failed_before,
            before=counts.before,
            manifest=str(manifest),
        )

    def _say(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), flush=True)


class _Bar(_Quiet):
    """A bar with the time left; where there is no terminal, a line for each video."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._console = Console(stderr=True, highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH_OF_FILES
        self._bars = Bars(
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._failed = 0
        self._task: Any = None

    def __enter__(self) -> Self:
        super().__enter__()
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def begin(self, total: int, before: int, size: int) -> None:
        super().begin(total, before, size)
        self._task = self._bars.add_task(f"{before} of {total} videos", total=max(size, 1))

    def known(self, job: Job, error: str) -> None:
        self._print(f"set aside before: {error}", style="yellow")

    def moved(self, size: float, running: int) -> None:
        left = self._left(size)
        said = [f"{self._settled:,} of {self._total:,} videos"]
        if self._failed:
            said.append(f"{self._failed:,} set aside")
        said.append(f"{running} in work")
        if left is not None:
            said.append(f"{clock(left)} left")
        self._bars.update(self._task, completed=size, description=", ".join(said))

    def done(self, job: Job, record: Record, seconds: float) -> None:
        super().done(job, record, seconds)
        if not self._console.is_terminal:
            self._print(f"[{self._settled}/{self._total}] {job.video}: {_described(record)} in {seconds:.1f} s")
        for warning in record.get("warnings", ()):
            self._print(f"  note: '{job.video}': {warning}", style="yellow")

    def failed(self, job: Job, error: str) -> None:
        self._settled += 1
        self._failed += 1
        self._print(f"[{self._settled}/{self._total}] {job.video}: set aside: {error}", style="red")

    def again(self, job: Job, error: str) -> None:
        self._print(f"{job.video}: {error}", style="yellow")

    def index(self, page: Path) -> None:
        self._print(f"All reports: {page}", style="green")

    def close(self, counts: Counts, manifest: Path, *, workers: int) -> None:
        took = time.monotonic() - self._began
        done, failed = counts.done + counts.before, counts.failed + counts.failed_before
        line = f"{done:,} of {done + failed:,} videos done"
        if counts.before:
            line += f", {counts.before:,} of them before"
        if failed:
            line += f"; {failed:,} set aside"
        if counts.done:
            crew = "1 worker" if workers == 1 else f"{workers} workers"
            line += (
                f". {clock(counts.video_seconds)} of video in {clock(took)} with {crew}: "
                f"{counts.video_seconds / took:.1f} x real time"
            )
        self._print(f"{line}. What became of each: {manifest}")

    def _print(self, text: str, *, style: str | None = None) -> None:
        self._console.print(one_line(text), style=style, markup=False, soft_wrap=True)


def _described(record: Record) -> str:
    if "selected_duration" in record:
        return f"{clock(record['selected_duration'])} of {clock(record['duration'])} kept"
    return f"{record['steps']} steps of {clock(record['duration'])}"


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
