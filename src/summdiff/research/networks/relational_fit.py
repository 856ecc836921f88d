"""Fit the mean curve mu and the Gaussian prior of the relational network, before its network D is trained.

Each video's mean curve is predicted by ridge regression on the other videos (in ten groups), as it will be for new
videos; the prior is fitted to the residuals of annotators' curves around it by maximum likelihood. Needs SciPy
(`train` extra).

Shapes: N steps, P descriptors, E place coordinates, U annotators.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.research.networks._statistics import Statistics
from summdiff.research.networks.relational import Relational
from summdiff.scoring.gaussian import GaussianPrior, squared_distances
from summdiff.scoring.inputs import Condition

Array = NDArray[np.float64]

_GROUPS = 10
_SCALE_PENALTY = 3.0  # of the ridge regression that predicts disagreement, for each video
_MOST_VIDEOS = 100  # that the prior is fitted to
_FLAT = 1e-6
_PULL = 1e-4  # towards the starting values: very long lengths fit as well as none


@dataclass(frozen=True, slots=True)
class AnnotatedView:
    """A training video, or a changed copy of one.

    Attributes:
        video: its number; copies of a video share it.
        condition: with relations and places.
        curves: (U, N) of the annotators, in [0, 1].
        seconds: (N,) of the steps.
    """

    video: int
    condition: Condition
    curves: NDArray[np.floating]
    seconds: NDArray[np.floating]

    @property
    def descriptors(self) -> Array:
        """(N, P) relational descriptors."""
        return np.asarray(self.condition.inputs, dtype=np.float64)

    @property
    def places(self) -> NDArray[np.floating]:
        """(N, E) places."""
        assert self.condition.places is not None  # noqa: S101 (conditioning: gaussian_prior)
        return self.condition.places


@dataclass(frozen=True, slots=True)
class WeightedCurve:
    """A video of another data set, which mu learns from too.

    Attributes:
        condition: with relations.
        curve: (N,) mean curve.
        weight: of the video, 1 for a training video's.
    """

    condition: Condition
    curve: NDArray[np.floating]
    weight: float


@torch.no_grad()
def fit_relational(
    network: Relational,
    views: Sequence[AnnotatedView],
    elsewhere: Iterable[WeightedCurve] = (),
    *,
    penalty: float = 0.3,
) -> list[NDArray[np.float32]]:
    """Set a network's units, mu, disagreement and prior.

    Args:
        network: changed in place.
        views: of at least two training videos.
        elsewhere: videos of other data sets, for mu.
        penalty: of ridge regression, for each video.

    Returns:
        Of each view, the mean curve (N,) in units of scores predicted without its video.
    """
    ridge = _Ridges(views, list(elsewhere), penalty)
    network.input_mean.copy_(torch.from_numpy(ridge.everything.mean))
    network.input_std.copy_(torch.from_numpy(ridge.everything.std))
    network.linear_weights.copy_(torch.from_numpy(ridge.weights()))
    _set_deviation(network, views, ridge)
    means = _mean_curves(network, views, ridge)

    typical = float(np.mean([view.curves.var(axis=0).mean() for view in views]))
    disagreement = Statistics(ridge.size)
    for view in views:
        disagreement.add(view.descriptors, view.curves.var(axis=0) / max(typical, _FLAT) - 1)
    weights = disagreement.ridge(_SCALE_PENALTY, np.ones(ridge.size)) / disagreement.std * network.input_std.numpy()
    network.scale_weights.copy_(torch.from_numpy(weights))

    first = {view.video: number for number, view in reversed(list(enumerate(views)))}
    chosen = np.unique(np.linspace(0, len(first) - 1, min(len(first), _MOST_VIDEOS)).round().astype(int))
    known = []
    for number in [sorted(first.values())[i] for i in chosen]:
        view = views[number]
        scale = network.log_scale(torch.from_numpy(view.descriptors.astype(np.float32))).exp().numpy()
        known.append((view.places, view.seconds, (view.curves - means[number]) / scale))
    prior, _ = fit_prior(known, start=network.prior)
    network.prior_logs.copy_(torch.from_numpy(np.log(np.array(astuple(prior)))))
    _set_deviation(network, views, ridge)  # the prior decides how steps agree on mu
    return _mean_curves(network, views, ridge)


@torch.no_grad()
def cross_fitted_means(
    network: Relational,
    views: Sequence[AnnotatedView],
    elsewhere: Iterable[WeightedCurve] = (),
    *,
    penalty: float = 0.3,
) -> list[NDArray[np.float32]]:
    """Return what `fit_relational` returned, for a network that it has set."""
    return _mean_curves(network, views, _Ridges(views, list(elsewhere), penalty))


class _Ridges:
    """Ridge regression on all videos, and on those outside each group."""

    def __init__(self, views: Sequence[AnnotatedView], elsewhere: Sequence[WeightedCurve], penalty: float) -> None:
        self.size = views[0].descriptors.shape[1]
        self._penalty, self._weights = penalty, np.ones(self.size)
        groups = [Statistics(self.size) for _ in range(_GROUPS)]
        for view in views:
            groups[view.video % _GROUPS].add(view.descriptors, _standardised(view.curves.mean(axis=0)))
        others = Statistics(self.size)
        for other in elsewhere:
            x = np.asarray(other.condition.inputs, dtype=np.float64)
            others.add(x, _standardised(other.curve), other.weight)
        self.everything = reduce(add, groups) + others
        full = [group for group in groups if group.videos]
        self._without = [
            reduce(add, rest) + others if (rest := [other for other in full if other is not group]) else self.everything
            for group in groups
        ]

    def weights(self, group: int | None = None) -> Array:
        """Return weights (P,) for inputs in the units of all videos, fitted to all videos or without a group."""
        statistics = self.everything if group is None else self._without[group % _GROUPS]
        found: Array = statistics.ridge(self._penalty, self._weights) / statistics.std * self.everything.std
        return found


def _mean_curves(network: Relational, views: Sequence[AnnotatedView], ridge: _Ridges) -> list[NDArray[np.float32]]:
    """Return mean curves (N,) by ridge regression without each view's group, smoothed so that similar steps agree."""
    weights = [torch.from_numpy(ridge.weights(group)).float() for group in range(_GROUPS)]
    facts = network.facts()
    assert facts.mean is not None  # noqa: S101 (a relational network has one)
    found = []
    for view in views:
        x = network.standardise(torch.from_numpy(view.descriptors.astype(np.float32)))
        curve = (x @ weights[view.video % _GROUPS]).numpy()
        agreed = network.prior.smooth(curve, view.places, view.seconds, noise=facts.guess_noise)
        found.append(facts.mean.finalize(agreed[None].astype(np.float32)))
    return found


