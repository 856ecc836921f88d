"""Progress: bars at a terminal, plain lines in a file or pipe, JSON lines for programs, or nothing.

Everything goes to the error stream, except JSON lines. `count_bar` counts anything, `run_display` shows a run over
videos.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from summdiff.archive.jobs import Record, VideoJob
from summdiff.summary import clock

if TYPE_CHECKING:
    from rich.console import Console

    from summdiff.archive.dispatch import RunCounts

_FILE_WIDTH = 200  # columns where the output is no terminal
_LINE_SECONDS = 10.0  # between two lines of a count where the output is no terminal
_JSON_SECONDS = 2.0  # between two progress lines of a run with workers
_STAGES = {"look": "looking", "listen": "listening", "score": "scoring", "cut": "cutting"}
# Control characters (escape sequences begin with one), line ends, and marks that turn the direction of writing.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Return text as one printable line: control characters of a file name are written out, as in `\\x1b[31m`."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def error_console() -> Console:
    """Return a console on the error stream, wide where that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


@contextmanager
def count_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar at a terminal, or a line every ten seconds; yields a function of the number done and the total."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = error_console()
    if not console.is_terminal:
        yield _count_lines(title)
        return
    columns = (title, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _count_lines(title: str) -> Callable[[int, int], None]:
    """Return a function that prints the number done and the total, at most once every ten seconds."""
    printed = time.monotonic()

    def on_progress(done: int, total: int) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _LINE_SECONDS:
            printed = time.monotonic()
            print(f"{title}: {done} of {total}", file=sys.stderr, flush=True)

    return on_progress


def run_display(*, quiet: bool, machine: bool, workers: bool) -> RunDisplay:
    """Return the display that the options ask for; `workers`: several videos are processed at the same time."""
    if machine:
        return _WorkerJson() if workers else _VideoJson()
    if quiet:
        return RunDisplay()
    return _RunBar() if workers else _StageBars()


class RunDisplay:
    """Print only failures, one line each. A `summdiff.archive.dispatch.RunListener`, entered during the run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def begin(self, total: int, before: int, size: int) -> None:
        self._total, self._settled, self._size, self._began = total, before, size, time.monotonic()

    def failed_before(self, job: VideoJob, error: str) -> None:
        pass

    def start(self, job: VideoJob) -> None:
        pass

    def stage(self, stage: str, done: float, total: float) -> None:
        """Progress of the current video, `done` of `total` in a stage; only if one is processed at a time."""

    def moved(self, size: float, running: int) -> None:
        pass

    def done(self, job: VideoJob, record: Record, seconds: float) -> None:
        self._settled += 1

    def failed(self, job: VideoJob, error: str) -> None:
        self._settled += 1
        print(f"summdiff: {one_line(error)}", file=sys.stderr)

    def again(self, job: VideoJob, error: str) -> None:
        pass

    def index(self, page: Path) -> None:
        """A page that leads to the reports was written."""

    def end(self, counts: RunCounts, *, workers: int, manifest: Path | None) -> None:
        """The run is over."""

    def _seconds_left(self, size: float) -> float | None:
        """Return the seconds left at the speed so far; None if unknown."""
        passed = time.monotonic() - self._began
        return passed * (self._size - size) / size if size > 0 and passed > 1 else None


class _VideoJson(RunDisplay):
    """JSON lines on the standard output, with the stages of the current video."""

    def __init__(self) -> None:
        self._video = ""
        self._last: tuple[str, int] = ("", -1)

    def start(self, job: VideoJob) -> None:
        self._video, self._last = str(job.video), ("", -1)
        _print_json("start", video=self._video)

    def stage(self, stage: str, done: float, total: float) -> None:
        percent = int(100 * done / total) if total > 0 else 100
        if (stage, percent) != self._last:
            self._last = (stage, percent)
            _print_json("progress", video=self._video, stage=stage, done=round(done, 3), total=round(total, 3))

    def done(self, job: VideoJob, record: Record, seconds: float) -> None:
        super().done(job, record, seconds)
        _print_json("done", **record | {"video": str(job.video), "seconds": round(seconds, 3)})

    def failed(self, job: VideoJob, error: str) -> None:
        self._settled += 1
        _print_json("failed", video=str(job.video), error=error)

    def index(self, page: Path) -> None:
        _print_json("index", output=str(page))

    def end(self, counts: RunCounts, *, workers: int, manifest: Path | None) -> None:
        _print_json("end", done=counts.done, failed=counts.failed)


class _WorkerJson(_VideoJson):
    """JSON lines on the standard output, with the share of all videos that is done."""

    def __init__(self) -> None:
        super().__init__()
        self._told = 0.0

    def begin(self, total: int, before: int, size: int) -> None:
        super().begin(total, before, size)
        _print_json("begin", total=total, before=before)

    def failed_before(self, job: VideoJob, error: str) -> None:
        _print_json("set aside before", video=str(job.video), error=error)

    def moved(self, size: float, running: int) -> None:
        now = time.monotonic()
        if now - self._told >= _JSON_SECONDS:
            self._told = now
            left = self._seconds_left(size)
            _print_json(
                "progress",
                settled=self._settled,
                total=self._total,
                running=running,
                share=round(size / self._size, 4) if self._size else 1.0,
                seconds_left=None if left is None else round(left),
            )

    def again(self, job: VideoJob, error: str) -> None:
        _print_json("again", video=str(job.video), error=error)

    def end(self, counts: RunCounts, *, workers: int, manifest: Path | None) -> None:
        _print_json(
            "end",
            done=counts.done + counts.before,
            failed=counts.failed + counts.failed_before,
            before=counts.before,
            manifest=str(manifest),
        )


class _Bars(RunDisplay):
    """Base of the displays for people: bars at a terminal, and lines."""

    def __init__(self, *columns: Any) -> None:
        from rich.progress import Progress

        self._console = error_console()
        self._bars = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task: Any = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def index(self, page: Path) -> None:
        self._print(f"All reports: {page}", style="green")

    def _print(self, text: str, *, style: str | None = None) -> None:
        self._console.print(one_line(text), style=style, markup=False, soft_wrap=True)


class _StageBars(_Bars):
    """A bar for each stage of the current video with speed and time left, then the results."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        super().__init__(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        self._stage = ""
        self._made: list[tuple[VideoJob, Record]] = []
        self._not_made: list[tuple[VideoJob, str]] = []

    def start(self, job: VideoJob) -> None:
        self._print(str(job.video), style="bold")

    def stage(self, stage: str, done: float, total: float) -> None:
        if stage != self._stage:
            self._end_stage()
            self._stage = stage
            self._task = self._bars.add_task(f"{_STAGES.get(stage, stage):<8}", total=total, rate="")
        speed = self._bars.tasks[-1].speed
        rate = f"{speed:.0f} x real time" if speed and stage != "score" else ""
        self._bars.update(self._task, completed=done, total=total, rate=rate)

    def done(self, job: VideoJob, record: Record, seconds: float) -> None:
        self._end_stage()
        self._made.append((job, record))
        kept, duration = record["selected_duration"], record["duration"]
        self._print(
            f"  {clock(kept, tenths=True)} of {clock(duration, tenths=True)} kept ({kept / duration:.1%}), "
            f"{record['parts']} {'part' if record['parts'] == 1 else 'parts'}, made in {seconds:.1f} s"
        )
        for warning in record["warnings"]:
            self._print(f"  note: {warning}", style="yellow")
        for path in record["outputs"]:
            self._print(f"  {path}", style="green")

    def failed(self, job: VideoJob, error: str) -> None:
        self._end_stage()
        self._not_made.append((job, error))
        self._print(f"  failed: {error}", style="red")

    def end(self, counts: RunCounts, *, workers: int, manifest: Path | None) -> None:
        """Print a table of several videos."""
        if len(self._made) + len(self._not_made) < 2:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in ("video", "length", "summary", "result"):
            table.add_column(title, overflow="fold")
        for job, record in self._made:
            table.add_row(
                Text(one_line(str(job.video))),
                clock(record["duration"], tenths=True),
                clock(record["selected_duration"], tenths=True),
                Text(one_line(record["outputs"][0])),
            )
        for job, error in self._not_made:
            table.add_row(Text(one_line(str(job.video))), "", "failed", Text(one_line(error), style="red"))
        self._console.print()
        self._console.print(table)

    def _end_stage(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._stage = None, ""


class _RunBar(_Bars):
    """One bar for all videos with the time left; without a terminal, a line for each video."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn

        super().__init__(
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.description}", markup=False),
        )
        self._failed = 0

    def begin(self, total: int, before: int, size: int) -> None:
        super().begin(total, before, size)
        self._task = self._bars.add_task(f"{before} of {total} videos", total=max(size, 1))

    def failed_before(self, job: VideoJob, error: str) -> None:
        self._print(f"set aside before: {error}", style="yellow")

    def moved(self, size: float, running: int) -> None:
        left = self._seconds_left(size)
        parts = [f"{self._settled:,} of {self._total:,} videos"]
        if self._failed:
            parts.append(f"{self._failed:,} set aside")
        parts.append(f"{running} in work")
        if left is not None:
            parts.append(f"{clock(left)} left")
        self._bars.update(self._task, completed=size, description=", ".join(parts))

    def done(self, job: VideoJob, record: Record, seconds: float) -> None:
        super().done(job, record, seconds)
        if not self._console.is_terminal:
            self._print(f"[{self._settled}/{self._total}] {job.video}: {_describe(record)} in {seconds:.1f} s")
        for warning in record.get("warnings", ()):
            self._print(f"  note: '{job.video}': {warning}", style="yellow")

    def failed(self, job: VideoJob, error: str) -> None:
        self._settled += 1
        self._failed += 1
        self._print(f"[{self._settled}/{self._total}] {job.video}: set aside: {error}", style="red")

    def again(self, job: VideoJob, error: str) -> None:
        self._print(f"{job.video}: {error}", style="yellow")

    def end(self, counts: RunCounts, *, workers: int, manifest: Path | None) -> None:
        took = time.monotonic() - self._began
        done, failed = counts.done + counts.before, counts.failed + counts.failed_before
        line = f"{done:,} of {done + failed:,} videos done"
        if counts.before:
            line += f", {counts.before:,} of them before"
        if failed:
            line += f"; {failed:,} set aside"
        if counts.done:
            line += (
                f". {clock(counts.video_seconds)} of video in {clock(took)} with {workers} "
                f"worker{'s' * (workers != 1)}: {counts.video_seconds / took:.1f} x real time"
            )
        self._print(f"{line}. Details: {manifest}")


def _describe(record: Record) -> str:
    if "selected_duration" in record:
        return f"{clock(record['selected_duration'])} of {clock(record['duration'])} kept"
    return f"{record['steps']} steps of {clock(record['duration'])}"


def _print_json(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)
