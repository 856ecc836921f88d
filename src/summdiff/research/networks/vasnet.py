"""VASNet: one head of attention over the whole video, then a regressor (Fajtl et al., ACCV workshops 2018).

There are no positions: steps in another order get the same scores, in that order.

Variant "published" keeps two faults of the public code:

- values are combined along the columns of the attention weights (`Attention.transposed`);
- queries are multiplied by 0.06 whatever the width; "corrected" scales by 1 / sqrt(width), 0.031 at 1024.

Both variants keep its own kind of layer norm. Two matrices that the public code declares and never uses are left out.
The recipe, not this file, stretches targets to [0, 1] in each video.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks._attention import Attention, init_xavier
from summdiff.research.networks._layers import input_embedding, score_head
from summdiff.research.networks.base import (
    Architecture,
    Regressor,
    ScorerConfig,
    Variant,
    check_choice,
    check_shares,
)


@dataclass(frozen=True, slots=True)
class VASNetConfig(ScorerConfig):
    """Sizes and options of VASNet. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers of a step.
        width: of attention and regressor; with another number of inputs, a linear map (ours) comes first.
        dropout: in training, of attention weights, before the first layer norm, and in the regressor.
        variant: "published" combines values along the columns of the attention weights and scales products by 0.06, as
            the public code does; "corrected" does neither.
    """

    width: int = 1024
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        if self.width < 2:
            raise ModelError(f"`width` must be at least 2, for the layer norm's deviation, got {self.width}.")
        check_shares(dropout=self.dropout)
        check_choice("variant", self.variant, Variant)


class UnbiasedLayerNorm(nn.Module):
    """Layer norm by the unbiased deviation, to which 1e-6 is added (not to the variance)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return x (..., C) with mean 0 and deviation 1 over C, then scaled and shifted."""
        deviation, mean = torch.std_mean(x, dim=-1, correction=1, keepdim=True)
        return self.weight * (x - mean) / (deviation + 1e-6) + self.bias


class VASNet(Regressor):
    """The network."""

    config: VASNetConfig

    def __init__(self, config: VASNetConfig) -> None:
        """Start with Xavier's weights and biases of 0.1."""
        super().__init__()
        self.config = c = config
        published = c.variant == "published"
        self.embed = input_embedding(c.inputs, c.width)
        self.attention = Attention(c.width, scale=0.06 if published else None, dropout=c.dropout, transposed=published)
        self.dropout = nn.Dropout(c.dropout)
        self.norm = UnbiasedLayerNorm(c.width)
        self.head = score_head(c.width, norm=UnbiasedLayerNorm(c.width), dropout=c.dropout)
        init_xavier(self)

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N); see `Regressor.score`."""
        x = self.embed(features) * mask[..., None]
        x = self.norm(self.dropout(x + self.attention(x, mask)))
        scores: Tensor = self.head(x)[..., 0]
        return scores


ARCHITECTURE = Architecture("vasnet", VASNet, VASNetConfig)
