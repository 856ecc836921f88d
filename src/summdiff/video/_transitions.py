"""Gradual transitions of a film: dissolves and fades, found from tiny pictures in one pass.

During a dissolve the picture is a mixture that moves at a steady pace from what is before to what comes after. So the
picture at a quarter, half and three quarters of a window lies on the straight line from the window's first picture to
its last one, at these places. After a hard cut it lies at either end, and during a pan or with moving objects off the
line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RATE = 8  # pictures per second
_WINDOWS = (4, 6, 8, 12, 16, 24)  # lengths in pictures: 0.5 to 3 s
_BLOCK = 256  # pictures that are compared at once
# scripts/measure_transitions.py measures how many transitions these thresholds find and miss.
_OFF_LINE = 0.22  # largest distance from the line, in its length
_OFF_PACE = 0.15  # largest difference from a steady pace, as a share of the line
_LEAST_CHANGE = 12.0  # of 255 gray levels, root mean square
_LEAST_CONTRAST = 0.5  # the same, relative to the contrasts of the first and the last picture


class TransitionDetector:
    """Find the dissolves and fades of a film from the pictures that it displays.

    Memory does not grow with the length of the film.
    """

    def __init__(self) -> None:
        self._pictures: list[NDArray[np.float32]] = []
        self._first = 0  # number of the first picture kept; picture n is on display at n / rate seconds
        self._found: list[tuple[float, float]] = []

    def until(self, seconds: float, samples: NDArray[Any] | None, *, white: float) -> None:
        """Take the picture that is on display until `seconds`, where the next one appears.

        Args:
            seconds: from the start of the film, increasing from call to call.
            samples: (rows, columns) of luma; None before the first picture.
            white: sample value of white.
        """
        number = self._first + len(self._pictures)
        if samples is None or number >= seconds * _RATE:
            return
        picture = _halved(samples).ravel() * np.float32(255 / white)
        if self._pictures and self._pictures[-1].size != picture.size:
            self._compare(keep=0)
        if seconds * _RATE - number > _BLOCK:  # a still picture: nothing changes slowly here
            self._compare(keep=0)
            self._first = int(seconds * _RATE) - _WINDOWS[-1]
        while self._first + len(self._pictures) < seconds * _RATE:
            self._pictures.append(picture)
        if len(self._pictures) >= _BLOCK + _WINDOWS[-1]:
            self._compare(keep=_WINDOWS[-1])

    def transitions(self) -> NDArray[np.float64]:
        """Return the transitions so far: (K, 2) seconds, start and end of each, in order and apart."""
        self._compare(keep=_WINDOWS[-1])
        return merged_spans(self._found)

    def _compare(self, *, keep: int) -> None:
        """Look for transitions in the pictures at hand, and drop all but the last `keep`."""
        if len(self._pictures) > _WINDOWS[0]:
            starts, ends = _gradual_changes(np.stack(self._pictures))
            starts, ends = (starts + self._first) / _RATE, (ends + self._first) / _RATE
            self._found = [(start, end) for start, end in merged_spans([*self._found, *zip(starts, ends, strict=True)])]
        dropped = max(0, len(self._pictures) - keep)
        self._first += dropped
        del self._pictures[:dropped]


def merged_spans(spans: Iterable[tuple[float, float]]) -> NDArray[np.float64]:
    """Sort spans (start, end) and join those that overlap: (K, 2)."""
    merged: list[list[float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return np.array(merged, dtype=np.float64).reshape(-1, 2)


def _gradual_changes(pictures: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return start and end of gradual changes, in numbers of pictures (F, S); many may describe the same change."""
    starts, ends = [np.empty(0)], [np.empty(0)]
    contrast = pictures.var(axis=1)
    for length in _WINDOWS:
        if len(pictures) <= length:
            break
        first, last = pictures[:-length], pictures[length:]
        line = last - first
        squared = np.einsum("fs,fs->f", line, line)
        least = np.sqrt(contrast[:-length] + contrast[length:]) * _LEAST_CONTRAST
        at = np.flatnonzero(np.sqrt(squared / pictures.shape[1]) > np.maximum(least, _LEAST_CHANGE))
        line, squared = line[at], squared[at]
        places, off_line = [], np.zeros(len(at))
        steady = np.ones(len(at), dtype=np.bool_)
        inner = (length // 4, length // 2, length - length // 4)
        for step in inner:
            moved = pictures[at + step] - first[at]
            place = np.einsum("fs,fs->f", moved, line) / squared
            steady &= np.abs(place - step / length) < _OFF_PACE
            off_line += (np.einsum("fs,fs->f", moved, moved) - place**2 * squared) / squared
            places.append(place)
        found = steady & (off_line / len(inner) < _OFF_LINE**2)
        # The change lasts as long as the line takes at the pace of the inner pictures.
        half = 0.5 * (inner[2] - inner[0]) / (places[2] - places[0])[found]
        middle = at[found] + length / 2 + (0.5 - places[1][found]) * 2 * half
        starts.append(np.maximum(middle - half, at[found]))
        ends.append(np.minimum(middle + half, at[found] + length))
    return np.concatenate(starts), np.concatenate(ends)


def _halved(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return the means of squares of 2 by 2 samples; a last odd row or column is left out."""
    even = samples[: len(samples) // 2 * 2, : samples.shape[1] // 2 * 2].astype(np.float32)
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, dtype=np.float32)
