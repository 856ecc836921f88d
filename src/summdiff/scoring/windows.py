"""Overlapping windows over a long video, and blending of window values into one curve without seams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 256  # steps; 47 of TVSum's 50 videos fit in one


@dataclass(frozen=True, slots=True)
class Windows:
    """Overlapping windows over N steps.

    Attributes:
        steps: N.
        size: L, steps of each window.
        starts: (W,) the first step of each window.
        weights: (W, L) float32 share of each window's value in the blend; per step they add up to one.
    """

    steps: int
    size: int
    starts: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def over(cls, steps: int, *, size: int = WINDOW, overlap: int = WINDOW // 4) -> Windows:
        """Place windows of at most `size` steps evenly, each sharing at least `overlap` steps with the next."""
        size = min(size, steps)
        count = 1 if size == steps else 1 + math.ceil((steps - size) / (size - overlap))
        starts = _evenly_placed(steps - size, count)
        # Rising from one end, flat, falling to the other: where two windows overlap, one fades into the other.
        place = np.arange(size)
        edge = (np.minimum(place, place[::-1]) + 0.5).clip(max=overlap).astype(np.float32)
        total = np.zeros(steps, dtype=np.float32)
        for start in starts:
            total[start : start + size] += edge
        weights = np.stack([edge / total[start : start + size] for start in starts])
        return cls(steps=steps, size=size, starts=starts, weights=weights)

    def cut(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the windows (W, L, ...) of values (N, ...)."""
        return np.stack([values[start : start + self.size] for start in self.starts])

    def span(self, number: int) -> slice:
        """Return the steps of a window."""
        return slice(int(self.starts[number]), int(self.starts[number]) + self.size)

    def alone(self, number: int) -> slice:
        """Return the steps of a window that no later window has."""
        later = number + 1 < len(self.starts)
        return slice(int(self.starts[number]), int(self.starts[number + 1]) if later else self.steps)

    def rounds(self, count: int) -> Iterator[list[tuple[int, int]]]:
        """Yield windows and rounds, (window, round), that can be worked on at the same time.

        A window's next round may need what the round before gave at all of its steps, and so at those of all windows
        that share steps with it. Few windows are between their first and their last round at a time.
        """
        reach = np.searchsorted(self.starts, self.starts + self.size) - np.arange(len(self.starts))
        lag = int(reach.max())
        for turn in range(len(self.starts) + lag * (count - 1)):
            due = ((turn - lag * number, number) for number in range(count))
            yield [(window, number) for window, number in due if 0 <= window < len(self.starts)]

    def blend(self, parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return values (N, ...) from those of the windows, (W, L, ...), given in order as pieces (w, L, ...)."""
        blended: NDArray[np.float32] | None = None
        number = 0
        for part in parts:
            for values in part:
                if blended is None:
                    blended = np.zeros((self.steps, *values.shape[1:]), dtype=np.float32)
                start, weights = self.starts[number], self.weights[number]
                blended[start : start + self.size] += values * weights.reshape(-1, *[1] * (values.ndim - 1))
                number += 1
        assert blended is not None  # noqa: S101 (there is at least one window)
        return blended


def _evenly_placed(last: int, count: int) -> NDArray[np.int64]:
    """Return (count,) whole numbers from 0 to `last`, mirrored: the later half is measured from the end."""
    if count == 1:
        return np.zeros(1, dtype=np.int64)
    step, place = last / (count - 1), np.arange(count)
    return np.where(place < count // 2, place * step, last - (count - 1 - place) * step).round().astype(np.int64)
