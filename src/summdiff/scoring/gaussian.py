"""The Gaussian part of the default model: how annotators' departures from the mean curve covary.

An annotator who rates a moment above average also rates similar and nearby moments higher. A covariance with six
parameters, fitted by maximum likelihood (`summdiff.research.networks.prior_fit`), describes that. It is the prior over
curves before a network refines it, and conditions them exactly on known scores (Rasmussen and Williams 2006, eq. 2.23
and 2.24).

Shapes: N steps, E coordinates of a step among the video's own (`summdiff.features.relations.places`), U samples with
known scores of their own. Everything is computed in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import ModelError

Array = NDArray[np.float64]

_JITTER = 1e-5  # of a step's variance, so that the covariance of known steps can be inverted


@dataclass(frozen=True, slots=True)
class GaussianPrior:
    """Covariance of departures from the mean curve.

        cov(i, j) = s_i s_j [ alike exp(-d²/a) + near exp(-d²/b - |t_i - t_j|/c) + own (i = j) ]

    with d² the squared distance of two steps' places, 1 on average over the window, and s_i the disagreement expected
    about a step, relative to others.

    Attributes:
        alike, near, own: variances.
        alike_distance, near_distance: a and b, squared distances.
        near_seconds: c.
    """

    alike: float = 0.035
    near: float = 0.019
    own: float = 0.016
    alike_distance: float = 0.4
    near_distance: float = 0.9
    near_seconds: float = 24.0

    def __post_init__(self) -> None:
        """Refuse parameters that are not finite and positive."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and np.isfinite(value) and value > 0):
                raise ModelError(f"The prior's {field.name} must be a positive number, got {value!r}.")

    @classmethod
    def from_logs(cls, logs: Array) -> GaussianPrior:
        """Make a prior of the logarithms (6,) of its parameters, in the order of its fields."""
        return cls(*map(float, np.exp(np.asarray(logs, dtype=np.float64))))

    def to_dict(self) -> Mapping[str, float]:
        """Return the parameters by name."""
        return asdict(self)

    def shared(self, places: NDArray[np.floating], seconds: NDArray[np.floating]) -> Array:
        """Return the covariance (N, N) without s and `own`, for places (N, E) at times (N,)."""
        distances = squared_distances(places)
        times = np.asarray(seconds, dtype=np.float64)
        lag = np.abs(times[:, None] - times)
        found: Array = self.alike * np.exp(-distances / self.alike_distance)
        found += self.near * np.exp(-distances / self.near_distance - lag / self.near_seconds)
        return found

    def covariance(
        self, places: NDArray[np.floating], seconds: NDArray[np.floating], scale: NDArray[np.floating]
    ) -> Array:
        """Return the covariance (N, N) of departures in units of scores, for disagreement s (N,)."""
        s = np.asarray(scale, dtype=np.float64)
        found = self.shared(places, seconds)
        found[np.diag_indices_from(found)] += self.own
        found *= s[:, None] * s
        return found

    def smooth(
        self, curve: NDArray[np.floating], places: NDArray[np.floating], seconds: NDArray[np.floating], *, noise: float
    ) -> Array:
        """Let similar and nearby steps of a curve (N,) agree: its regression by this prior on noisy values.

        Args:
            curve: on any scale; the result is centered.
            places, seconds: as for `shared`.
            noise: variance of a value's error, relative to that of the shared covariance.
        """
        covariance = self.shared(places, seconds)
        centred = np.asarray(curve, dtype=np.float64)
        centred = centred - centred.mean()
        noisy = covariance.copy()
        noisy[np.diag_indices_from(noisy)] *= 1 + noise
        smoothed: Array = covariance @ np.linalg.solve(noisy, centred)
        return smoothed


@dataclass(frozen=True, slots=True)
class ScorePosterior:
    """Gaussian over a curve, given any known scores.

    Attributes:
        mean: (N,) or (U, N) scores.
        directions: (N, N) columns in which departures from the mean are independent.
        variances: (N,) of each direction.
        deviation: (N,) standard deviation of each step, 0 where the score is known.
    """

    mean: Array
    directions: Array
    variances: Array
    deviation: Array

    @classmethod
    def of(
        cls, mean: NDArray[np.floating], covariance: Array, known: NDArray[np.floating] | None = None
    ) -> ScorePosterior:
        """Condition a mean (N,) and covariance (N, N) on known scores (N,) or (U, N), NaN where unknown."""
        centre = np.asarray(mean, dtype=np.float64)
        if known is not None and not np.isnan(known).all():
            centre, covariance = condition_on(centre, covariance, np.asarray(known, dtype=np.float64))
        variances, directions = np.linalg.eigh(covariance)
        deviation = np.sqrt(np.diagonal(covariance).clip(0))
        return cls(centre, directions, variances.clip(0), deviation)


def condition_on(mean: Array, covariance: Array, known: Array) -> tuple[Array, Array]:
    """Return mean and covariance given known scores.

    Args:
        mean: (N,).
        covariance: (N, N).
        known: (N,), or (U, N) where each sample has its own at the same steps; NaN where none is known.

    Returns:
        The mean, shaped as `known`, with exactly the known scores; and the covariance (N, N), 0 at known steps.
    """
    there = ~np.isnan(known if known.ndim == 1 else known[0])
    block = covariance[np.ix_(there, there)]
    block[np.diag_indices_from(block)] *= 1 + _JITTER
    gain = np.linalg.solve(block, covariance[there])  # (K, N)
    moved = mean + (known[..., there] - mean[there]) @ gain
    moved = np.where(np.isnan(known), moved, known)
    left = covariance - covariance[:, there] @ gain
    left = (left + left.T) / 2
    left[there] = 0
    left[:, there] = 0
    return moved, left


def squared_distances(places: NDArray[np.floating]) -> Array:
    """Return squared distances (N, N) of places (N, E), 1 on average over all pairs; 0 where all are equal."""
    x = np.asarray(places, dtype=np.float64)
    size = (x * x).sum(axis=1)
    distances: Array = (size[:, None] + size - 2 * x @ x.T).clip(0)
    average = distances.mean()
    return distances / average if average > 1e-9 else np.zeros_like(distances)
