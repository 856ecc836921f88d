"""Progress of a long run as lines on the error stream: the task and the remaining time."""

from __future__ import annotations

import sys
import time
from copy import copy
from typing import Self

from summdiff.research.training.logs import Callbacks

_INTERVAL_S = 30.0  # between two lines of the same training


class ProgressLines(Callbacks):
    """Print lines on the error stream. Can be pickled, for folds in other processes."""

    def __init__(self) -> None:
        """Start without a task."""
        self._label, self._seconds_left = "", 0.0
        self._began = self._printed = time.monotonic()

    def start(self, task: str, seconds_left: float) -> None:
        """Begin a task; the estimate in seconds covers it and all later tasks (0 if unknown)."""
        self._seconds_left = seconds_left
        self._began = self._printed = time.monotonic()
        self._print(f"{task}{self._time_left()}")

    def with_label(self, label: str) -> Self:
        """Return a display for a fold."""
        fold = copy(self)
        fold._label = f"{label}: "
        return fold

    def message(self, sentence: str) -> None:
        """Print a sentence."""
        self._print(f"  {self._label}{sentence}")

    def on_step(self, done: int, total: int, loss: float) -> None:
        """Print a line every half a minute."""
        now = time.monotonic()
        if now - self._printed > _INTERVAL_S:
            self._printed = now
            self._print(f"  {self._label}step {done}/{total}, loss {loss:.4f}{self._time_left()}")

    def _time_left(self) -> str:
        if not self._seconds_left:
            return ""
        seconds_left = max(0.0, self._seconds_left - (time.monotonic() - self._began))
        return f"; about {duration_text(seconds_left)} left for all"

    def _print(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def duration_text(seconds: float) -> str:
    """Return a duration as text: 40 s, 12 min, 3 h 05 min, 21 days."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 72 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes / 60 / 24:.0f} days"
