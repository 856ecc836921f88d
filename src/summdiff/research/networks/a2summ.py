"""A2Summ without its text branch (He et al., CVPR 2023).

The paper aligns a video with its transcript. Without the transcript there remain the projection of the video, its class
token, positions and modality, the two transformer layers, and three heads as in DSNet without anchors; of the losses,
those of classification, boxes and centreness. Both contrastive losses compare video with text and are left out. This is
our reading of "the text component was removed", as the SummDiff paper says of its row.

In the public code both layers share their weights; `shared_layers` chooses.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from summdiff.research.networks._attention import check_heads
from summdiff.research.networks._heads import AnchorFree, HeadedDetector
from summdiff.research.networks._layers import TransformerLayer
from summdiff.research.networks.base import Architecture, ScorerConfig, check_at_least_one, check_shares

_POSITIONS = 5000  # rows of the position table; later steps share the last


@dataclass(frozen=True, slots=True)
class A2SummConfig(ScorerConfig):
    """Sizes and options of A2Summ without text. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers of a step.
        width: of the transformer.
        layers: of the transformer.
        shared_layers: whether all layers share their weights, as in the public code.
        heads: of its attention.
        feed_forward: width of the hidden layer of its perceptron.
        hidden: numbers of a step that the head gets.
        input_dropout: in training, of the projected inputs.
        dropout: in training, of attention weights, after attention, after each layer of the perceptron, and in the
            head.
    """

    width: int = 128
    layers: int = 2
    shared_layers: bool = True
    heads: int = 8
    feed_forward: int = 512
    hidden: int = 128
    input_dropout: float = 0.1
    dropout: float = 0.5

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        check_at_least_one(width=self.width, layers=self.layers, feed_forward=self.feed_forward, hidden=self.hidden)
        check_shares(dropout=self.dropout, input_dropout=self.input_dropout)
        check_heads(self.width, self.heads)


class A2Summ(HeadedDetector):
    """The network."""

    note: ClassVar[str] = "without its text branch"
    config: A2SummConfig

    def __init__(self, config: A2SummConfig) -> None:
        """Start with truncated normal weights of deviation 0.02 and biases of 0."""
        super().__init__()
        self.config = c = config
        self.embed = nn.Linear(c.inputs, c.width)
        self.embed_dropout = nn.Dropout(c.input_dropout)
        self.token = nn.Parameter(torch.empty(c.width))  # class token of the video
        self.modality = nn.Parameter(torch.empty(c.width))
        self.places = nn.Parameter(torch.empty(_POSITIONS, c.width))
        self.layers = nn.ModuleList(
            TransformerLayer(
                c.width,
                heads=c.heads,
                feed_forward=c.feed_forward,
                activation=nn.GELU(),
                dropout=c.dropout,
                attention_dropout=c.dropout,
                bias=True,
            )
            for _ in range(1 if c.shared_layers else c.layers)
        )
        self.norm = nn.LayerNorm(c.width)
        trunk = nn.Sequential(nn.Linear(c.width, c.hidden), nn.ReLU(), nn.Dropout(c.dropout), nn.LayerNorm(c.hidden))
        self.head = AnchorFree(trunk, hidden=c.hidden, per_step=True)
        for weights in (self.token, self.modality, self.places):
            nn.init.trunc_normal_(weights, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return encoded steps (B, N, C); see `HeadedDetector.encode`."""
        projected = self.embed_dropout(self.embed(features)) * mask[..., None]
        place = torch.arange(mask.shape[1], device=mask.device).clamp(max=_POSITIONS - 1)
        steps = projected + self.places[place]
        # The class token comes first, so that padding stays last
        x = torch.cat([self.token.expand(steps.shape[0], 1, -1), steps], dim=1) + self.modality
        real = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
        for number in range(self.config.layers):
            x = self.layers[number % len(self.layers)](x, real)
        encoded: Tensor = self.norm(x[:, 1:] + projected)
        return encoded


ARCHITECTURE = Architecture("a2summ", A2Summ, A2SummConfig)
