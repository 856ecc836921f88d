"""How importance scores in [0, 1] become signals that noise can be added to, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

SpaceName = Literal["linear", "logit"]

_EDGE = 1e-3  # logits of 0 and 1 are infinite; the later code clips here


@dataclass(frozen=True, slots=True)
class ScoreSpace:
    """A pair of maps between scores and signals.

    Attributes:
        name: "linear" is the paper's S_0 = lambda (2 s - 1) (§4.4); "logit" the later code's logit(s) / 2, here times
            lambda.
        scale: lambda.
    """

    name: SpaceName = "linear"
    scale: float = 1.0

    def to_signal(self, scores: Tensor) -> Tensor:
        """The clean signal S_0 of scores. Linear also takes scores outside [0, 1], as guidance may give."""
        if self.name == "logit":
            return self.scale * torch.logit(scores, eps=_EDGE) / 2
        return self.scale * (2 * scores - 1)

    def to_scores(self, signal: Tensor) -> Tensor:
        """Scores in [0, 1] of any signal; what lies outside [-lambda, lambda] is clamped first, if linear (§4.4)."""
        if self.name == "logit":
            return torch.sigmoid(2 * signal / self.scale)
        return ((signal / self.scale).clamp(-1, 1) + 1) / 2

    def bounded(self, signal: Tensor) -> Tensor:
        """A clean signal brought back to where scores are, [-lambda, lambda], as guidance may leave it; if linear."""
        return signal if self.name == "logit" else signal.clamp(-self.scale, self.scale)
