"""How many bytes parts of a video take in its file, as an estimate of those of the saved summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.summary import Interval
from summdiff.video import index_frames, source_rates


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of a video's frames.

    Attributes:
        times: (F,) seconds at which each is displayed.
        before: (F + 1,) bytes of all frames before each, and of all.
        sound: bytes per second of the sound.
    """

    times: NDArray[np.float64]
    before: NDArray[np.float64]
    sound: float

    @classmethod
    def of(cls, path: Path) -> Sizes | None:
        """Measure a video; None if its frames cannot be told apart in the file.

        Raises:
            VideoError: the file cannot be read.
        """
        index = index_frames(path)
        rates = source_rates(path, index, ())
        if len(rates.frames) != len(index.ticks):
            return None
        before = np.concatenate(([0.0], np.cumsum(rates.frames / 8)))
        times = index.ticks.astype(np.float64) * float(index.clock.time_base)
        return cls(times, before, rates.sound / 8)

    def between(self, parts: Sequence[Interval]) -> int:
        """Return the bytes of these parts, pictures and sound."""
        edges = np.searchsorted(self.times, [[part.start - 1e-4, part.end - 1e-4] for part in parts])
        pictures = float((self.before[edges[:, 1]] - self.before[edges[:, 0]]).sum())
        return round(pictures + self.sound * sum(part.duration for part in parts))
