"""Interfaces between scoring and a network, implemented by ONNX graphs and, during training, by torch.

Shapes: W windows, L steps of each, P inputs a step, C width, M samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import ModelError
from summdiff.scoring.gaussian import GaussianPrior, ScorePosterior
from summdiff.scoring.space import ScoreSpace

Array = NDArray[np.float32]
Readout = Literal["scores", "segments"]

MEAN_SMOOTHING = 0.7  # steps, standard deviation of the Gaussian that smooths a mean curve


@dataclass(frozen=True, slots=True)
class MeanCurve:
    """Conversion of a network's raw curves to the mean curve in units of scores.

    Each is smoothed and standardized over the video, since none has a scale that could be trusted; their weighted sum
    is standardized and given the width of people's mean curves.

    Attributes:
        shares: (K,) weight of each raw curve.
        width: standard deviation over time, in units of scores.
    """

    shares: tuple[float, ...]
    width: float

    def finalize(self, curves: Array) -> Array:
        """Return the mean curve (N,) around 0.5 of a whole video's raw curves (K, N)."""
        both = np.asarray(self.shares, dtype=np.float32) @ standardized(smoothed(curves, MEAN_SMOOTHING))
        mean: Array = 0.5 + self.width * standardized(both[None])[0]
        return mean


@dataclass(frozen=True, slots=True)
class DenoiserFacts:
    """Facts about a denoising network that the sampler needs.

    Attributes:
        inputs: P.
        space: how scores become signals.
        mean: how its mean curve is made; None where it has none of its own.
        prior: the Gaussian that its denoising starts from; None where it has none.
        guess_noise: with a prior, how far the raw mean curve is trusted before similar steps agree; see
            `GaussianPrior.smooth`.
        joint_denoising: whether the noisy scores of other steps change the score of a step.
    """

    inputs: int
    space: ScoreSpace
    mean: MeanCurve | None = None
    prior: GaussianPrior | None = None
    guess_noise: float = 1.0
    joint_denoising: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.inputs < 1 or not self.space.scale > 0 or not self.guess_noise > 0:
            raise ModelError("A denoiser needs at least one input, and a score scale and guess noise above 0.")
        if self.prior is not None and self.mean is None:
            raise ModelError("A denoiser with a Gaussian prior needs a mean curve.")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Windows of a video as a network encodes them.

    Attributes:
        tokens: (W, L, C).
        curves: (W, L, K) raw mean curves, each on a scale of its own; None without a mean curve.
        log_scale: (W, L) log s of the expected disagreement; None without a prior.
    """

    tokens: Array
    curves: Array | None = None
    log_scale: Array | None = None


class DenoisingNetwork(Protocol):
    """A network that denoises importance scores, conditioned on a video."""

    facts: DenoiserFacts

    def encode(self, inputs: Array, seconds: Array, *, null: bool = False) -> Encoded:
        """Encode windows.

        Args:
            inputs: (W, L, P).
            seconds: (L,) time of each step, from any origin.
            null: whether to encode the null video of guidance in place of each window.
        """
        ...

    def prepare(
        self, tokens: Array, seconds: Array, *, mean: Array | None, posteriors: list[ScorePosterior] | None
    ) -> Any:
        """Compute what is the same for every time and sample.

        Args:
            tokens: (W, L, C) of a whole video, cut into windows again.
            seconds: (L,).
            mean: (W, L) mean curve in units of scores, with `facts.mean`.
            posteriors: of each window, with `facts.prior`.

        Returns:
            What `denoise` takes as its condition.
        """
        ...

    def denoise(self, noisy: Array, timestep: int, signal: float, condition: Any) -> Array:
        """Predict the clean scores (W, M, L) that noisy signals (W, M, L) came from.

        Args:
            noisy: S_t.
            timestep: t.
            signal: sqrt(abar_t), the share of the clean signal left at t.
            condition: from `prepare`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScorerFacts:
    """Facts about a network that scores all steps at once.

    Attributes:
        inputs: P.
        readouts: "scores", and for a detector "segments".
        threshold: of a detector, overlap above which the worse of two segments is suppressed.
    """

    inputs: int
    readouts: tuple[Readout, ...] = ("scores",)
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.inputs < 1 or not 0 <= self.threshold <= 1:
            raise ModelError("A scorer needs at least one input, and a threshold from 0 to 1.")
        if self.readouts[:1] != ("scores",) or not set(self.readouts) <= {"scores", "segments"}:
            raise ModelError(f"A scorer has no readouts {', '.join(map(repr, self.readouts))}.")


class ScoringNetwork(Protocol):
    """A network that gives each step of a video one score."""

    facts: ScorerFacts

    def score(self, inputs: Array) -> Array:
        """Return scores (L,) in [0, 1] of inputs (L, P)."""
        ...

    def detect(self, inputs: Array) -> tuple[Array, Array]:
        """Return boxes (K, 2), start and end in steps, and their scores (K,); of a detector only."""
        ...


def smoothed(curves: Array, deviation: float) -> Array:
    """Smooth curves (K, N) by a Gaussian over two steps on each side; the ends continue."""
    weights = np.exp(-((np.arange(-2, 3) / deviation) ** 2) / 2)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = np.pad(curves, ((0, 0), (2, 2)), mode="edge")
    n = curves.shape[1]
    found = np.zeros_like(curves)
    for shift, weight in enumerate(weights):
        found += weight * padded[:, shift : shift + n]
    return found


def standardized(curves: Array) -> Array:
    """Return curves (K, N) with mean 0 and standard deviation 1 over their steps; 0 where a curve is flat."""
    centred = curves - curves.mean(axis=1, keepdims=True)
    spread = curves.std(axis=1, keepdims=True)
    found: Array = centred / spread.clip(1e-6)
    return found
