"""Ridge regression on each step by itself, fitted in closed form, each video counting the same: the baseline to beat.

It sees neither neighbors nor the step's place, unless its inputs hold them, as relational descriptors do.
`summdiff.research.training.closed_form` chooses the penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from summdiff.research.networks._statistics import Statistics
from summdiff.research.networks.base import Architecture, Regressor, ScorerConfig


@dataclass(frozen=True, slots=True)
class RidgeConfig(ScorerConfig):
    """Ridge regression has no options.

    Attributes:
        inputs: P, numbers of a step.
    """


class Ridge(Regressor):
    """Scores that are linear in a step's inputs, cut to [0, 1]."""

    config: RidgeConfig
    weights: Tensor
    input_mean: Tensor
    level: Tensor

    def __init__(self, config: RidgeConfig) -> None:
        """Start with weights of 0; `fit` sets them."""
        super().__init__()
        self.config = config
        self.register_buffer("weights", torch.zeros(config.inputs))
        self.register_buffer("input_mean", torch.zeros(config.inputs))
        self.register_buffer("level", torch.tensor(0.5))

    @torch.no_grad()
    def fit(
        self, statistics: Statistics, *, penalty: float, relation_weights: NDArray[np.float64], level: float
    ) -> None:
        """Set the weights in closed form.

        Args:
            statistics: of the training videos.
            penalty: for each video.
            relation_weights: (P,) of `summdiff.research.networks._statistics.relation_weights`.
            level: mean of the training curves.
        """
        weights = statistics.ridge(penalty, relation_weights) / statistics.std
        self.weights.copy_(torch.from_numpy(weights))
        self.input_mean.copy_(torch.from_numpy(statistics.mean))
        self.level.fill_(level)

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N); see `Regressor.score`."""
        return (self.level + (features - self.input_mean) @ self.weights).clamp(0, 1)


ARCHITECTURE = Architecture("ridge", Ridge, RidgeConfig)
