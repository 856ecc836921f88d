"""The two heads that turn encoded steps into segments, with and without anchors (DSNet; Zhu et al., IEEE TIP 2020).

DSNet, A2Summ and iPTNet differ in what encodes the steps and in a few details of the head.

Shapes: B videos, N steps, C width, A anchors at each step, K boxes of a video.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks import detection
from summdiff.research.networks.base import Detector
from summdiff.scoring.networks import ScorerFacts

Head = Literal["anchor_based", "anchor_free"]


def refuse_head(head: str) -> None:
    """Say if there is no such head.

    Raises:
        ModelError: it is none of those in `Head`.
    """
    if head not in get_args(Head):
        raise ModelError(f"There is no head '{head}': use {' or '.join(get_args(Head))}.")


class SegmentHead(nn.Module, ABC):
    """Reads scores and segments off encoded steps, and is trained on key-shots.

    Args:
        threshold: overlap above which the worse of two segments is suppressed.
    """

    def __init__(self, *, threshold: float) -> None:
        """Build what both kinds share."""
        super().__init__()
        self.threshold = threshold

    @abstractmethod
    def scores(self, x: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N) in [0, 1] of encoded steps (B, N, C), 0 in the padding."""

    @abstractmethod
    def boxes(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """All boxes (B, K, 2) within their videos, and their scores (B, K), those of each step together."""

    @abstractmethod
    def loss(self, x: Tensor, keyshots: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The loss (B,) for key-shots (B, N); see `Scorer.loss`."""

    @abstractmethod
    def looks(self, x: Tensor, mask: Tensor) -> Tensor:
        """What the head sees of each step before it decides, (B, N, hidden)."""


class AnchorFree(SegmentHead):
    """Each step says whether it lies in a key-shot, how far it is to its ends, and how central it is.

    Args:
        trunk: from C to `hidden` numbers.
        per_step: whether the focal loss is the mean over steps and both channels, as in A2Summ, instead of the sum
            over steps divided by the number of steps in key-shots.
    """

    def __init__(self, trunk: nn.Module, *, hidden: int = 128, threshold: float = 0.4, per_step: bool = False) -> None:
        """Build it with the framework's random weights."""
        super().__init__(threshold=threshold)
        self.trunk, self.per_step = trunk, per_step
        self.inside = nn.Linear(hidden, 1)
        self.ends = nn.Linear(hidden, 2)
        self.centre = nn.Linear(hidden, 1)

    def looks(self, x: Tensor, mask: Tensor) -> Tensor:
        """See `SegmentHead.looks`."""
        seen: Tensor = self.trunk(x)
        return seen

    def scores(self, x: Tensor, mask: Tensor) -> Tensor:
        """Probability of lying in a key-shot times centreness, divided by the video's greatest, as published."""
        return self.judge(self.trunk(x), mask)

    def boxes(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """One box for each step; see `SegmentHead.boxes`."""
        seen = self.trunk(x)
        left, right = self.distances(seen)
        return detection.boxes_around(left, right, mask.sum(dim=1)), self.judge(seen, mask)

    def judge(self, seen: Tensor, mask: Tensor) -> Tensor:
        """The scores (B, N) of what the trunk made of the steps; see `scores`."""
        scores = (self.inside(seen).sigmoid() * self.centre(seen).sigmoid())[..., 0] * mask
        relative: Tensor = scores / scores.amax(dim=1, keepdim=True).clamp(min=1e-8)
        return relative

    def distances(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """How far each step is from both ends of its segment, (B, N) each, in steps."""
        left, right = self.ends(seen).clamp(max=20.0).exp().unbind(dim=-1)
        return left, right

    def loss(self, x: Tensor, keyshots: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Focal loss, -log of the boxes' overlap and cross-entropy of centreness, each of weight 1.

        The last two are means over steps in key-shots. Without any, the loss is that of no overlap and no centreness,
        and 0 altogether where the focal loss is divided by their number.
        """
        seen = self.trunk(x)
        inside = (keyshots > 0.5) & mask
        true_left, true_right = (d.clamp(min=0).to(seen.dtype) for d in detection.distances(keyshots * mask))
        positives = inside.sum(dim=1).clamp(min=1)

        def mean(values: Tensor) -> Tensor:
            return torch.where(inside, values, 0.0).sum(dim=1) / positives

        classified = torch.where(mask, detection.focal(self.inside(seen)[..., 0], inside), 0.0).sum(dim=1)
        if self.per_step:
            classified = classified / (2 * mask.sum(dim=1).clamp(min=1))
        else:
            classified = classified * inside.any(dim=1) / positives
        placed = detection.overlap_loss(*self.distances(seen), true_left, true_right)
        central = F.binary_cross_entropy_with_logits(
            self.centre(seen)[..., 0], detection.centreness(true_left, true_right), reduction="none"
        )
        return classified + mean(placed) + mean(central)


class AnchorBased(SegmentHead):
    """Boxes of a few widths around each step are judged by the mean of what they cover, moved and stretched.

    Args:
        trunk: from C to `hidden` numbers, shared by all widths.
        widths: of the anchors, in steps, even.
    """

    def __init__(
        self, trunk: nn.Module, *, hidden: int = 128, threshold: float = 0.5, widths: Sequence[int] = (4, 8, 16, 32)
    ) -> None:
        """Build it with the framework's random weights."""
        super().__init__(threshold=threshold)
        self.trunk, self.widths = trunk, tuple(widths)
        self.inside = nn.Linear(hidden, 1)
        self.place = nn.Linear(hidden, 2)

    def covered(self, x: Tensor, mask: Tensor) -> Tensor:
        """What each anchor covers, as the trunk sees it, (B, N, A, hidden); beyond the video are zeros, and count."""
        steps = x.shape[1]
        rows = (x * mask[..., None]).transpose(1, 2)
        pooled = [F.avg_pool1d(rows, width, stride=1, padding=width // 2)[..., :steps] for width in self.widths]
        seen: Tensor = self.trunk(torch.stack(pooled, dim=-1).permute(0, 2, 3, 1))
        return seen

    def looks(self, x: Tensor, mask: Tensor) -> Tensor:
        """The mean over a step's anchors (ours: the paper has no such vector); see `SegmentHead.looks`."""
        return self.covered(x, mask).mean(dim=2)

    def scores(self, x: Tensor, mask: Tensor) -> Tensor:
        """The greatest probability among a step's anchors (our rule: the paper scores by segments only)."""
        probabilities: Tensor = self.inside(self.covered(x, mask))[..., 0].sigmoid()
        return probabilities.amax(dim=-1) * mask

    def boxes(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """One box for each anchor; see `SegmentHead.boxes`."""
        seen = self.covered(x, mask)
        around = detection.anchors(x.shape[1], self.widths, device=x.device)
        boxes = detection.within(detection.decode(self.place(seen), around), mask.sum(dim=1))
        scores = self.inside(seen)[..., 0].sigmoid() * mask[..., None]
        return boxes.flatten(1, 2), scores.flatten(1, 2)

    def loss(self, x: Tensor, keyshots: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Half of the mean -log p of positive and of negative anchors, and smooth L1 of the positive ones' codes.

        0 for a video none of whose anchors is positive, which is skipped as published.
        """
        seen = self.covered(x, mask)
        logits, codes = self.inside(seen)[..., 0], self.place(seen)
        around = detection.anchors(x.shape[1], self.widths, device=x.device)
        losses = []
        for video, (steps, seed) in enumerate(zip(mask.sum(dim=1).tolist(), seeds.tolist(), strict=True)):
            near = around[:steps].flatten(0, 1)
            segments = detection.segments_of(keyshots[video, :steps]).to(near.dtype)
            positive, which, negative = detection.match(near, segments, seed=seed)
            judged, moved = logits[video, :steps].flatten(), codes[video, :steps].flatten(0, 1)
            if not len(positive):
                losses.append(0 * judged.sum() + 0 * moved.sum())
                continue
            found = -F.logsigmoid(judged[positive]).mean()
            spared = -F.logsigmoid(-judged[negative]).mean() if len(negative) else 0.0
            wanted = detection.encode(segments[which], near[positive])
            losses.append((found + spared) / 2 + F.smooth_l1_loss(moved[positive], wanted))
        return torch.stack(losses)


class HeadedDetector(Detector):
    """A detector that is an encoder of steps and a `SegmentHead`."""

    head: SegmentHead

    @abstractmethod
    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encoded steps (B, N, C) of features (B, N, P)."""

    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N) of the head by step; see `Scorer.predict`."""
        return self.head.scores(self.encode(features, mask), mask)

    def boxes(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the head's boxes and their scores; see `Detector.boxes`."""
        return self.head.boxes(self.encode(features, mask), mask)

    def facts(self) -> ScorerFacts:
        """Return what has to be known to score with this network."""
        return ScorerFacts(self.config.inputs, ("scores", "segments"), self.head.threshold)

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The head's loss (B,); see `Scorer.loss`."""
        return self.head.loss(self.encode(features, mask), targets, mask, seeds)
