"""Small parts that several networks share: transformer layer, input embedding, score head, sinusoids, score maps."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from summdiff.research.networks._attention import Attention
from summdiff.scoring.space import LOGIT_EDGE, ScoreSpace


class TransformerLayer(nn.Module):
    """Pre-norm transformer layer of the SL-module, A2Summ and iPTNet.

    Args:
        width: C.
        heads: of the attention.
        feed_forward: width of the MLP's hidden layer.
        activation: of the MLP.
        dropout: after attention and after each layer of the MLP, in training.
        attention_dropout: of the attention weights, in training.
        scale: of the attention; None for 1 / sqrt(C / heads).
        bias: whether queries, keys and values have one.
        eps: of the layer norms.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        feed_forward: int,
        activation: nn.Module,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        scale: float | None = None,
        bias: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.attention = Attention(width, heads=heads, scale=scale, bias=bias, out_bias=True, dropout=attention_dropout)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width, eps=eps),
            nn.Linear(width, feed_forward),
            activation,
            nn.Dropout(dropout),
            nn.Linear(feed_forward, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return steps x (B, N, C) in the context of the video; mask (B, N) as for `Attention`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        y: Tensor = x + self.mlp(x)
        return y


def input_embedding(inputs: int, width: int) -> nn.Module:
    """Return a linear map from P inputs to C numbers, added here; the identity where P = C, as in the papers."""
    return nn.Identity() if inputs == width else nn.Linear(inputs, width)


def score_head(width: int, *, norm: nn.Module, dropout: float) -> nn.Sequential:
    """Return the map from (B, N, C) to scores (B, N, 1) in [0, 1] that VASNet and PGL-SUM share."""
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), norm, nn.Linear(width, 1), nn.Sigmoid()
    )


def sinusoid(values: Tensor, width: int) -> Tensor:
    """Return cosines, then sines, (..., width) of values (...) from 0 to about 1000 at geometrically spaced rates."""
    rates = torch.exp(torch.arange(width // 2, device=values.device) * (-math.log(10_000) / (width // 2)))
    angles = values[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def quantise(scores: Tensor, n_bins: int) -> Tensor:
    """Return the level of each score in [0, 1]: min(floor(K s), K - 1), paper §4.3."""
    return (scores * n_bins).long().clamp(max=n_bins - 1)


def to_signal(space: ScoreSpace, scores: Tensor) -> Tensor:
    """Return `ScoreSpace.to_signal` of a tensor."""
    if space.name == "logit":
        return space.scale * torch.logit(scores, eps=LOGIT_EDGE) / 2
    return space.scale * (2 * scores - 1)


def to_scores(space: ScoreSpace, signal: Tensor) -> Tensor:
    """Return `ScoreSpace.to_scores` of a tensor."""
    if space.name == "logit":
        return torch.sigmoid(2 * signal / space.scale)
    return ((signal / space.scale).clamp(-1, 1) + 1) / 2


class NeighbourConvolution(nn.Module):
    """Depthwise convolution over time and a linear map: finds neighboring steps sooner than attention learns to.

    Args:
        width: C.
        kernel: steps that it spans, odd.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return the mix of neighboring tokens of x (B, S, N, C); mask (B, N) true at steps."""
        if mask is not None:  # padding must look like the zeros beyond the ends
            x = x * mask[:, None, :, None]
        mixed = self.over_time(x.flatten(0, 1).transpose(1, 2)).transpose(1, 2)
        y: Tensor = self.out(mixed).view(x.shape)
        return y
