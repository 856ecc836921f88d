"""DSNet: detects key-shots on the time line, with anchors or without (Zhu et al., IEEE TIP 2020).

One layer of attention over the whole video encodes its steps; a head of `heads` finds segments.

"corrected" is the original, in which no fault is known. A public copy for Mr.HiSum, whose head has no anchors, replaces
the attention by one after PGL-SUM: with a table of positions, and with values combined by the columns of the weights
(`Attention.transposed`). "published" is this copy, with either head; whether it scales its products is not known to us,
so it does.

The original takes a score for each frame from its segments only. Here there is also one by step, from which the ranking
is usually better: see the heads.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from summdiff.research.networks.attention import Attention, check_heads, position_table, start_xavier
from summdiff.research.networks.base import ScorerConfig, Variant
from summdiff.research.networks.heads import AnchorBased, AnchorFree, Head, HeadedDetector, refuse_head
from summdiff.research.networks.regressor import embedding, refuse


@dataclass(frozen=True, slots=True)
class DSNetConfig(ScorerConfig):
    """Sizes and options of DSNet. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers a step.
        head: "anchor_based" moves and stretches segments of 4, 8, 16 and 32 steps around each step; "anchor_free" lets
            each step say how far it is to the ends of its segment.
        width: of the attention; where inputs are not as many, a linear map (ours) comes first.
        heads: of the attention.
        hidden: numbers a step from which the head decides.
        dropout: in training, of attention weights, after attention, and in the head.
        variant: "published" combines values by the columns of the attention weights and adds a table of positions, as
            a public copy for Mr.HiSum does; "corrected" is the original, which does neither.
    """

    head: Head = "anchor_free"
    width: int = 1024
    heads: int = 8
    hidden: int = 128
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        ScorerConfig.__post_init__(self)
        sizes = (self.width, self.heads, self.hidden)
        refuse(self, sizes=sizes, dropout=self.dropout, variant=self.variant)
        refuse_head(self.head)
        check_heads(self.width, self.heads)


class DSNet(HeadedDetector):
    """The network."""

    config: DSNetConfig

    def __init__(self, config: DSNetConfig) -> None:
        """Build it with random weights: with anchors Xavier's and biases of 0.1, without them the framework's."""
        super().__init__()
        self.config = c = config
        self.published = c.variant == "published"
        self.embed = embedding(c.inputs, c.width)
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
            start_xavier(self)

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encoded steps (B, N, C); see `HeadedDetector.encode`."""
        x = self.embed(features) * mask[..., None]
        steps = x.shape[1]
        places = position_table(steps, device=x.device, published=True) if self.published else None
        encoded: Tensor = self.norm(x + self.dropout(self.attention(x, mask, places)))
        return encoded
