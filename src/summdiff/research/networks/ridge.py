"""Ridge regression, step by step: what any network has to beat before it is worth its trouble.

It is fitted in closed form (`summdiff.research.training.ridge`), each video counting the same. It sees neither a step's
neighbours nor its place, unless its inputs say so, as relational descriptors do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from summdiff.errors import ModelError
from summdiff.research.networks.base import Scorer, ScorerConfig
from summdiff.research.networks.statistics import Moments, favours, powered


@dataclass(frozen=True, slots=True)
class RidgeConfig(ScorerConfig):
    """What ridge regression sees.

    Attributes:
        inputs: P, numbers a step.
        relations: how many of them, the last ones, are relational descriptors, which are shrunk less than features.
        power: of the features' size, their signs kept; 1 for as they are.
    """

    relations: int = 0
    power: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted."""
        ScorerConfig.__post_init__(self)
        if not (0 <= self.relations <= self.inputs and self.power > 0):
            raise ModelError(f"Ridge regression cannot have these numbers: {self}.")


class Ridge(Scorer):
    """Scores that are linear in what is seen of each step, cut to [0, 1]."""

    config: RidgeConfig
    weights: Tensor
    input_mean: Tensor
    level: Tensor

    def __init__(self, config: RidgeConfig) -> None:
        """Weights of 0, until `fit`."""
        super().__init__()
        self.config = config
        self.register_buffer("weights", torch.zeros(config.inputs))
        self.register_buffer("input_mean", torch.zeros(config.inputs))
        self.register_buffer("level", torch.tensor(0.5))

    def moments(self, videos: list[tuple[NDArray[np.floating], NDArray[np.floating]]]) -> Moments:
        """What `fit` needs of videos: of each its inputs (N, P) and curve (N,)."""
        found = Moments(self.config.inputs, pairs=True)
        for inputs, curve in videos:
            found.add(powered(inputs, power=self.config.power, relations=self.config.relations), curve)
        return found

    @torch.no_grad()
    def fit(self, moments: Moments, *, penalty: float, level: float) -> None:
        """Take the weights that a penalty for each video gives, and the mean of the curves."""
        weights = moments.ridge(penalty, favours(self.config.inputs, self.config.relations)) / moments.std
        self.weights.copy_(torch.from_numpy(weights))
        self.input_mean.copy_(torch.from_numpy(moments.mean))
        self.level.fill_(level)

    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N); see `Scorer.predict`."""
        c = self.config
        own, relations = torch.split(features, [c.inputs - c.relations, c.relations], dim=-1)
        if c.power != 1:
            own = own.sign() * own.abs() ** c.power
        centred = torch.cat([own, relations], dim=-1) - self.input_mean
        return (self.level + centred @ self.weights).clamp(0, 1) * mask

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The mean squared error (B,), which nothing but `fit` lowers: there are no weights to train."""
        return ((self.predict(features, mask) - targets).square() * mask).sum(dim=1) / mask.sum(dim=1)
