"""Heads that find segments in encoded steps, with and without anchors (DSNet; Zhu et al., IEEE TIP 2020).

DSNet, A2Summ and iPTNet differ in their encoders and in details of the head.

Shapes: B videos, N steps, C width, A anchors at each step, K boxes of a video.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.research.networks import _key_shots
from summdiff.research.networks.base import Detector
from summdiff.scoring.networks import ScorerFacts

HeadKind = Literal["anchor_based", "anchor_free"]


class SegmentHead(nn.Module, ABC):
    """A head that scores steps and finds segments, trained on key-shots.

    Args:
        threshold: overlap above which the worse of two segments is suppressed.
    """

    def __init__(self, *, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    @abstractmethod
    def scores(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N) in [0, 1] of encoded steps (B, N, C), 0 in the padding."""

    @abstractmethod
    def boxes(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (B, K, 2) within their videos, step by step, and their scores (B, K)."""

    @abstractmethod
    def loss(self, x: Tensor, keyshots: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return the loss (B,) for key-shots (B, N); see `Scorer.loss`."""

    @abstractmethod
    def step_trunk(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the trunk's output of each step, (B, N, hidden)."""


class AnchorFree(SegmentHead):
    """Predicts of each step whether it lies in a key-shot, its distances to the ends, and how central it is.

    Args:
        trunk: from C to `hidden` numbers.
        per_step: whether the focal loss is the mean over steps and both channels, as in A2Summ, instead of the sum
            over steps divided by the number of steps in key-shots.
    """

    def __init__(self, trunk: nn.Module, *, hidden: int = 128, threshold: float = 0.4, per_step: bool = False) -> None:
        super().__init__(threshold=threshold)
        self.trunk, self.per_step = trunk, per_step
        self.inside = nn.Linear(hidden, 1)
        self.ends = nn.Linear(hidden, 2)
        self.centre = nn.Linear(hidden, 1)

    def step_trunk(self, x: Tensor, mask: Tensor) -> Tensor:
        """See `SegmentHead.step_trunk`."""
        y: Tensor = self.trunk(x)
        return y

    def scores(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return probability of a key-shot times centreness, relative to the video's greatest, as published."""
        return self._scores(self.trunk(x), mask)

    def boxes(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return one box for each step; see `SegmentHead.boxes`."""
        seen = self.trunk(x)
        left, right = self.distances(seen)
        return _key_shots.boxes_around(left, right, mask.sum(dim=1)), self._scores(seen, mask)

    def _scores(self, seen: Tensor, mask: Tensor) -> Tensor:
        """Return `scores` from the trunk's output."""
        scores = (self.inside(seen).sigmoid() * self.centre(seen).sigmoid())[..., 0] * mask
        relative: Tensor = scores / scores.amax(dim=1, keepdim=True).clamp(min=1e-8)
        return relative

    def distances(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return each step's distances to both ends of its segment, (B, N) each, in steps."""
        left, right = self.ends(seen).clamp(max=20.0).exp().unbind(dim=-1)
        return left, right

    def loss(self, x: Tensor, keyshots: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return the sum of focal loss, -log of the boxes' overlap, and cross-entropy of centreness.

        The last two are means over steps in key-shots. Without any, the loss is that of no overlap and no centreness,
        and 0 altogether where the focal loss is divided by their number.
        """
        seen = self.trunk(x)
        inside = (keyshots > 0.5) & mask
        true_left, true_right = (d.clamp(min=0).to(seen.dtype) for d in _key_shots.distances(keyshots * mask))
        positives = inside.sum(dim=1).clamp(min=1)

        def mean(values: Tensor) -> Tensor:
            return torch.where(inside, values, 0.0).sum(dim=1) / positives

        classified = torch.where(mask, _key_shots.focal(self.inside(seen)[..., 0], inside), 0.0).sum(dim=1)
        if self.per_step:
            classified = classified / (2 * mask.sum(dim=1).clamp(min=1))
        else:
            classified = classified * inside.any(dim=1) / positives
        placed = _key_shots.overlap_loss(*self.distances(seen), true_left, true_right)
        central = F.binary_cross_entropy_with_logits(
            self.centre(seen)[..., 0], _key_shots.centreness(true_left, true_right), reduction="none"
        )
        return classified + mean(placed) + mean(central)


class AnchorBased(SegmentHead):
    """Scores boxes of a few widths around each step by the mean of what they cover, and moves and stretches them.

    Args:
        trunk: from C to `hidden` numbers, shared by all widths.
        widths: of the anchors, in steps, even.
    """

    def __init__(
        self, trunk: nn.Module, *, hidden: int = 128, threshold: float = 0.5, widths: Sequence[int] = (4, 8, 16, 32)
    ) -> None:
        super().__init__(threshold=threshold)
        self.trunk, self.widths = trunk, tuple(widths)
        self.inside = nn.Linear(hidden, 1)
        self.place = nn.Linear(hidden, 2)

    def covered(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the trunk's output (B, N, A, hidden) of the mean over each anchor, zeros beyond the video included."""
        steps = x.shape[1]
        rows = (x * mask[..., None]).transpose(1, 2)
        pooled = [F.avg_pool1d(rows, width, stride=1, padding=width // 2)[..., :steps] for width in self.widths]
        seen: Tensor = self.trunk(torch.stack(pooled, dim=-1).permute(0, 2, 3, 1))
        return seen

    def step_trunk(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over a step's anchors (ours: the paper needs none); see `SegmentHead.step_trunk`."""
        return self.covered(x, mask).mean(dim=2)

    def scores(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the greatest probability among a step's anchors (ours: the paper scores by segments only)."""
        probabilities: Tensor = self.inside(self.covered(x, mask))[..., 0].sigmoid()
        return probabilities.amax(dim=-1) * mask

    def boxes(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return one box for each anchor; see `SegmentHead.boxes`."""
        seen = self.covered(x, mask)
        around = _key_shots.anchors(x.shape[1], self.widths, device=x.device)
        boxes = _key_shots.within(_key_shots.decode(self.place(seen), around), mask.sum(dim=1))
        scores = self.inside(seen)[..., 0].sigmoid() * mask[..., None]
        return boxes.flatten(1, 2), scores.flatten(1, 2)

    def loss(self, x: Tensor, keyshots: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return half of the mean -log p of positive and of negative anchors, plus smooth L1 of the positive codes.

        0 for a video without positive anchors, which is skipped as published.
        """
        seen = self.covered(x, mask)
        logits, codes = self.inside(seen)[..., 0], self.place(seen)
        around = _key_shots.anchors(x.shape[1], self.widths, device=x.device)
        losses = []
        for video, (steps, seed) in enumerate(zip(mask.sum(dim=1).tolist(), seeds.tolist(), strict=True)):
            near = around[:steps].flatten(0, 1)
            wanted_segments = _key_shots.segments_of(keyshots[video, :steps]).to(near.dtype)
            positive, which, negative = _key_shots.match(near, wanted_segments, seed=seed)
            judged, moved = logits[video, :steps].flatten(), codes[video, :steps].flatten(0, 1)
            if not len(positive):
                losses.append(0 * judged.sum() + 0 * moved.sum())
                continue
            positive_loss = -F.logsigmoid(judged[positive]).mean()
            negative_loss = -F.logsigmoid(-judged[negative]).mean() if len(negative) else 0.0
            wanted = _key_shots.encode(wanted_segments[which], near[positive])
            losses.append((positive_loss + negative_loss) / 2 + F.smooth_l1_loss(moved[positive], wanted))
        return torch.stack(losses)


class HeadedDetector(Detector):
    """A detector made of an encoder and a `SegmentHead`."""

    head: SegmentHead

    @abstractmethod
    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return encoded steps (B, N, C) of features (B, N, P)."""

    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return the head's scores (B, N); see `Scorer.predict`."""
        return self.head.scores(self.encode(features, mask), mask)

    def boxes(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the head's boxes and their scores; see `Detector.boxes`."""
        return self.head.boxes(self.encode(features, mask), mask)

    def facts(self) -> ScorerFacts:
        """Return what scoring has to know about this network."""
        return ScorerFacts(self.config.inputs, ("scores", "segments"), self.head.threshold)

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return the head's loss (B,); see `Scorer.loss`."""
        return self.head.loss(self.encode(features, mask), targets, mask, seeds)
