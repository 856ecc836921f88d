"""A2Summ without its text branch (He et al., CVPR 2023).

The paper aligns a video with its transcript. What is left without one: the projection of the video, its class token,
positions and modality, the two transformer layers with the video's perceptron, and three heads as in DSNet without
anchors. Of its losses the classification, the boxes and the centreness remain; both contrastive losses compare video
with text and are left out. This is our reading of "the text component was removed", as the SummDiff paper says of its
row.

The two layers are one, applied twice, in the public code; `shared_layers` says whether they are here.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from summdiff.research.networks.attention import check_heads
from summdiff.research.networks.base import ScorerConfig
from summdiff.research.networks.heads import AnchorFree, HeadedDetector
from summdiff.research.networks.regressor import refuse
from summdiff.research.networks.transformer import TransformerLayer

PLACES = 5000  # rows of the table of positions; steps beyond share the last


@dataclass(frozen=True, slots=True)
class A2SummConfig(ScorerConfig):
    """Sizes and options of A2Summ without text. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers a step.
        width: of the transformer.
        layers: of the transformer.
        shared_layers: whether all layers have the same weights, as in the public code.
        heads: of its attention.
        feed_forward: width of the hidden layer of its perceptron.
        hidden: numbers a step from which the head decides.
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
        """Refuse what makes no network."""
        ScorerConfig.__post_init__(self)
        sizes = (self.width, self.layers, self.heads, self.feed_forward, self.hidden)
        for dropout in (self.dropout, self.input_dropout):
            refuse(self, sizes=sizes, dropout=dropout)
        check_heads(self.width, self.heads)


class A2Summ(HeadedDetector):
    """The network."""

    note: ClassVar[str] = "without its text branch"
    config: A2SummConfig

    def __init__(self, config: A2SummConfig) -> None:
        """Build it with random weights: normal, of deviation 0.02 and truncated; biases 0."""
        super().__init__()
        self.config = c = config
        self.embed = nn.Linear(c.inputs, c.width)
        self.embed_dropout = nn.Dropout(c.input_dropout)
        self.token = nn.Parameter(torch.empty(c.width))  # of the whole video
        self.modality = nn.Parameter(torch.empty(c.width))
        self.places = nn.Parameter(torch.empty(PLACES, c.width))
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
        """Encoded steps (B, N, C); see `HeadedDetector.encode`."""
        projected = self.embed_dropout(self.embed(features)) * mask[..., None]
        place = torch.arange(mask.shape[1], device=mask.device).clamp(max=PLACES - 1)
        steps = projected + self.places[place]
        # The video's token comes first, so that padding stays last
        x = torch.cat([self.token.expand(steps.shape[0], 1, -1), steps], dim=1) + self.modality
        real = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
        for number in range(self.config.layers):
            x = self.layers[number % len(self.layers)](x, real)
        encoded: Tensor = self.norm(x[:, 1:] + projected)
        return encoded
