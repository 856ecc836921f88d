"""Maps between importance scores in [0, 1] and the signals that noise is added to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SpaceName = Literal["linear", "logit"]

LOGIT_EDGE = 1e-3
"""Scores are clipped this far from 0 and 1 before a logit, as in the authors' later code."""


@dataclass(frozen=True, slots=True)
class ScoreSpace:
    """A pair of maps between scores and signals. Arrays keep their type.

    Attributes:
        name: "linear" is the paper's S_0 = lambda (2 s - 1) (§4.4); "logit" the later code's logit(s) / 2, here times
            lambda.
        scale: lambda.
    """

    name: SpaceName = "linear"
    scale: float = 1.0

    def to_signal(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the clean signal S_0 of scores. Linear also takes scores outside [0, 1], as guidance may give."""
        if self.name == "logit":
            inside = scores.clip(LOGIT_EDGE, 1 - LOGIT_EDGE)
            signal: NDArray[np.floating] = self.scale * np.log(inside / (1 - inside)) / 2
            return signal
        return self.scale * (2 * scores - 1)

    def to_scores(self, signal: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return scores in [0, 1] of any signal; linear clips it to [-lambda, lambda] first (§4.4)."""
        if self.name == "logit":
            scores: NDArray[np.floating] = (1 + np.tanh(signal / self.scale)) / 2
            return scores
        return ((signal / self.scale).clip(-1, 1) + 1) / 2

    def bounded(self, signal: NDArray[np.floating]) -> NDArray[np.floating]:
        """Clip a clean signal to [-lambda, lambda], which guidance may leave; logit signals stay as they are."""
        return signal if self.name == "logit" else signal.clip(-self.scale, self.scale)
