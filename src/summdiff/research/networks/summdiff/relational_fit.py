"""What a relational network takes over from its training videos before it is trained: mu, and the Gaussian prior.

Each video's mean curve is predicted by ridge regression on the other videos (in ten groups), as it will be for videos
that nobody annotated; the prior is fitted to the departures of annotators' curves from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.features.relational import PLACES
from summdiff.research.networks.statistics import Moments
from summdiff.research.networks.summdiff.prior_fit import fit_prior
from summdiff.research.networks.summdiff.relational import Relational

_GROUPS = 10
_SCALE_PENALTY = 3.0  # of the ridge regression that foresees disagreement, for each video
_MOST_FITTED = 100  # videos that the covariance is fitted to
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Annotated:
    """One view of a training video.

    Attributes:
        video: its number; views of the same video share it.
        inputs: (N, P + E).
        curves: (U, N) people's, in [0, 1].
        seconds: (N,) of the steps.
    """

    video: int
    inputs: NDArray[np.floating]
    curves: NDArray[np.floating]
    seconds: NDArray[np.floating]

    @property
    def described(self) -> NDArray[np.float64]:
        """(N, P) relational descriptors."""
        return np.asarray(self.inputs[:, :-PLACES], dtype=np.float64)


Curve = tuple[NDArray[np.floating], NDArray[np.floating], float]


@torch.no_grad()
def fit_relational(
    network: Relational, views: Sequence[Annotated], elsewhere: Iterable[Curve] = (), *, penalty: float = 0.3
) -> list[NDArray[np.float32]]:
    """Set a network's units, mu, disagreement and covariance.

    Args:
        network: what they are set in.
        views: of the training videos, at least two videos.
        elsewhere: of videos of other data sets inputs (N, P + E), a mean curve (N,) and how much it weighs: mu is
            learned from them too.
        penalty: of ridge regression, for each video.

    Returns:
        The foreseen mean curve (N,) of each view, in units of scores.
    """
    ridge = _Ridges(views, list(elsewhere), penalty)
    network.input_mean.copy_(torch.from_numpy(ridge.everything.mean))
    network.input_std.copy_(torch.from_numpy(ridge.everything.std))
    network.linear_weights.copy_(torch.from_numpy(ridge.weights()))
    _set_width(network, views, ridge)
    means = _foreseen(network, views, ridge)

    usual = float(np.mean([view.curves.var(axis=0).mean() for view in views]))
    disagreement = Moments(ridge.size, pairs=True)
    for view in views:
        disagreement.add(view.described, view.curves.var(axis=0) / max(usual, _FLAT) - 1)
    weights = disagreement.ridge(_SCALE_PENALTY, np.ones(ridge.size)) / disagreement.std * network.input_std.numpy()
    network.scale_weights.copy_(torch.from_numpy(weights))

    first = {view.video: number for number, view in reversed(list(enumerate(views)))}
    chosen = np.unique(np.linspace(0, len(first) - 1, min(len(first), _MOST_FITTED)).round().astype(int))
    known = []
    for number in [sorted(first.values())[i] for i in chosen]:
        view = views[number]
        scale = network.log_scale(torch.from_numpy(view.described.astype(np.float32))).exp().numpy()
        known.append((view.inputs[:, -PLACES:], view.seconds, (view.curves - means[number]) / scale))
    prior, _ = fit_prior(known, start=network.prior)
    network.prior_logs.copy_(torch.from_numpy(np.log(np.array(astuple(prior)))))
    _set_width(network, views, ridge)  # the prior decides how steps agree on mu
    return _foreseen(network, views, ridge)


@torch.no_grad()
def foresee(
    network: Relational, views: Sequence[Annotated], elsewhere: Iterable[Curve] = (), *, penalty: float = 0.3
) -> list[NDArray[np.float32]]:
    """What `fit_relational` returned, of a network that it has set."""
    return _foreseen(network, views, _Ridges(views, list(elsewhere), penalty))


class _Ridges:
    """Ridge regression on all videos, and on those outside each group."""

    def __init__(self, views: Sequence[Annotated], elsewhere: Sequence[Curve], penalty: float) -> None:
        self.size = views[0].described.shape[1]
        self._penalty, self._favour = penalty, np.ones(self.size)
        groups = [Moments(self.size, pairs=True) for _ in range(_GROUPS)]
        for view in views:
            groups[view.video % _GROUPS].add(view.described, _standardised(view.curves.mean(axis=0)))
        others = Moments(self.size, pairs=True)
        for inputs, curve, weight in elsewhere:
            others.add(np.asarray(inputs[:, :-PLACES], dtype=np.float64), _standardised(curve), weight)
        self.everything = reduce(add, groups) + others
        full = [group for group in groups if group.videos]
        self._without = [
            reduce(add, rest) + others if (rest := [other for other in full if other is not group]) else self.everything
            for group in groups
        ]

    def weights(self, group: int | None = None) -> NDArray[np.float64]:
        """Weights (P,) of inputs in the units of all videos; without those of a group."""
        moments = self.everything if group is None else self._without[group % _GROUPS]
        found: NDArray[np.float64] = moments.ridge(self._penalty, self._favour) / moments.std * self.everything.std
        return found


def _foreseen(network: Relational, views: Sequence[Annotated], ridge: _Ridges) -> list[NDArray[np.float32]]:
    """Mean curves (N,) by ridge regression without each view's group, in which similar steps agree."""
    weights = [torch.from_numpy(ridge.weights(group)).float() for group in range(_GROUPS)]
    facts = network.facts()
    assert facts.mean is not None  # noqa: S101 (a relational network has one)
    found = []
    for view in views:
        x = network.standardise(torch.from_numpy(view.described.astype(np.float32)))
        curve = (x @ weights[view.video % _GROUPS]).numpy()
        agreed = network.prior.smooth(curve, view.inputs[:, -PLACES:], view.seconds, noise=facts.guess_noise)
        found.append(facts.mean.finalize(agreed[None].astype(np.float32)))
    return found


def _set_width(network: Relational, views: Sequence[Annotated], ridge: _Ridges) -> None:
    """Let mu be as wide as people's mean curves are along it: what cannot be foreseen makes it narrower than they."""
    network.curve_std.fill_(1.0)
    slopes = []
    for view, unit in zip(views, _foreseen(network, views, ridge), strict=True):
        wanted = view.curves.mean(axis=0)
        slopes.append(float(((unit - 0.5) * (wanted - wanted.mean())).mean()))
    network.curve_std.fill_(max(float(np.mean(slopes)), 0.01))


def _standardised(curve: NDArray[np.floating]) -> NDArray[np.float64]:
    centred = np.asarray(curve, dtype=np.float64) - float(curve.mean())
    deviation = float(centred.std())
    return centred / deviation if deviation > _FLAT else np.zeros_like(centred)
