"""Base classes of the networks that score a video in one pass: scores, a loss, and for detectors their boxes.

SummDiff draws samples instead and is trained by denoising; `summdiff.scoring.model.Model` is what both look like from
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
from summdiff.scoring.networks import ScorerFacts

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

    def facts(self) -> ScorerFacts:
        """Return what has to be known to score with this network."""
        return ScorerFacts(self.config.inputs)

    @abstractmethod
    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """The loss (B,) of each video, of which training takes the mean.

        Args:
            features, mask: as for `predict`.
            targets: (B, N) what `learns` says, 0 in the padding.
            seeds: (B,) int64, one for each video and visit, for anything drawn at random but dropout: so that an
                interrupted run goes on as it would have, and processes that share a batch draw as one would.
        """


class Detector(Scorer):
    """A scorer that looks for segments; its scores by step are its classifier's."""

    learns: ClassVar[Learns] = "keyshots"

    @abstractmethod
    def boxes(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return all boxes (B, K, 2), start and end in steps within their videos, and their scores (B, K).

        `summdiff.scoring.detection` suppresses the worse of those that overlap. Arguments as for `predict`.
        """


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """The context for what half precision would spoil, within one in which a network computes in it (autocast)."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
