"""What every network that scores a video in one go offers: scores, a loss, and for detectors the segments they find.

SummDiff draws samples instead and is trained by denoising; `summdiff.models.model.Model` is what both look like from
outside.

Shapes: B videos, N steps, P inputs a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from summdiff.errors import ModelError

Variant = Literal["published", "corrected"]
Learns = Literal["importance", "keyshots"]


@dataclass(frozen=True, slots=True)
class ScorerConfig:
    """What every scorer's config has.

    Attributes:
        inputs: P, numbers a step.
    """

    inputs: int

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        if self.inputs < 1:
            raise ModelError(f"A network needs at least 1 input a step, got {self.inputs}.")


class Network(nn.Module):
    """Weights that a trainer trains and a model's folder holds.

    Attributes:
        config: a dataclass of sizes and options, from which alone it is made: `type(network)(network.config)`.
        note: what has to be said beside its numbers.
    """

    note: ClassVar[str] = ""
    config: Any


class Scorer(Network, ABC):
    """A network that gives each step of a video one score.

    Attributes:
        learns: what its targets are: "importance", a curve in [0, 1], or "keyshots", a curve that is 1 in the shots of
            a summary and 0 elsewhere, so that each run of ones is a segment to find.
    """

    learns: ClassVar[Learns] = "importance"
    config: ScorerConfig

    @abstractmethod
    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N) in [0, 1], 0 in the padding, of features (B, N, P).

        Args:
            features: any numbers, 0 in the padding.
            mask: (B, N) true where there is a step; the steps of a video come first, then its padding.
        """

    @abstractmethod
    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The loss (B,) of each video, of which training takes the mean.

        Args:
            features, mask: as for `predict`.
            targets: (B, N) what `learns` says, 0 in the padding.
            seeds: (B,) int64, one for each video and visit, for anything drawn at random but dropout: so that an
                interrupted run goes on as it would have, and processes that share a batch draw as one would.
        """


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments found in one video, the best first.

    Attributes:
        bounds: (K, 2) start and end in steps, [start, end), within the video.
        scores: (K,) in [0, 1].
    """

    bounds: Tensor
    scores: Tensor

    def curve(self, steps: int) -> Tensor:
        """(N,) at each step the best score of the segments that cover more than half of it, 0 where there is none.

        DSNet's public code does so frame by frame.
        """
        middle = torch.arange(steps, device=self.bounds.device) + 0.5
        covers = (self.bounds[:, :1] <= middle) & (middle < self.bounds[:, 1:])  # (K, N)
        scored = torch.where(covers, self.scores[:, None], 0.0)
        return scored.amax(dim=0) if len(scored) else torch.zeros(steps, device=self.bounds.device)


class Detector(Scorer):
    """A scorer that looks for segments; its scores by step are its classifier's, those by segment overlap-free."""

    learns: ClassVar[Learns] = "keyshots"

    @abstractmethod
    def segments(self, features: Tensor, mask: Tensor) -> list[Segments]:
        """What is left of each video's segments after non-maximum suppression; as for `predict`."""

    def predict_by_segments(self, features: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, N) in [0, 1] from `segments`; as for `predict`."""
        return torch.stack([found.curve(mask.shape[1]) for found in self.segments(features, mask)]) * mask


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """The context for what half precision would spoil, within one in which a network computes in it (autocast)."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
