"""Moments of training videos, and what follows from them in closed form: units, components, ridge regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RELATION_WEIGHT = 3.0  # how much less ridge regression shrinks relational descriptors than the many more features


def powered(inputs: NDArray[np.floating], *, power: float, relations: int) -> NDArray[np.float64]:
    """Inputs (N, P) with the features among them raised to a power, signs kept, as `SummDiff.standardise` has it."""
    x: NDArray[np.float64] = np.asarray(inputs, dtype=np.float64)
    if power != 1:
        x = x.copy()
        own = x[:, : x.shape[1] - relations]
        own[:] = np.sign(own) * np.abs(own) ** power
    return x


def favours(inputs: int, relations: int) -> NDArray[np.float64]:
    """What ridge regression multiplies standardised inputs (P,) by, so that it shrinks relational ones less."""
    return np.concatenate([np.ones(inputs - relations), np.full(relations, RELATION_WEIGHT)])


class Moments:
    """First and second moments of inputs (N, P) and curves (N,), video by video.

    Attributes:
        steps, videos: how many were added, each as often as it weighs.
    """

    def __init__(self, inputs: int, *, pairs: bool) -> None:
        """Start from none; `pairs` also keeps products of different inputs, for components and ridge regression."""
        self.steps = self.videos = 0.0
        self._pairs = pairs
        size = (inputs, inputs) if pairs else (inputs,)
        self._sum = np.zeros(inputs)
        self._products = np.zeros(size)
        self._within = np.zeros(size)  # centred in each video, each video counting the same
        self._with_curve = np.zeros(inputs)

    def add(self, x: NDArray[np.float64], curve: NDArray[np.floating], weight: float = 1.0) -> None:
        """One more video, which counts as much as it weighs."""
        n, mean = len(x), x.mean(axis=0)
        centred = x - mean
        own = centred.T @ centred if self._pairs else (centred * centred).sum(axis=0)
        self.steps, self.videos = self.steps + weight * n, self.videos + weight
        self._sum += weight * x.sum(axis=0)
        self._products += weight * (own + n * (np.outer(mean, mean) if self._pairs else mean * mean))
        self._within += weight / n * own
        self._with_curve += weight / n * (centred.T @ (curve - curve.mean()))

    def __add__(self, other: Moments) -> Moments:
        """Those of both sets of videos."""
        both = Moments(len(self._sum), pairs=self._pairs)
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
        """(P,) over all steps, not quite 0 anywhere."""
        squares = np.diag(self._products) if self._pairs else self._products
        spread: NDArray[np.float64] = np.sqrt(np.maximum(squares / self.steps - self.mean**2, 0)).clip(1e-4)
        return spread

    def correlations(self) -> NDArray[np.float64]:
        """(P, P) over all steps."""
        covariance = self._products / self.steps - np.outer(self.mean, self.mean)
        return covariance / np.outer(self.std, self.std)

    def ridge(self, penalty: float, favour: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights (P,) of standardised inputs that predict how curves depart from their video's level.

        Args:
            penalty: for each video.
            favour: (P,) what standardised inputs are multiplied by before they are shrunk.
        """
        unit = favour / self.std
        gram = unit[:, None] * self._within * unit + penalty * self.videos * np.eye(len(unit))
        weights: NDArray[np.float64] = favour * np.linalg.solve(gram, unit * self._with_curve)
        return weights


def half_whitened(correlations: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Directions (P, count) of the largest principal components, each shrunk by the fourth root of its variance.

    Full whitening makes small components, mostly noise, as large as great ones. All together have mean square 1.
    """
    variances, directions = np.linalg.eigh(correlations)
    variances, directions = variances[::-1][:count].clip(1e-9), directions[:, ::-1][:, :count]
    scaled: NDArray[np.float64] = directions / variances**0.25 / np.sqrt((variances**0.5).mean())
    return scaled
