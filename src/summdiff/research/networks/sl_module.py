"""SL-module: a transformer without positions over the set of a video's steps, then a perceptron (Xu et al., ICCV 2021).

This is the version of the Mr.HiSum benchmark, which learns the curve by its squared error over a whole video; the paper
ranks sets of at most 20 clips, with larger layers. Variant "published" keeps two faults of the benchmark's code:

- attention treats padding as steps, so scores depend on the longest video of the batch;
- products of queries and keys are scaled by the root of the whole width, not of a head's width.

There are no positions: steps in another order get the same scores, in that order.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks._attention import check_heads
from summdiff.research.networks._layers import TransformerLayer, input_embedding
from summdiff.research.networks.base import (
    Architecture,
    Regressor,
    ScorerConfig,
    Variant,
    check_at_least_one,
    check_choice,
    check_shares,
)


@dataclass(frozen=True, slots=True)
class SLModuleConfig(ScorerConfig):
    """Sizes and options of the SL-module. The defaults are those of the Mr.HiSum benchmark.

    Attributes:
        inputs: P, numbers of a step.
        width: of the transformer; with another number of inputs, a linear map (ours) comes first.
        layers: of the transformer.
        heads: of its attention.
        feed_forward: width of the hidden layer of each of its perceptrons.
        hidden: width of the scorer's first hidden layer; the second has a quarter of it.
        dropout: in training, after attention, after each layer of a perceptron, and in the scorer.
        variant: "published": attention treats padding as steps and scales products by the root of the whole width, as
            in the benchmark's code; "corrected": padding is masked, products are scaled by the root of a head's width.
    """

    width: int = 1024
    layers: int = 5
    heads: int = 8
    feed_forward: int = 3072
    hidden: int = 256
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        check_at_least_one(width=self.width, layers=self.layers, feed_forward=self.feed_forward)
        if self.hidden < 4:
            raise ModelError(f"`hidden` must be at least 4, got {self.hidden}.")
        check_shares(dropout=self.dropout)
        check_choice("variant", self.variant, Variant)
        check_heads(self.width, self.heads)


class SLModule(Regressor):
    """The network."""

    config: SLModuleConfig

    def __init__(self, config: SLModuleConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = input_embedding(c.inputs, c.width)
        self.published = c.variant == "published"
        self.layers = nn.ModuleList(
            TransformerLayer(
                c.width,
                heads=c.heads,
                feed_forward=c.feed_forward,
                activation=nn.GELU(),
                dropout=c.dropout,
                scale=c.width**-0.5 if self.published else None,
            )
            for _ in range(c.layers)
        )
        self.head = nn.Sequential(
            nn.Linear(c.width, c.hidden),
            nn.ReLU(),
            nn.Dropout(c.dropout),
            nn.Linear(c.hidden, c.hidden // 4),
            nn.ReLU(),
            nn.Dropout(c.dropout),
            nn.Linear(c.hidden // 4, 1),
            nn.Sigmoid(),
        )

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N); see `Regressor.score`."""
        x = self.embed(features) * mask[..., None]
        for layer in self.layers:
            x = layer(x, None if self.published else mask)
        scores: Tensor = self.head(x)[..., 0]
        return scores


ARCHITECTURE = Architecture("sl_module", SLModule, SLModuleConfig)
