"""Network inputs of a video: features, relational descriptors, or both, at the rate the model was trained at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff._runtime import side_by_side
from summdiff.errors import ModelError
from summdiff.features.relations import DESCRIPTORS, describe, describe_twice, places

_CELLS = 256  # averaged at a time; bounds memory

Conditioning = Literal["relational", "gaussian_prior", "features", "both"]


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition on the N steps of a video: features, relations, or both.

    Attributes:
        features: (N, D) of a backbone; None for networks that work with any backbone.
        relations: (N, R) relational descriptors (`summdiff.features.relations`); None for networks that see features.
        places: (N, E) coordinates whose distances say how alike steps are, for a Gaussian prior; None without one.
    """

    features: NDArray[np.floating] | None = None
    relations: NDArray[np.floating] | None = None
    places: NDArray[np.floating] | None = None

    @property
    def inputs(self) -> NDArray[np.floating]:
        """(N, P) numbers that enter the network's first layer: features, then relations."""
        parts = [part for part in (self.features, self.relations) if part is not None]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def __len__(self) -> int:
        """Return N."""
        part = self.relations if self.features is None else self.features
        return 0 if part is None else len(part)

    def __getitem__(self, steps: slice) -> Condition:
        """Return the condition of some of the steps."""
        return Condition(*(None if x is None else x[steps] for x in (self.features, self.relations, self.places)))


def condition_of(features: ArrayLike, *, rate: float, conditioning: Conditioning) -> Condition:
    """Return what conditions a network on features (N, D), as float32.

    Args:
        features: of the video.
        rate: steps per second.
        conditioning: "features": the features themselves; "relational": relational descriptors; "both"; or
            "gaussian_prior": relational descriptors of the features and of the features at length one, and places.
    """
    if conditioning == "features":
        return Condition(features=np.asarray(features, dtype=np.float32))
    if conditioning == "gaussian_prior":
        describers: list[Callable[[ArrayLike], NDArray[np.float32]]] = [partial(describe_twice, rate=rate), places]
        relations, where = side_by_side(lambda describer: describer(features), describers)
        return Condition(relations=relations, places=where)
    relations = describe(features, rate=rate)
    own = np.asarray(features, dtype=np.float32) if conditioning == "both" else None
    return Condition(features=own, relations=relations)


def count_relations(conditioning: Conditioning) -> int:
    """Return how many relational descriptors a step has under a conditioning."""
    return {"features": 0, "relational": 2, "both": 2, "gaussian_prior": 4}[conditioning] * len(DESCRIPTORS)


def checked_features(features: ArrayLike, *, rate: float) -> NDArray[np.floating[Any]]:
    """Return features as an array (N, D) of floats.

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


@dataclass(frozen=True, slots=True)
class Cells:
    """Groups of consecutive steps, each averaged into one longer step of a model.

    Attributes:
        rate: cells per second.
        first: (C,) each cell's first step.
        size: (C,) each cell's number of steps.
    """

    rate: float
    first: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def over(cls, steps: int, *, rate: float, seconds: float | None) -> Cells:
        """Group N steps at a rate into cells of `seconds`; each step is a cell where cells would hardly be longer."""
        if seconds is None or rate * seconds < 1.5:
            return cls(rate=rate, first=np.arange(steps), size=np.ones(steps, dtype=np.int64))
        cell = np.floor(np.arange(steps) / (rate * seconds) + 1e-9).astype(np.int64)
        _, first, size = np.unique(cell, return_index=True, return_counts=True)
        return cls(rate=1 / seconds, first=first, size=size)

    def average(self, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return the mean (C, D) of each cell's steps (N, D)."""
        if len(self.first) == len(x):
            return x
        # Sums of half-precision numbers overflow
        means = np.empty((len(self.first), x.shape[1]), dtype=np.float32 if x.dtype == np.float16 else x.dtype)
        for start in range(0, len(means), _CELLS):
            cells = slice(start, start + _CELLS)
            first, size = self.first[cells], self.size[cells]
            steps = x[first[0] : first[-1] + size[-1]].astype(means.dtype, copy=False)
            means[cells] = np.add.reduceat(steps, first - first[0], axis=0) / size[:, None]
        return means

    def interpolate(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values (N,) of the steps from values (C,) at the cells' centers."""
        steps = np.arange(int(self.size.sum()))
        return np.interp(steps, self.first + (self.size - 1) / 2, values).astype(np.float32)
