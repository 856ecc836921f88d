"""How a training run is shown: a bar for people at a terminal, plain lines elsewhere; always on the error stream."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

from summdiff.research.training.logs import Row, Watcher

_SHOWN = ("map", "tau", "rho", "spread")


class Lines(Watcher):
    """A line for each epoch that was validated, and otherwise one every ten seconds at most."""

    def __init__(self, epochs: int, label: str = "") -> None:
        """Say nothing yet; `label` goes before each line."""
        self._epochs, self._label = epochs, label
        self._began, self._done_before, self._done, self._total, self._said = 0.0, 0, 0, 0, 0.0

    def labelled(self, label: str) -> Self:
        """The same with a label before each line."""
        return type(self)(self._epochs, f"{label}: ")

    def say(self, sentence: str) -> None:
        """Print it."""
        print(f"{self._label}{sentence}", file=sys.stderr, flush=True)

    def begin(self, done: int, total: int) -> None:
        """Start the clock."""
        self._began, self._done_before, self._done, self._total = time.monotonic(), done, done, total

    def step(self, done: int, total: int, loss: float) -> None:
        """Count it."""
        self._done = done

    def epoch(self, row: Row) -> None:
        """Print a line, or not."""
        now = time.monotonic()
        if "tau" in row or row["epoch"] + 1 >= self._epochs or now - self._said > 10:
            self._said = now
            self.say(f"{describe_row(row, self._epochs)}  {self._pace(now)}")

    def _pace(self, now: float) -> str:
        speed = (self._done - self._done_before) / max(now - self._began, 1e-9)
        left = (self._total - self._done) / speed if speed > 0 else 0.0
        return f"{speed:.1f} steps/s, {clock(left)} left"


class Bar(Lines):
    """A bar with epoch, loss, last validation, steps a second and time left; validated epochs stay above it."""

    def begin(self, done: int, total: int) -> None:
        """Show it."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().begin(done, total)
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        self._bar = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
        self._task = self._bar.add_task("", total=total, completed=done)
        self._last: Row = {}
        self._bar.start()

    def say(self, sentence: str) -> None:
        """Print it above the bar."""
        bar: Any = getattr(self, "_bar", None)
        if bar is None:
            super().say(sentence)
        else:
            bar.console.print(f"{self._label}{sentence}", markup=False, soft_wrap=True)

    def step(self, done: int, total: int, loss: float) -> None:
        """Move it."""
        super().step(done, total, loss)
        now = time.monotonic()
        epoch = min(self._epochs, done * self._epochs // max(1, total) + 1)
        seen = "".join(f"  {name} {self._last[name]:.3f}" for name in _SHOWN if name in self._last)
        text = f"{self._label}epoch {epoch}/{self._epochs}  loss {loss:.4f}{seen}  {self._pace(now)}"
        self._bar.update(self._task, completed=done, description=text)

    def epoch(self, row: Row) -> None:
        """Keep a line of a validated epoch."""
        if "tau" in row:
            self._last = row
            self.say(describe_row(row, self._epochs))

    def close(self) -> None:
        """Take it away."""
        bar: Any = getattr(self, "_bar", None)
        if bar is not None:
            bar.stop()


def watcher(epochs: int, *, bar: bool = True) -> Lines:
    """The display for where the error stream goes."""
    return Bar(epochs) if bar and sys.stderr.isatty() else Lines(epochs)


def describe_row(row: Row, epochs: int) -> str:
    """A row of the training log as a line to read."""
    line = f"epoch {row['epoch'] + 1:.0f}/{epochs}  loss {row['loss']:.4f}"
    seen = "".join(f" {name} {row[name]:.3f}" for name in _SHOWN if name in row)
    return f"{line}  validation{seen}" if seen else line


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
