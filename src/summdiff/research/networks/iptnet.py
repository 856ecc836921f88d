"""The summarizer branch of iPTNet, with importance propagation (Jiang and Mu, CVPR 2022).

The paper trains a summarizer together with a network that localises moments described in words. The second branch needs
a moment-localisation data set and is left out, so a table's row of this network is not the paper's system.

There remain an encoder (nine transformer layers without anchors, DSNet's attention with 16 heads with anchors), a head
as in DSNet, and importance propagation, which spreads predicted importance to similar steps nearby. In the paper it
feeds the losses that join both branches. One of these remains, the consistency with a mean teacher: every 100 updates,
the propagated importance is pulled towards that of a moving average of the network.

In public code attention treats padding as steps: variant "published".

Shapes: B videos, N steps, P inputs a step, C width.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks._attention import Attention, check_heads, init_xavier
from summdiff.research.networks._heads import AnchorBased, AnchorFree, HeadedDetector, HeadKind, SegmentHead
from summdiff.research.networks._layers import TransformerLayer, input_embedding
from summdiff.research.networks.base import (
    Architecture,
    ScorerConfig,
    Variant,
    check_at_least_one,
    check_choice,
    check_shares,
)

REACH = 10  # steps to each side that importance spreads over
SHARE = 0.5  # of similar steps' importance
SPREAD = 4.0  # steps; how fast importance falls with the distance to the peak nearby
EVERY = 100  # updates between two consistency losses
KEEP = 0.3  # weight of the teacher when it moves towards the student


@dataclass(frozen=True, slots=True)
class IPTNetConfig(ScorerConfig):
    """Sizes and options of iPTNet's summarizer. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers of a step.
        head: "anchor_based" as published for TVSum, "anchor_free" as for SumMe and Mr.HiSum; see `DSNetConfig`.
        width: of the encoder; with another number of inputs, a linear map (ours) comes first.
        layers: of the encoder without anchors; with them it is one of attention.
        heads: of the attention; 0 for as published, 16 with anchors and 8 without.
        feed_forward: width of the hidden layer of the encoder's perceptrons, without anchors.
        hidden: numbers of a step that the head gets.
        input_dropout: in training, of the inputs, without anchors.
        dropout: in training, of attention weights, after attention and in the head, with anchors.
        consistency: weight of the consistency loss with the mean teacher; 0 for no teacher.
        variant: "published": attention treats padding as steps, as in public code; "corrected": padding is masked.
    """

    head: HeadKind = "anchor_free"
    width: int = 1024
    layers: int = 9
    heads: int = 0
    feed_forward: int = 1024
    hidden: int = 128
    input_dropout: float = 0.4
    dropout: float = 0.5
    consistency: float = 1.0
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        """Check the fields."""
        ScorerConfig.__post_init__(self)
        check_at_least_one(width=self.width, layers=self.layers, feed_forward=self.feed_forward, hidden=self.hidden)
        check_shares(dropout=self.dropout, input_dropout=self.input_dropout)
        check_choice("variant", self.variant, Variant)
        check_choice("head", self.head, HeadKind)
        check_heads(self.width, self.attention_heads)
        if self.consistency < 0:
            raise ModelError(f"`consistency` must be at least 0, got {self.consistency}.")

    @property
    def attention_heads(self) -> int:
        """Number of the attention's heads."""
        return self.heads or {"anchor_based": 16, "anchor_free": 8}[self.head]


class Summariser(nn.Module):
    """Encoder, head and learned offsets of importance propagation."""

    head: SegmentHead

    def __init__(self, c: IPTNetConfig) -> None:
        """Start with Xavier's weights and biases of 0.1 with anchors, with PyTorch's defaults without."""
        super().__init__()
        self.config = c
        self.published = c.variant == "published"
        self.embed = input_embedding(c.inputs, c.width)
        if c.head == "anchor_based":
            self.attention = Attention(c.width, heads=c.attention_heads, dropout=c.dropout)
            self.dropout = nn.Dropout(c.dropout)
            self.norm = nn.LayerNorm(c.width)
            trunk = [nn.Linear(c.width, c.hidden), nn.Tanh(), nn.Dropout(c.dropout), nn.LayerNorm(c.hidden)]
            self.head = AnchorBased(nn.Sequential(*trunk), hidden=c.hidden)
        else:
            self.dropout = nn.Dropout(c.input_dropout)
            self.layers = nn.ModuleList(
                TransformerLayer(
                    c.width,
                    heads=c.attention_heads,
                    feed_forward=c.feed_forward,
                    activation=nn.ReLU(),
                    bias=True,
                    eps=1e-6,
                )
                for _ in range(c.layers)
            )
            self.norm = nn.LayerNorm(c.width, eps=1e-6)
            self.head = AnchorFree(nn.Sequential(nn.Linear(c.width, c.hidden), nn.ReLU()), hidden=c.hidden)
        self.zeta = nn.Linear(c.hidden, 1)
        if c.head == "anchor_based":
            init_xavier(self)

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return encoded steps (B, N, C)."""
        x = self.embed(features) * mask[..., None]
        attended = None if self.published else mask
        if self.config.head == "anchor_based":
            x = x + self.dropout(self.attention(x, attended))
        else:
            x = self.dropout(x)
            for layer in self.layers:
                x = layer(x, attended)
        encoded: Tensor = self.norm(x)
        return encoded

    def importance(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the propagated importance (B, N) of encoded steps (B, N, C); any number in the padding."""
        trunk = self.head.step_trunk(x, mask)
        zeta: Tensor = self.zeta(trunk)
        return propagate(self.head.scores(x, mask), trunk, zeta[..., 0], mask)


