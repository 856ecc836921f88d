"""A perceptron for each step by itself: SimpleMLP of the Mr.HiSum repository.

It sees neither a step's neighbours nor its place, so that what it reaches is what features alone say of importance. It
starts with the framework's random weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from summdiff.research.networks.base import ScorerConfig
from summdiff.research.networks.regressor import Regressor, refuse


@dataclass(frozen=True, slots=True)
class MLPConfig(ScorerConfig):
    """Sizes of the perceptron.

    Attributes:
        inputs: P, numbers a step.
        width: of the hidden layer.
    """

    width: int = 1024

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        ScorerConfig.__post_init__(self)
        refuse(self, sizes=(self.width,), dropout=0)


class MLP(Regressor):
    """Scores by one hidden layer of rectified linear units and a sigmoid."""

    config: MLPConfig

    def __init__(self, config: MLPConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(
            nn.Linear(config.inputs, config.width), nn.ReLU(), nn.Linear(config.width, 1), nn.Sigmoid()
        )

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N); see `Regressor.score`."""
        scores: Tensor = self.layers(features)[..., 0]
        return scores
