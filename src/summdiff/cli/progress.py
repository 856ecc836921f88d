"""How the progress of a batch is shown: bars for people, JSON lines for programs, or nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from summdiff.cli.terminal import one_line

if TYPE_CHECKING:
    from summdiff.summary import Summary


_WIDTH_OF_FILES = 200  # a log has no edge to wrap at
_TITLES = {"look": "looking", "score": "scoring", "cut": "cutting"}


class Reporter(Protocol):
    """What a batch tells while it runs. Used as a context manager around the batch."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def start(self, video: Path) -> None:
        """A video begins."""

    def progress(self, stage: str, done: float, total: float) -> None:
        """A stage of the current video stands at `done` of `total`."""

    def done(self, summary: Summary, outputs: list[Path], seconds: float) -> None:
        """The current video is finished and its files are written."""

    def failed(self, video: Path, error: str) -> None:
        """The current video failed."""

    def index(self, page: Path) -> None:
        """A page that leads to the reports is written."""

    def close(self, done: list[tuple[Path, Summary, list[Path]]], failed: list[tuple[Path, str]]) -> None:
        """The batch is over."""


def reporter(*, quiet: bool, machine: bool) -> Reporter:
    """The reporter that the options ask for."""
    if machine:
        return _Machine()
    return _Quiet() if quiet else _Bars()


class _Quiet:
    """Only failures, one line each, on the error stream."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def start(self, video: Path) -> None:
        pass

    def progress(self, stage: str, done: float, total: float) -> None:
        pass

    def done(self, summary: Summary, outputs: list[Path], seconds: float) -> None:
        pass

    def failed(self, video: Path, error: str) -> None:
        print(f"summdiff: {one_line(error)}", file=sys.stderr)

    def index(self, page: Path) -> None:
        pass

    def close(self, done: list[tuple[Path, Summary, list[Path]]], failed: list[tuple[Path, str]]) -> None:
        pass


class _Machine(_Quiet):
    """One JSON object a line on the standard output, and nothing else there."""

    def __init__(self) -> None:
        self._video = ""
        self._last: tuple[str, int] = ("", -1)

    def start(self, video: Path) -> None:
        self._video, self._last = str(video), ("", -1)
        self._say(event="start")

    def progress(self, stage: str, done: float, total: float) -> None:
        percent = int(100 * done / total) if total > 0 else 100
        if (stage, percent) != self._last:
            self._last = (stage, percent)
            self._say(event="progress", stage=stage, done=round(done, 3), total=round(total, 3))

    def done(self, summary: Summary, outputs: list[Path], seconds: float) -> None:
        self._say(
            event="done",
            outputs=[str(path) for path in outputs],
            duration=summary.video.duration,
            selected_duration=summary.selected_duration,
            seconds=round(seconds, 3),
            warnings=list(summary.warnings),
        )

    def failed(self, video: Path, error: str) -> None:
        self._video = str(video)
        self._say(event="failed", error=error)

    def index(self, page: Path) -> None:
        print(json.dumps({"event": "index", "output": str(page)}), flush=True)

    def close(self, done: list[tuple[Path, Summary, list[Path]]], failed: list[tuple[Path, str]]) -> None:
        print(json.dumps({"event": "end", "done": len(done), "failed": len(failed)}), flush=True)

    def _say(self, **fields: Any) -> None:
        event = fields.pop("event")
        print(json.dumps({"event": event, "video": self._video, **fields}, ensure_ascii=True), flush=True)


class _Bars:
    """A bar for each stage with rate and time left, then what was made."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH_OF_FILES
        self._bars = Progress(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            # Where the output is a file or a pipe there is nothing to redraw.
            disable=not self._console.is_terminal,
        )
        self._task: Any = None
        self._stage = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def start(self, video: Path) -> None:
        self._console.print(one_line(str(video)), style="bold", markup=False)
        self._end_stage()

    def progress(self, stage: str, done: float, total: float) -> None:
        if stage != self._stage:
            self._end_stage()
            self._stage = stage
            self._task = self._bars.add_task(f"{_TITLES.get(stage, stage):<8}", total=total, rate="")
        speed = self._bars.tasks[-1].speed
        rate = f"{speed:.0f} x real time" if speed and stage != "score" else ""
        self._bars.update(self._task, completed=done, total=total, rate=rate)

    def done(self, summary: Summary, outputs: list[Path], seconds: float) -> None:
        self._end_stage()
        count = sum(shot.selected for shot in summary.shots)
        self._print(
            f"  {_clock(summary.selected_duration)} of {_clock(summary.video.duration)} kept "
            f"({summary.selected_duration / summary.video.duration:.1%}), {count} of {len(summary.shots)} shots, "
            f"made in {seconds:.1f} s"
        )
        for warning in summary.warnings:
            self._print(f"  note: {warning}", style="yellow")
        for path in outputs:
            self._print(f"  {path}", style="green")

    def failed(self, video: Path, error: str) -> None:
        self._end_stage()
        self._print(f"  failed: {error}", style="red")

    def index(self, page: Path) -> None:
        self._end_stage()
        self._print(f"All reports: {page}", style="green")

    def close(self, done: list[tuple[Path, Summary, list[Path]]], failed: list[tuple[Path, str]]) -> None:
        if len(done) + len(failed) < 2:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in ("video", "length", "summary", "result"):
            table.add_column(title, overflow="fold")
        for video, summary, outputs in done:
            table.add_row(
                Text(one_line(str(video))),
                _clock(summary.video.duration),
                _clock(summary.selected_duration),
                Text(one_line(str(outputs[0]))),
            )
        for video, error in failed:
            table.add_row(Text(one_line(str(video))), "", "failed", Text(one_line(error), style="red"))
        self._console.print()
        self._console.print(table)

    def _print(self, text: str, *, style: str | None = None) -> None:
        self._console.print(one_line(text), style=style, markup=False, soft_wrap=True)

    def _end_stage(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._stage = None, ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
