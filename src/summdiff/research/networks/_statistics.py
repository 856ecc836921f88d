"""First and second moments of training videos, and ridge regression in closed form from them: the only solver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.scoring.inputs import Condition

RELATION_WEIGHT = 3.0  # shrinks the few relational descriptors less than the many features


def relation_weights(condition: Condition) -> NDArray[np.float64]:
    """Return factors (P,) on standardized inputs before ridge regression, which shrink relations less than features."""
    relations = 0 if condition.relations is None else condition.relations.shape[1]
    weights = np.ones(condition.inputs.shape[1])
    weights[len(weights) - relations :] = RELATION_WEIGHT
    return weights


class Statistics:
    """Sums over videos of inputs (N, P) and curves (N,).

    Attributes:
        steps, videos: how many were added, each video counting by its weight.
    """

    def __init__(self, inputs: int, *, products: bool = True) -> None:
        """Start empty for P inputs. `products` of pairs of inputs, (P, P), are needed by ridge regression only."""
        self.steps = self.videos = 0.0
        self._pairs = products
        size = (inputs, inputs) if products else (inputs,)
        self._sum = np.zeros(inputs)
        self._products = np.zeros(size)
        self._within = np.zeros(size)  # centered in each video, each video counting the same
        self._with_curve = np.zeros(inputs)

    @classmethod
    def of(cls, videos: Iterable[tuple[Condition, NDArray[Any]]], *, products: bool = True) -> Statistics:
        """Add up conditions and curves (N,), in one pass.

        Raises:
            ValueError: no videos.
        """
        found: Statistics | None = None
        for condition, curve in videos:
            x = np.asarray(condition.inputs, dtype=np.float64)
            found = cls(x.shape[1], products=products) if found is None else found
            found.add(x, curve)
        if found is None:
            raise ValueError("Statistics need at least one video.")
        return found

    def add(self, x: NDArray[np.float64], curve: NDArray[np.floating], weight: float = 1.0) -> None:
        """Add one video's inputs (N, P) and curve (N,), counted `weight` times."""
        n, mean = len(x), x.mean(axis=0)
        centred = x - mean
        own = centred.T @ centred if self._pairs else (centred * centred).sum(axis=0)
        self.steps, self.videos = self.steps + weight * n, self.videos + weight
        self._sum += weight * x.sum(axis=0)
        self._products += weight * (own + n * (np.outer(mean, mean) if self._pairs else mean * mean))
        self._within += weight / n * own
        self._with_curve += weight / n * (centred.T @ (curve - curve.mean()))

    def __add__(self, other: Statistics) -> Statistics:
        """Return the statistics of both sets of videos."""
        both = Statistics(len(self._sum), products=self._pairs)
        both.steps, both.videos = self.steps + other.steps, self.videos + other.videos
        for name in ("_sum", "_products", "_within", "_with_curve"):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    @property
    def mean(self) -> NDArray[np.float64]:
        """(P,) over all steps."""
        return self._sum / self.steps

    @property
    def std(self) -> NDArray[np.float64]:
        """(P,) over all steps, at least 1e-4."""
        squares = np.diag(self._products) if self._pairs else self._products
        spread: NDArray[np.float64] = np.sqrt(np.maximum(squares / self.steps - self.mean**2, 0)).clip(1e-4)
        return spread

    def ridge(self, penalty: float, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return coefficients (P,) of standardized inputs that predict a curve's departure from its video's mean.

        Args:
            penalty: for each video.
            weights: (P,) factors on standardized inputs before they are shrunk.
        """
        unit = weights / self.std
        gram = unit[:, None] * self._within * unit + penalty * self.videos * np.eye(len(unit))
        coefficients: NDArray[np.float64] = weights * np.linalg.solve(gram, unit * self._with_curve)
        return coefficients
