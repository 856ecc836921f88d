"""SL-module: a transformer without positions over the set of a video's steps, then a perceptron (Xu et al., ICCV 2021).

It is the version of the Mr.HiSum benchmark, which learns the curve by its squared error over a whole video; the paper
ranks sets of at most 20 clips, with larger layers. The benchmark's code has two faults, which the variant "published"
keeps:

- attention takes padding for steps, so that scores depend on the longest video of the batch;
- products of queries and keys are scaled by the whole width's root, not a head's.

As there are no positions, steps in another order get the same scores in that order. It starts with the framework's
random weights.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from summdiff.research.networks.attention import check_heads
from summdiff.research.networks.base import ScorerConfig, Variant
from summdiff.research.networks.regressor import Regressor, embedding, refuse
from summdiff.research.networks.transformer import TransformerLayer


@dataclass(frozen=True, slots=True)
class SLModuleConfig(ScorerConfig):
    """Sizes and options of the SL-module. The defaults are those of the Mr.HiSum benchmark.

    Attributes:
        inputs: P, numbers a step.
        width: of the transformer; where inputs are not as many, a linear map (ours) comes first.
        layers: of the transformer.
        heads: of its attention.
        feed_forward: width of the hidden layer of each of its perceptrons.
        hidden: width of the scorer's first hidden layer; the second has a quarter of it.
        dropout: in training, after attention, after each layer of a perceptron, and in the scorer.
        variant: "published" lets attention take padding for steps and scales products by the root of the whole width,
            as the benchmark's code does; "corrected" masks the padding and scales by the root of a head's width.
    """

    width: int = 1024
    layers: int = 5
    heads: int = 8
    feed_forward: int = 3072
    hidden: int = 256
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        ScorerConfig.__post_init__(self)
        sizes = (self.width, self.layers, self.heads, self.feed_forward, self.hidden // 4)
        refuse(self, sizes=sizes, dropout=self.dropout, variant=self.variant)
        check_heads(self.width, self.heads)


class SLModule(Regressor):
    """The network."""

    config: SLModuleConfig

    def __init__(self, config: SLModuleConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = c = config
        self.embed = embedding(c.inputs, c.width)
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
        """Scores (B, N); see `Regressor.score`."""
        x = self.embed(features) * mask[..., None]
        for layer in self.layers:
            x = layer(x, None if self.published else mask)
        scores: Tensor = self.head(x)[..., 0]
        return scores
