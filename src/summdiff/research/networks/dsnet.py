"""DSNet: detects key-shots on the time line, with anchors or without (Zhu et al., IEEE TIP 2020).

One layer of attention over the whole video encodes its steps; a head (`_heads`) finds segments.

Variant "corrected" is the original, in which no fault is known. Variant "published" is a public copy for Mr.HiSum, here
with either head: its attention has PGL-SUM's position table and combines values along columns (`Attention.transposed`).
Whether the copy scales products is unknown to us; here it does.

The original scores frames by its segments only. Here the head also scores steps, which usually ranks better.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from summdiff.research.networks._attention import Attention, check_heads, init_xavier, position_table
from summdiff.research.networks._heads import AnchorBased, AnchorFree, HeadedDetector, HeadKind
from summdiff.research.networks._layers import input_embedding
from summdiff.research.networks.base import (
    Architecture,
    ScorerConfig,
    Variant,
    check_at_least_one,
    check_choice,
    check_shares,
)


@dataclass(frozen=True, slots=True)
class DSNetConfig(ScorerConfig):
    """Sizes and options of DSNet. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers of a step.
        head: "anchor_based" moves and stretches segments of 4, 8, 16 and 32 steps around each step; "anchor_free"
            predicts each step's distances to the ends of its segment.
        width: of the attention; with another number of inputs, a linear map (ours) comes first.
        heads: of the attention.
        hidden: numbers of a step that the head gets.
        dropout: in training, of attention weights, after attention, and in the head.
        variant: "published" combines values along the columns of the attention weights and adds a position table, as
            a public copy for Mr.HiSum does; "corrected" does neither, as the original.
    """

    head: HeadKind = "anchor_free"
    width: int = 1024
    heads: int = 8
    hidden: int = 128
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        check_at_least_one(width=self.width, hidden=self.hidden)
        check_shares(dropout=self.dropout)
        check_choice("variant", self.variant, Variant)
        check_choice("head", self.head, HeadKind)
        check_heads(self.width, self.heads)


class DSNet(HeadedDetector):
    """The network."""

    config: DSNetConfig

    def __init__(self, config: DSNetConfig) -> None:
        """Start with Xavier's weights and biases of 0.1 with anchors, with PyTorch's defaults without."""
        super().__init__()
        self.config = c = config
        self.published = c.variant == "published"
        self.embed = input_embedding(c.inputs, c.width)
        self.attention = Attention(c.width, heads=c.heads, dropout=c.dropout, transposed=self.published)
        self.dropout = nn.Dropout(c.dropout)
        self.norm = nn.LayerNorm(c.width)
        with_anchors = c.head == "anchor_based"
        trunk = nn.Sequential(
            nn.Linear(c.width, c.hidden),
            nn.Tanh() if with_anchors else nn.ReLU(),
            nn.Dropout(c.dropout),
            nn.LayerNorm(c.hidden),
        )
        self.head = AnchorBased(trunk, hidden=c.hidden) if with_anchors else AnchorFree(trunk, hidden=c.hidden)
        if with_anchors:
            init_xavier(self)

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return encoded steps (B, N, C); see `HeadedDetector.encode`."""
        x = self.embed(features) * mask[..., None]
        steps = x.shape[1]
        places = position_table(steps, device=x.device, published=True) if self.published else None
        encoded: Tensor = self.norm(x + self.dropout(self.attention(x, mask, places)))
        return encoded


ARCHITECTURE = Architecture("dsnet", DSNet, DSNetConfig)
