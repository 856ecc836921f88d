"""A perceptron on each step by itself: SimpleMLP of the Mr.HiSum repository.

It sees neither a step's neighbors nor its place, so it measures what features alone say of importance.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from summdiff.research.networks.base import Architecture, Regressor, ScorerConfig, check_at_least_one


@dataclass(frozen=True, slots=True)
class MLPConfig(ScorerConfig):
    """Sizes of the perceptron.

    Attributes:
        inputs: P, numbers of a step.
        width: of the hidden layer.
    """

    width: int = 1024

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        check_at_least_one(width=self.width)


class MLP(Regressor):
    """Scores by one hidden layer of rectified linear units and a sigmoid."""

    config: MLPConfig

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(
            nn.Linear(config.inputs, config.width), nn.ReLU(), nn.Linear(config.width, 1), nn.Sigmoid()
        )

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N); see `Regressor.score`."""
        scores: Tensor = self.layers(features)[..., 0]
        return scores


ARCHITECTURE = Architecture("mlp", MLP, MLPConfig)
