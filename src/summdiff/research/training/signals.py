"""Ctrl-C and SIGTERM: finish the step, save, leave."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from summdiff.errors import SummdiffError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SummdiffError):  # noqa: N818 (what happened, not a mistake)
    """A run was asked to stop, has saved where it is, and leaves.

    Attributes:
        exit_code: what a shell expects of a process that such a signal ended.
    """

    def __init__(self, sentence: str, number: int) -> None:
        """Say what is saved, and by which signal it came to that."""
        super().__init__(sentence, number)
        self.sentence, self.exit_code = sentence, 128 + number

    def __str__(self) -> str:
        return self.sentence


class Signals:
    """While this is entered, the first signal only sets `received`; the second does what it always does, at once.

    Outside the main thread, where Python allows no handlers, nothing is caught, nor is a signal that is being ignored.

    Attributes:
        received: the number of the signal that came, 0 without any.
    """

    def __init__(self, on_signal: Callable[[int], None] = lambda number: None) -> None:
        """Catch nothing yet; `on_signal` is called with the first signal's number, in between any two instructions."""
        self.received = 0
        self._on_signal = on_signal
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._take) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.received = number
        self._on_signal(number)