def _set_deviation(network: Relational, views: Sequence[AnnotatedView], ridge: _Ridges) -> None:
    """Set mu's deviation over time to that of annotators' mean curves along it; prediction errors make it smaller."""
    network.curve_std.fill_(1.0)
    slopes = []
    for view, unit in zip(views, _mean_curves(network, views, ridge), strict=True):
        wanted = view.curves.mean(axis=0)
        slopes.append(float(((unit - 0.5) * (wanted - wanted.mean())).mean()))
    network.curve_std.fill_(max(float(np.mean(slopes)), 0.01))


def _standardised(curve: NDArray[np.floating]) -> Array:
    centred = np.asarray(curve, dtype=np.float64) - float(curve.mean())
    deviation = float(centred.std())
    return centred / deviation if deviation > _FLAT else np.zeros_like(centred)


def fit_prior(
    videos: Sequence[tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]],
    *,
    start: GaussianPrior | None = None,
    steps: int = 40,
) -> tuple[GaussianPrior, float]:
    """Find the prior under which annotators' residuals are most likely, each video counting the same.

    Args:
        videos: places (N, E), seconds (N,) and residuals (U, N), divided by s, of each.
        start: where the search begins; None for the defaults.
        steps: of L-BFGS, at most.

    Returns:
        The prior, and twice the negative log-likelihood of a curve per step, without its constant. The start itself if
        no likelihood is finite.
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
            return math.inf, np.zeros(len(logs))  # an infinite gradient would lead to infinite parameters
        return value, np.mean(gradients, axis=0) + 2 * _PULL * pulled

    bounds = [(value - 10, value + 10) for value in first]  # exp overflows beyond, before the pull is felt
    found = minimize(objective, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    value = float(found.fun)
    if not (math.isfinite(value) and np.isfinite(found.x).all()):
        return GaussianPrior.from_logs(first), value
    return GaussianPrior.from_logs(found.x), value


def _likelihood(parameters: Array, distances: Array, lag: Array, empirical: Array) -> tuple[float, Array]:
    """Return one video's value per step, and its gradient (6,) in the parameters' logarithms."""
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
