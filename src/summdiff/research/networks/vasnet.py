"""VASNet: one head of attention over the whole video, then a regressor (Fajtl et al., ACCV workshops 2018).

There are no positions: but for rounding, steps in another order get the same scores in that order.

The public code has two faults, which the variant
"published" keeps:

- values are combined by the columns of the weights (`Attention.transposed`);
- queries are multiplied by the constant 0.06, whatever the width; "corrected" scales by 1 / sqrt(width), which is 0.031
  at 1024.

Its layer norm is its own design, and kept in both. The two matrices that the public code declares and never uses are
left out. Targets are stretched to [0, 1] in each video by the recipe, not here.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks.attention import Attention, start_xavier
from summdiff.research.networks.base import ScorerConfig, Variant
from summdiff.research.networks.regressor import Regressor, embedding, refuse, score_head


@dataclass(frozen=True, slots=True)
class VASNetConfig(ScorerConfig):
    """Sizes and options of VASNet. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers a step.
        width: of attention and regressor; where inputs are not as many, a linear map (ours) comes first.
        dropout: in training, of attention weights, before the first layer norm, and in the regressor.
        variant: "published" combines values by the columns of the attention weights and scales products by 0.06, as the
            public code does; "corrected" has neither.
    """

    width: int = 1024
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        ScorerConfig.__post_init__(self)
        refuse(self, sizes=(self.width,), dropout=self.dropout, variant=self.variant)
        if self.width < 2:
            raise ModelError("VASNet needs a width of at least 2: its layer norm takes a deviation over it.")


class UnbiasedLayerNorm(nn.Module):
    """Layer norm by the unbiased deviation, to which (not to the variance) 1e-6 is added."""

    def __init__(self, width: int) -> None:
        """Scale 1 and shift 0."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """X (..., C) with mean 0 and deviation 1 over C, then scaled and shifted."""
        deviation, mean = torch.std_mean(x, dim=-1, correction=1, keepdim=True)
        return self.weight * (x - mean) / (deviation + 1e-6) + self.bias


class VASNet(Regressor):
    """The network."""

    config: VASNetConfig

    def __init__(self, config: VASNetConfig) -> None:
        """Build it with random weights: Xavier's, and biases of 0.1."""
        super().__init__()
        self.config = c = config
        published = c.variant == "published"
        self.embed = embedding(c.inputs, c.width)
        self.attention = Attention(c.width, scale=0.06 if published else None, dropout=c.dropout, transposed=published)
        self.dropout = nn.Dropout(c.dropout)
        self.norm = UnbiasedLayerNorm(c.width)
        self.head = score_head(c.width, norm=UnbiasedLayerNorm(c.width), dropout=c.dropout)
        start_xavier(self)

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N); see `Regressor.score`."""
        x = self.embed(features) * mask[..., None]
        x = self.norm(self.dropout(x + self.attention(x, mask)))
        scores: Tensor = self.head(x)[..., 0]
        return scores
