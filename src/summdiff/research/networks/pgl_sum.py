"""PGL-SUM: attention over the whole video and within its quarters, with positions (Apostolidis et al., ISM 2021).

Variant "published" is the copy of the Mr.HiSum benchmark, with its faults:

- values are combined along the columns of the attention weights (`Attention.transposed`), unlike in the original;
- products of queries and keys are not scaled; "corrected" scales by 1 / sqrt(d), d being a head's width;
- the table of positions has no last column where the number of steps is odd;
- segments are cut on the length with padding, and so is the table;
- before the vectors of a segment's steps are added, those of the whole video are normalized in the videos of the batch
  whose *number* lies in the segment, instead of at its steps. A video alone is normalized in full in time, as is meant;
  in a batch some are normalized after parts were added to them, and those beyond the last segment never.

Variant "corrected" cuts each video on its own steps, fills the table, and normalizes every step before the addition. We
assume that both attentions of the copy are masked, as in its copies of VASNet and DSNet.

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.research.networks._attention import Attention, check_heads, init_xavier, position_table
from summdiff.research.networks._layers import input_embedding, score_head
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
class PGLSumConfig(ScorerConfig):
    """Sizes and options of PGL-SUM. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers of a step.
        width: of the attention over the video and of the regressor; with another number of inputs, a linear map (ours)
            comes first.
        heads: of the attention over the video.
        segments: consecutive parts of the video, as long as each other but for the last, each with an attention of
            its own.
        segment_width: of queries, keys and values of a segment's attention.
        segment_heads: heads of a segment's attention.
        dropout: in training, of attention weights, before the first layer norm, and in the regressor.
        variant: "published" combines values by the columns of the attention weights, scales nothing, cuts segments and
            positions on the padded length and normalizes along the wrong axis, as the Mr.HiSum benchmark's code does;
            "corrected" does none of these.
    """

    width: int = 1024
    heads: int = 8
    segments: int = 4
    segment_width: int = 256
    segment_heads: int = 4
    dropout: float = 0.5
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        check_at_least_one(width=self.width, segments=self.segments, segment_width=self.segment_width)
        check_shares(dropout=self.dropout)
        check_choice("variant", self.variant, Variant)
        for width, heads in ((self.width, self.heads), (self.segment_width, self.segment_heads)):
            check_heads(width, heads)


class PGLSum(Regressor):
    """The network."""

    config: PGLSumConfig

    def __init__(self, config: PGLSumConfig) -> None:
        """Start with Xavier's weights, each head by itself, and biases of 0.1."""
        super().__init__()
        self.config = c = config
        self.published = c.variant == "published"
        scale = 1.0 if self.published else None
        self.embed = input_embedding(c.inputs, c.width)
        self.everywhere = Attention(c.width, heads=c.heads, scale=scale, dropout=c.dropout, transposed=self.published)
        self.within = nn.ModuleList(
            Attention(
                c.width,
                heads=c.segment_heads,
                inner=c.segment_width,
                scale=scale,
                dropout=c.dropout,
                transposed=self.published,
            )
            for _ in range(c.segments)
        )
        self.dropout = nn.Dropout(c.dropout)
        self.norm = nn.LayerNorm(c.width, eps=1e-6)
        self.head = score_head(c.width, norm=nn.LayerNorm(c.width, eps=1e-6), dropout=c.dropout)
        init_xavier(self, per_head=True, norms=True)

    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N); see `Regressor.score`."""
        x = self.embed(features) * mask[..., None]
        wide = self.everywhere(x, mask, self.positions(x.shape[1], like=x))
        near = F.normalize(self.nearby(x, mask), dim=-1)
        fused = self.added_by_segments(wide, near) if self.published else F.normalize(wide, dim=-1) + near
        scores: Tensor = self.head(self.norm(self.dropout(fused + x)))[..., 0]
        return scores

    def nearby(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return what each step gathers from its segment, (B, N, C)."""
        # Sizes stay tensors, so that graphs take any number of steps; ONNX rounds negative quotients towards 0.
        B, N, C = x.shape
        steps = mask.new_full((B,), 1, dtype=torch.long) * N if self.published else mask.sum(dim=1)
        segments = self.config.segments
        size = (steps + segments - 1) // segments  # (B,)
        longest = (N + segments - 1) // segments  # of the longest video possible
        inside = torch.arange(longest, device=x.device)
        gathered = []
        for number, attention in enumerate(self.within):
            place = number * size[:, None] + inside  # (B, longest)
            real = (inside < size[:, None]) & (place < steps[:, None])
            place = place.clamp(max=N - 1)
            part = x.gather(1, place[..., None].expand(-1, -1, C)) * real[..., None]
            table = self.positions(longest, real[0].sum(), like=x)
            gathered.append(attention(part, real & mask.gather(1, place), table))
        # Put each step back in its place
        step = torch.arange(N, device=x.device)
        segment = (step // size.clamp(min=1)[:, None]).clamp(max=segments - 1)  # (B, N)
        within = (step - segment * size[:, None]).clamp(0, longest - 1)
        where = (segment * longest + within)[..., None].expand(-1, -1, C)
        return torch.cat(gathered, dim=1).gather(1, where) * (step < steps[:, None])[..., None]

    def positions(self, table: int, steps: Tensor | None = None, *, like: Tensor) -> Tensor:
        """Return the position table (table, table) of a part of the video with so many steps."""
        return position_table(table, steps, device=like.device, published=self.published)

    def added_by_segments(self, wide: Tensor, near: Tensor) -> Tensor:
        """Normalize `wide` (B, N, C) and add `near` with the fault of the benchmark's code; see the module."""
        videos, steps = (torch.arange(n, device=wide.device)[:, None, None] for n in wide.shape[:2])
        size = (wide.shape[1] + self.config.segments - 1) // self.config.segments
        for number in range(self.config.segments):
            start = number * size
            wide = torch.where((start <= videos) & (videos < start + size), F.normalize(wide, dim=-1), wide)
            wide = wide + near * ((start <= steps) & (steps < start + size))[:, 0]
        return wide


ARCHITECTURE = Architecture("pgl_sum", PGLSum, PGLSumConfig)
