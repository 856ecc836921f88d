"""Features of a video, centered and scaled to unit length, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import ModelError

BLOCK = 128  # steps at a time; bounds memory
_LEAST = 1e-6  # of the features' size: a smaller distance to the mean is rounding, not content

Array = NDArray[np.float64]


class UnitRows:
    """Features less their mean over the video, each at unit length. Rows are computed when they are asked for.

    Args:
        features: (N, D), N >= 1.
        at_length_one: whether every step is scaled to unit length before the mean is taken as well.

    Attributes:
        distance: (N,) distance of each step to the mean, relative to the average distance.

    Raises:
        ModelError: the features are not (N, D) finite numbers.
    """

    def __init__(self, features: ArrayLike, *, at_length_one: bool = False) -> None:
        x = np.asarray(features)
        if x.ndim != 2 or 0 in x.shape or not np.issubdtype(x.dtype, np.number):
            raise ModelError(
                f"Features must be numbers of shape (steps, dimensions), got {x.dtype} of shape {x.shape}."
            )
        self._features = x
        self._largest = self._largest_at_one = 1.0  # first, so that no square overflows
        self._at_length_one = False
        self._largest = self._largest_number()
        if at_length_one:
            self._at_length_one = True
            self._largest_at_one = self._largest_number()
        self._mean = self._over_blocks(lambda rows: rows.sum(axis=0), np.add) / len(x)
        size = np.sqrt(self._over_blocks(lambda rows: np.square(rows).sum(), np.add) / len(x))
        self._length = np.concatenate([_lengths(self._scaled(steps) - self._mean) for steps in self.blocks()])
        self._length[self._length <= _LEAST * size] = 0.0
        average = float(self._length.mean())
        self.distance: Array = self._length / average if average > 0 else self._length

    def __len__(self) -> int:
        """Return N."""
        return len(self._features)

    def __getitem__(self, steps: slice | NDArray[np.int64]) -> Array:
        """Return the rows (n, D) of some steps; 0 for a step that does not differ from the mean."""
        rows, length = self._scaled(steps), self._length[steps]
        rows -= self._mean
        rows[length == 0] = 0.0
        rows /= np.where(length == 0, 1.0, length)[:, None]
        return rows

    def blocks(self) -> Iterator[slice]:
        """Yield the steps in blocks."""
        return (slice(start, min(start + BLOCK, len(self))) for start in range(0, len(self), BLOCK))

    def _scaled(self, steps: slice | NDArray[np.int64]) -> Array:
        """Return the features of some steps before their mean is subtracted."""
        rows = self._features[steps].astype(np.float64)
        rows /= self._largest
        if self._at_length_one:
            rows /= _lengths(rows)[:, None].clip(min=1e-12)
            rows /= self._largest_at_one
        return rows

    def _largest_number(self) -> float:
        largest = float(self._over_blocks(lambda rows: np.abs(rows).max(), np.maximum))
        if not np.isfinite(largest):
            raise ModelError("Features must be finite; at least one is NaN or infinite.")
        return largest if largest > 0 else 1.0

    def _over_blocks(self, of_block: Callable[[Array], Any], join: np.ufunc) -> Any:
        found: Any = None
        for steps in self.blocks():
            value = of_block(self._scaled(steps))
            found = value if found is None else join(found, value)
        return found


def _lengths(rows: Array) -> Array:
    lengths: Array = np.sqrt(np.square(rows).sum(axis=1))
    return lengths
