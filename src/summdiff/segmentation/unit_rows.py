"""Features of a video at unit length, computed block by block, so that no second array of their size is made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLOCK = 512  # steps
_LEAST = 1e-12  # length of a step that is scaled to unit length
_LEAST_APART = 0.05  # from the mean, the same


class Rows:
    """Features of steps, as float32.

    Args:
        features: (N, D).
        unit: scale every step to unit length.
        center: do that, then subtract the mean over all steps and scale again. Steps within 0.05 of the mean are not
            scaled up to unit length.
    """

    def __init__(self, features: ArrayLike, *, unit: bool = False, center: bool = False) -> None:
        self._features = np.asarray(features)
        self._unit = unit or center
        self._mean: NDArray[np.float32] | None = None
        if center and len(self._features):
            total = np.zeros(self._features.shape[1])
            for rows in self.blocks():
                total += rows.sum(axis=0, dtype=np.float64)
            self._mean = (total / len(self._features)).astype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        return self._features.shape[0], self._features.shape[1]

    def __len__(self) -> int:
        """Return N."""
        return len(self._features)

    def __getitem__(self, steps: slice) -> NDArray[np.float32]:
        """Return the rows (n, D) of some steps."""
        rows: NDArray[np.float32] = np.asarray(self._features[steps], dtype=np.float32)
        if self._unit:
            rows = _scaled(rows, _LEAST)
        if self._mean is not None:
            rows = _scaled(rows - self._mean, _LEAST_APART)
        return np.ascontiguousarray(rows)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield all rows, block by block."""
        return (self[start : start + _BLOCK] for start in range(0, len(self), _BLOCK))


def centered(features: ArrayLike) -> NDArray[np.float32]:
    """Scale features (N, D) to unit length, subtract their mean over all steps, and scale again.

    Steps within 0.05 of the mean are not scaled up to unit length.
    """
    return Rows(features, center=True)[:]


def _scaled(rows: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Scale rows to unit length; rows shorter than `least` are divided by `least`."""
    norms: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, np.float32(least)), dtype=np.float32)
