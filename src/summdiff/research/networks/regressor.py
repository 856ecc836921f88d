"""What the baselines share that learn a video's importance curve by its squared error at each step.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import get_args

from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks.base import Scorer, ScorerConfig, Variant


class Regressor(Scorer):
    """A scorer that is trained by the squared error of its scores."""

    @abstractmethod
    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N) in [0, 1] of features (B, N, P); in the padding finite, but of no meaning."""

    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N); see `Scorer.predict`."""
        return self.score(features, mask) * mask

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The mean squared error (B,) over the steps of each video; see `Scorer.loss`."""
        errors = (self.predict(features, mask) - targets).square() * mask
        return errors.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def embedding(inputs: int, width: int) -> nn.Module:
    """A linear map, ours, of P inputs to C numbers a step; none where P = C, as in the papers."""
    return nn.Identity() if inputs == width else nn.Linear(inputs, width)


def score_head(width: int, *, norm: nn.Module, dropout: float) -> nn.Sequential:
    """From (B, N, C) to scores (B, N, 1) in [0, 1], as in VASNet and PGL-SUM."""
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), norm, nn.Linear(width, 1), nn.Sigmoid()
    )


def refuse(config: ScorerConfig, *, sizes: tuple[int, ...], dropout: float, variant: Variant | None = None) -> None:
    """Say what in a config makes no network.

    Raises:
        ModelError: a size below 1, a dropout out of [0, 1), or an unknown variant.
    """
    if min(sizes) < 1 or not 0 <= dropout < 1:
        raise ModelError(f"A network cannot have these numbers: {config}.")
    if variant is not None and variant not in get_args(Variant):
        raise ModelError(f"A network has no variant '{variant}': use {' or '.join(get_args(Variant))}.")
