"""Maximum likelihood for the parameters of the Gaussian prior. Needs SciPy (`train` extra)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from summdiff.scoring.gaussian import GaussianPrior, squared_distances

Array = NDArray[np.float64]

_PULL = 1e-4  # towards the starting values: lengths that are far off fit as well as none


def fit_prior(
    videos: Sequence[tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]],
    *,
    start: GaussianPrior | None = None,
    steps: int = 40,
) -> tuple[GaussianPrior, float]:
    """Find the parameters under which annotators' departures are most likely, each video counting the same.

    Args:
        videos: of each places (N, E), seconds (N,) and departures (U, N), already divided by s.
        start: where the search begins; None for the usual values.
        steps: of L-BFGS, at most.

    Returns:
        The prior, and twice the negative log-likelihood of a curve by step, without its constant. The start itself
        where no likelihood is finite.
    """
    from scipy.optimize import minimize

    first = np.log(np.array(astuple(start or GaussianPrior())))
    known = []
    for places, seconds, residuals in videos:
        times, x = np.asarray(seconds, dtype=np.float64), np.asarray(residuals, dtype=np.float64)
        known.append((squared_distances(places), np.abs(times[:, None] - times), x.T @ x / len(x)))

    def objective(logs: Array) -> tuple[float, Array]:
        values, gradients = zip(*(_likelihood(np.exp(logs), *video) for video in known), strict=True)
        pulled = logs - first
        value = float(np.mean(values)) + _PULL * float(pulled @ pulled)
        if not math.isfinite(value):
            return math.inf, np.zeros(len(logs))  # a gradient that is not finite would lead to parameters that are not
        return value, np.mean(gradients, axis=0) + 2 * _PULL * pulled

    bounds = [(value - 10, value + 10) for value in first]  # exp of more overflows before the pull is felt
    found = minimize(objective, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    value = float(found.fun)
    if not (math.isfinite(value) and np.isfinite(found.x).all()):
        return GaussianPrior.from_logs(first), value
    return GaussianPrior.from_logs(found.x), value


def _likelihood(parameters: Array, distances: Array, lag: Array, empirical: Array) -> tuple[float, Array]:
    """Return one video's value by step, and its gradient (6,) in the parameters' logarithms."""
    from scipy.linalg import cho_factor, cho_solve

    alike, near, own, a, b, c = parameters
    n = len(empirical)
    of_alike = alike * np.exp(-distances / a)
    of_near = near * np.exp(-distances / b - lag / c)
    factor = cho_factor(of_alike + of_near + own * np.eye(n), lower=True)
    inverse = cho_solve(factor, np.eye(n))
    weighed = inverse @ empirical
    value = np.trace(weighed) + 2 * np.log(np.diagonal(factor[0])).sum()
    slope = inverse - weighed @ inverse  # d value / d covariance
    gradient = np.array(
        [
            (slope * of_alike).sum(),
            (slope * of_near).sum(),
            own * np.trace(slope),
            (slope * of_alike * distances).sum() / a,
            (slope * of_near * distances).sum() / b,
            (slope * of_near * lag).sum() / c,
        ]
    )
    return float(value) / n, gradient / n
