"""The summariser branch of iPTNet, with importance propagation (Jiang and Mu, CVPR 2022).

The paper trains a summariser together with a network that localises moments described in words. That branch needs a
moment-localisation data set, and is left out: a row of this network in a table is not the paper's system.

What is left: an encoder (nine transformer layers without anchors, DSNet's attention with 16 heads with them), a head as
in DSNet, and importance propagation. This spreads predicted importance to similar steps nearby, and in the paper feeds
the losses that tie both branches together. Without the other branch one of them remains, the consistency with a mean
teacher: every 100 updates the propagated importance is pulled towards that of a moving average of the network.

Public code lets attention take padding for steps: variant "published".

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
from summdiff.research.networks.attention import Attention, check_heads, start_xavier
from summdiff.research.networks.base import ScorerConfig, Variant
from summdiff.research.networks.heads import AnchorBased, AnchorFree, Head, HeadedDetector, SegmentHead, refuse_head
from summdiff.research.networks.regressor import embedding, refuse
from summdiff.research.networks.transformer import TransformerLayer

REACH = 10  # steps to both sides that importance is propagated over
SHARE = 0.5  # of what similar steps have
SPREAD = 4.0  # steps; how fast importance falls with the distance to the peak nearby
EVERY = 100  # updates between two collaborations
KEEP = 0.3  # of the teacher, when it moves towards the student


@dataclass(frozen=True, slots=True)
class IPTNetConfig(ScorerConfig):
    """Sizes and options of iPTNet's summariser. The defaults are the published sizes.

    Attributes:
        inputs: P, numbers a step.
        head: "anchor_based" as published for TVSum, "anchor_free" as for SumMe and Mr.HiSum; see `DSNetConfig`.
        width: of the encoder; where inputs are not as many, a linear map (ours) comes first.
        layers: of the encoder without anchors; with them it is one of attention.
        heads: of the attention; 0 for as published, 16 with anchors and 8 without.
        feed_forward: width of the hidden layer of the encoder's perceptrons, without anchors.
        hidden: numbers a step from which the head decides.
        input_dropout: in training, of the inputs, without anchors.
        dropout: in training, of attention weights, after attention and in the head, with anchors.
        consistency: weight of the consistency with the mean teacher; 0 for no teacher.
        variant: "published" lets attention take padding for steps, as the public code does; "corrected" masks it.
    """

    head: Head = "anchor_free"
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
        """Refuse what makes no network."""
        ScorerConfig.__post_init__(self)
        sizes = (self.width, self.layers, self.feed_forward, self.hidden)
        for dropout in (self.dropout, self.input_dropout):
            refuse(self, sizes=sizes, dropout=dropout, variant=self.variant)
        refuse_head(self.head)
        check_heads(self.width, self.attention_heads)
        if self.consistency < 0:
            raise ModelError(f"The weight of a loss cannot be negative, as consistency={self.consistency} is.")

    @property
    def attention_heads(self) -> int:
        """How many heads the attention has."""
        return self.heads or {"anchor_based": 16, "anchor_free": 8}[self.head]


class Summariser(nn.Module):
    """Encoder, head and what importance propagation learns."""

    head: SegmentHead

    def __init__(self, c: IPTNetConfig) -> None:
        """Build it with random weights: with anchors Xavier's and biases of 0.1, without them the framework's."""
        super().__init__()
        self.config = c
        self.published = c.variant == "published"
        self.embed = embedding(c.inputs, c.width)
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
            start_xavier(self)

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encoded steps (B, N, C)."""
        x = self.embed(features) * mask[..., None]
        seen = None if self.published else mask
        if self.config.head == "anchor_based":
            x = x + self.dropout(self.attention(x, seen))
        else:
            x = self.dropout(x)
            for layer in self.layers:
                x = layer(x, seen)
        encoded: Tensor = self.norm(x)
        return encoded

    def importance(self, x: Tensor, mask: Tensor) -> Tensor:
        """Propagated importance (B, N) of encoded steps (B, N, C); in the padding of no meaning."""
        looks = self.head.looks(x, mask)
        zeta: Tensor = self.zeta(looks)
        return propagate(self.head.scores(x, mask), looks, zeta[..., 0], mask)


class IPTNet(HeadedDetector):
    """The network: a summariser and, with `consistency`, its mean teacher, which only training uses."""

    note: ClassVar[str] = "summariser branch only; its localisation branch needs moment-localisation data"
    config: IPTNetConfig
    updates: Tensor

    def __init__(self, config: IPTNetConfig) -> None:
        """Build it with random weights, which the teacher starts with."""
        super().__init__()
        self.config = config
        self.student = Summariser(config)
        # In the state, so that an interrupted training goes on as it would have
        self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False) if config.consistency else None
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @property
    def head(self) -> SegmentHead:  # type: ignore[override]
        """What reads scores and segments off encoded steps."""
        return self.student.head

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encoded steps (B, N, C); see `HeadedDetector.encode`."""
        return self.student.encode(features, mask)

    def train(self, mode: bool = True) -> IPTNet:
        """As any module's, but the teacher never drops out."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The head's loss (B,), and in every 100th update of a training the consistency; see `Scorer.loss`."""
        x = self.encode(features, mask)
        loss = self.head.loss(x, targets, mask, seeds)
        if not self.training or self.teacher is None:
            return loss
        self.updates += 1
        ours = self.student.importance(x, mask)
        if int(self.updates) % EVERY:
            # Nothing, but all weights have a gradient: processes that train together wait for each of them
            return loss + 0 * torch.where(mask, ours, 0.0).sum(dim=1)
        with torch.no_grad():
            for old, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                old.lerp_(new, 1 - KEEP)
            theirs = self.teacher.importance(self.teacher.encode(features, mask), mask)
        return loss + self.config.consistency * divergence(ours, theirs, mask)


def propagate(scores: Tensor, looks: Tensor, zeta: Tensor, mask: Tensor) -> Tensor:
    """Importance (B, N) that similar steps nearby share.

    To each step's score, half of the scores within 10 steps (its own included) are added, times cosine similarity. The
    result is multiplied by exp(-d^2 / (2 * 4^2)), d being the distance to the greatest within 10 steps, and zeta added.

    Args:
        scores: (B, N), 0 in the padding.
        looks: (B, N, C) what steps are compared by.
        zeta: (B, N) learned offsets.
        mask: (B, N) true where there is a step.
    """
    steps = scores.shape[1]
    nearby = torch.arange(-REACH, REACH + 1, device=scores.device)
    index = torch.arange(steps, device=scores.device)[:, None] + nearby  # (N, 2 * REACH + 1)
    exists = (index >= 0) & (index < steps)
    index = index.clamp(0, steps - 1)
    exists = exists & mask[:, index]  # (B, N, 21)
    units = F.normalize(looks, dim=-1)
    similarity = (units[:, :, None] * units[:, index]).sum(dim=-1)
    shared = scores + SHARE * torch.where(exists, similarity * scores[:, index], 0.0).sum(dim=-1)
    peak = nearby[torch.where(exists, shared[:, index], -torch.inf).argmax(dim=-1)]
    return shared * torch.exp(-(peak**2) / (2 * SPREAD**2)) + zeta


def divergence(ours: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
    """The Kullback-Leibler divergence (B,) of the softmax of `ours` from that of `theirs` over each video's steps."""
    lowest = torch.finfo(ours.dtype).min
    log_ours, log_theirs = (torch.where(mask, x, lowest).log_softmax(dim=1) for x in (ours, theirs))
    return torch.where(mask, log_theirs.exp() * (log_theirs - log_ours), 0.0).sum(dim=1)
