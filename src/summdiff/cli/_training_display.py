"""Progress of a training run on the error stream: a bar at a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

from summdiff.cli._progress import error_console
from summdiff.research.training.logs import Callbacks, LogRow
from summdiff.summary import clock

_MEASURES = ("map", "tau", "rho", "spread")


class Lines(Callbacks):
    """Print a line for each validated epoch, and for others at most every ten seconds."""

    def __init__(self, epochs: int, label: str = "") -> None:
        """Print nothing yet; `label` is put before each line."""
        self._epochs, self._label = epochs, label
        self._start_time, self._done_before, self._done, self._total, self._printed = 0.0, 0, 0, 0, 0.0

    def with_label(self, label: str) -> Self:
        """Return a display with a label before each line."""
        return type(self)(self._epochs, f"{label}: ")

    def message(self, sentence: str) -> None:
        """Print a message."""
        print(f"{self._label}{sentence}", file=sys.stderr, flush=True)

    def on_start(self, done: int, total: int) -> None:
        """Start the clock."""
        self._start_time, self._done_before, self._done, self._total = time.monotonic(), done, done, total

    def on_step(self, done: int, total: int, loss: float) -> None:
        """Count a step."""
        self._done = done

    def on_epoch(self, row: LogRow) -> None:
        """Print a line if the epoch was validated or ten seconds have passed."""
        now = time.monotonic()
        if "tau" in row or row["epoch"] + 1 >= self._epochs or now - self._printed > 10:
            self._printed = now
            self.message(f"{describe_row(row, self._epochs)}  {self._speed(now)}")

    def _speed(self, now: float) -> str:
        speed = (self._done - self._done_before) / max(now - self._start_time, 1e-9)
        left = (self._total - self._done) / speed if speed > 0 else 0.0
        return f"{speed:.1f} steps/s, {clock(left)} left"


class Bar(Lines):
    """Show a bar with epoch, loss, last validation, speed and time left; validated epochs stay above it."""

    _bar: Any = None

    def on_start(self, done: int, total: int) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, Progress, TextColumn

        super().on_start(done, total)
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        self._bar = Progress(*columns, console=error_console(), transient=True)
        self._task = self._bar.add_task("", total=total, completed=done)
        self._validated: LogRow = {}
        self._bar.start()

    def message(self, sentence: str) -> None:
        """Print a message above the bar."""
        if self._bar is None:
            super().message(sentence)
        else:
            self._bar.console.print(f"{self._label}{sentence}", markup=False, soft_wrap=True)

    def on_step(self, done: int, total: int, loss: float) -> None:
        """Move the bar."""
        super().on_step(done, total, loss)
        epoch = min(self._epochs, done * self._epochs // max(1, total) + 1)
        measures = "".join(f"  {name} {self._validated[name]:.3f}" for name in _MEASURES if name in self._validated)
        speed = self._speed(time.monotonic())
        text = f"{self._label}epoch {epoch}/{self._epochs}  loss {loss:.4f}{measures}  {speed}"
        self._bar.update(self._task, completed=done, description=text)

    def on_epoch(self, row: LogRow) -> None:
        """Print a line for a validated epoch."""
        if "tau" in row:
            self._validated = row
            self.message(describe_row(row, self._epochs))

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()


def training_display(epochs: int, *, bar: bool = True) -> Lines:
    """Return a bar if the error stream is a terminal, lines otherwise."""
    return Bar(epochs) if bar and sys.stderr.isatty() else Lines(epochs)


def describe_row(row: LogRow, epochs: int) -> str:
    """Format a row of the training log as a line."""
    line = f"epoch {row['epoch'] + 1:.0f}/{epochs}  loss {row['loss']:.4f}"
    measures = "".join(f" {name} {row[name]:.3f}" for name in _MEASURES if name in row)
    return f"{line}  validation{measures}" if measures else line