class IPTNet(HeadedDetector):
    """A summarizer and, with `consistency`, its mean teacher, which only training uses."""

    note: ClassVar[str] = "summariser branch only; its localisation branch needs moment-localisation data"
    config: IPTNetConfig
    updates: Tensor

    def __init__(self, config: IPTNetConfig) -> None:
        """Start student and teacher with the same random weights."""
        super().__init__()
        self.config = config
        self.student = Summariser(config)
        # Part of the state, so that an interrupted run continues identically
        self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False) if config.consistency else None
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @property
    def head(self) -> SegmentHead:  # type: ignore[override]
        """The student's head."""
        return self.student.head

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return encoded steps (B, N, C); see `HeadedDetector.encode`."""
        return self.student.encode(features, mask)

    def train(self, mode: bool = True) -> IPTNet:
        """Set the mode; the teacher stays in evaluation mode, without dropout."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return the head's loss (B,), in every 100th update with the consistency loss; see `Scorer.loss`."""
        x = self.encode(features, mask)
        loss = self.head.loss(x, targets, mask, seeds)
        if not self.training or self.teacher is None:
            return loss
        self.updates += 1
        ours = self.student.importance(x, mask)
        if int(self.updates) % EVERY:
            # Adds 0, so that every weight has a gradient, which distributed training waits for
            return loss + 0 * torch.where(mask, ours, 0.0).sum(dim=1)
        with torch.no_grad():
            for old, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                old.lerp_(new, 1 - KEEP)
            theirs = self.teacher.importance(self.teacher.encode(features, mask), mask)
        return loss + self.config.consistency * divergence(ours, theirs, mask)


def propagate(scores: Tensor, trunk: Tensor, zeta: Tensor, mask: Tensor) -> Tensor:
    """Return importance (B, N) spread to similar steps nearby.

    Half of the scores within 10 steps (its own included), weighted by cosine similarity, is added to each step's score.
    The sum is multiplied by exp(-d^2 / (2 * 4^2)), d being the distance to the greatest within 10 steps; zeta is added.

    Args:
        scores: (B, N), 0 in the padding.
        trunk: (B, N, C) vectors that similarity is measured on.
        zeta: (B, N) learned offsets.
        mask: (B, N) true where there is a step.
    """
    steps = scores.shape[1]
    nearby = torch.arange(-REACH, REACH + 1, device=scores.device)
    index = torch.arange(steps, device=scores.device)[:, None] + nearby  # (N, 2 * REACH + 1)
    exists = (index >= 0) & (index < steps)
    index = index.clamp(0, steps - 1)
    exists = exists & mask[:, index]  # (B, N, 21)
    units = F.normalize(trunk, dim=-1)
    similarity = (units[:, :, None] * units[:, index]).sum(dim=-1)
    shared = scores + SHARE * torch.where(exists, similarity * scores[:, index], 0.0).sum(dim=-1)
    peak = nearby[torch.where(exists, shared[:, index], -torch.inf).argmax(dim=-1)]
    return shared * torch.exp(-(peak**2) / (2 * SPREAD**2)) + zeta


def divergence(ours: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence (B,) of softmax(ours) from softmax(theirs) over each video's steps."""
    lowest = torch.finfo(ours.dtype).min
    log_ours, log_theirs = (torch.where(mask, x, lowest).log_softmax(dim=1) for x in (ours, theirs))
    return torch.where(mask, log_theirs.exp() * (log_theirs - log_ours), 0.0).sum(dim=1)


ARCHITECTURE = Architecture("iptnet", IPTNet, IPTNetConfig)
