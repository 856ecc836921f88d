"""What a network sees of a video: its features, how its steps relate, or both, at the rate it was trained at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import ModelError
from summdiff.features.relational import DESCRIPTORS, describe, describe_twice, places

Conditioning = Literal["relational", "kinship", "features", "both"]


def checked_features(features: ArrayLike, *, rate: float) -> NDArray[np.floating[Any]]:
    """Features as an array (N, D) of floats.

    Raises:
        ModelError: they are not (N, D) finite numbers, or the rate is not a positive number.
    """
    x = np.asarray(features)
    if x.ndim != 2 or 0 in x.shape or not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
        raise ModelError(f"Features must be numbers of shape (steps, dimensions), got {x.dtype} of shape {x.shape}.")
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise ModelError("Features must be finite; at least one is NaN or infinite.")
    if not (np.isfinite(rate) and rate > 0):
        raise ModelError(f"The rate must be a positive number of steps per second, got {rate}.")
    return x


def condition_inputs(features: ArrayLike, *, rate: float, conditioning: Conditioning) -> NDArray[np.float32]:
    """What conditions the network, (N, P).

    "relational": relational descriptors; "features": the features themselves; "both": these and then those; "kinship":
    relational descriptors with and without the features' size, and then the steps' places, which say what is alike.
    """
    own = np.asarray(features, dtype=np.float32)
    if conditioning == "features":
        return own
    if conditioning == "kinship":
        return np.concatenate([describe_twice(features, rate=rate), places(features)], axis=1)
    relations = describe(features, rate=rate)
    return relations if conditioning == "relational" else np.concatenate([own, relations], axis=1)


def count_relations(conditioning: Conditioning, inputs: int) -> int:
    """How many of P inputs, the last ones, are relational."""
    known = {"features": 0, "relational": inputs, "both": 2 * len(DESCRIPTORS), "kinship": inputs}
    return known[conditioning]


@dataclass(frozen=True, slots=True)
class Cells:
    """How N given steps are grouped into the longer steps that a model was trained on.

    Attributes:
        rate: cells per second.
        first: (C,) each cell's first step.
        size: (C,) how many steps it has.
    """

    rate: float
    first: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def over(cls, steps: int, *, rate: float, seconds: float | None) -> Cells:
        """Cells of `seconds`; the steps themselves where those are not much shorter, or if there is no such length."""
        if seconds is None or rate * seconds < 1.5:
            return cls(rate=rate, first=np.arange(steps), size=np.ones(steps, dtype=np.int64))
        cell = np.floor(np.arange(steps) / (rate * seconds) + 1e-9).astype(np.int64)
        _, first, size = np.unique(cell, return_index=True, return_counts=True)
        return cls(rate=1 / seconds, first=first, size=size)

    def average(self, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Mean of the steps (N, D) of each cell, (C, D)."""
        if len(self.first) == len(x):
            return x
        # Halves overflow in sums.
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        means: NDArray[np.floating[Any]] = np.add.reduceat(wide, self.first, axis=0) / self.size[:, None]
        return means

    def interpolate(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (N,) at the given steps of values (C,) at the cells' centres."""
        steps = np.arange(int(self.size.sum()))
        return np.interp(steps, self.first + (self.size - 1) / 2, values).astype(np.float32)
