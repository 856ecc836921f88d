"""What a long run says of itself: which task, how far, and how long all that is left will take."""

from __future__ import annotations

import sys
import time
from typing import Self

from summdiff.research.training.logs import Callbacks, LogRow

_EVERY = 30.0  # seconds between two lines of the same training


class Progress(Callbacks):
    """Lines on the error stream. Can be pickled, for folds in other processes."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._task, self._label, self._left, self._began, self._said = "", "", 0.0, time.monotonic(), time.monotonic()

    def start(self, task: str, left: float) -> None:
        """A task begins; it and all that follow will take about so many seconds (0: unknown)."""
        self._task, self._left, self._began = task, left, time.monotonic()
        self._said = self._began
        self._print(f"{task}{self._time_left()}")

    def with_label(self, label: str) -> Self:
        """The same for a fold."""
        made = type(self)()
        made.__dict__ |= self.__dict__ | {"_label": f"{label}: "}
        return made

    def message(self, sentence: str) -> None:
        """Print it."""
        self._print(f"  {self._label}{sentence}")

    def on_step(self, done: int, total: int, loss: float) -> None:
        """A line every half a minute."""
        now = time.monotonic()
        if now - self._said > _EVERY:
            self._said = now
            self._print(f"  {self._label}step {done}/{total}, loss {loss:.4f}{self._time_left()}")

    def on_epoch(self, row: LogRow) -> None:
        """Nothing: validation is in the logs."""

    def _time_left(self) -> str:
        if not self._left:
            return ""
        return f"; about {clock(max(0.0, self._left - (time.monotonic() - self._began)))} left for all"

    def _print(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """Seconds to read: 40 s, 12 min, 3 h 05 min, 21 days."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 72 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes / 60 / 24:.0f} days"
