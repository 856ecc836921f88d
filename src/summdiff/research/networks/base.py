"""Base classes of the networks: `Scorer` gives scores in one pass, `Denoiser` denoises them under a condition.

Each network is one module of this package. At its end the module declares an `Architecture`; `registry` finds it there.

Shapes: B videos, S samples of each, N steps, P inputs of a step, C width, H heads, d = C / H, E place coordinates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks._attention import Memory, Positions
from summdiff.research.networks._statistics import Statistics
from summdiff.scoring.inputs import Condition
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.networks import DenoiserFacts, ScorerFacts
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.scorer import ScoringModel
from summdiff.scoring.space import ScoreSpace

Variant = Literal["published", "corrected"]
TargetKind = Literal["importance", "keyshots"]


class Network(nn.Module):
    """Weights that training learns and a model folder holds.

    Attributes:
        config: a dataclass of sizes and options; `type(network)(network.config)` builds the network.
        note: what a table of results has to say about the network.
    """

    note: ClassVar[str] = ""
    config: Any


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network under the name that recipes and model folders use, and the model made of it.

    Attributes:
        name: of the network.
        network, config: `network(config(inputs=P, ...))` builds it.
        objective: of a denoiser, its training objective, a subclass of
            `summdiff.research.networks.denoising.Denoising`; None of a scorer, which has a loss.
        model, model_config: `model(model_config(id=...), network)` scores videos with it.
    """

    name: str
    network: type[Any]
    config: type[Any]
    objective: type[nn.Module] | None = None
    model: type[Any] = ScoringModel
    model_config: type[ModelConfig] = ModelConfig

    @classmethod
    def of_denoiser(
        cls, name: str, network: type[Denoiser], config: type[Any], *, objective: type[nn.Module]
    ) -> Architecture:
        """Declare a denoiser, whose model draws samples."""
        return cls(name, network, config, objective, SamplingModel, SamplingConfig)


# Networks that score all steps in one pass


@dataclass(frozen=True, slots=True)
class ScorerConfig:
    """Fields of every scorer's config.

    Attributes:
        inputs: P, numbers of a step.
    """

    inputs: int

    def __post_init__(self) -> None:
        """Check the number of inputs."""
        if self.inputs < 1:
            raise ModelError(f"`inputs` must be at least 1, got {self.inputs}.")


class Scorer(Network, ABC):
    """A network that gives each step of a video one score.

    Attributes:
        learns: its targets: "importance", a curve in [0, 1]; or "keyshots", 1 in a summary's shots and 0 elsewhere.
    """

    learns: ClassVar[TargetKind] = "importance"
    config: ScorerConfig

    @abstractmethod
    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N) in [0, 1], 0 in the padding.

        Args:
            features: (B, N, P), 0 in the padding.
            mask: (B, N) true at steps; a video's padding comes after its steps.
        """

    def facts(self) -> ScorerFacts:
        """Return what scoring has to know about this network."""
        return ScorerFacts(self.config.inputs)

    @abstractmethod
    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return the loss (B,) of each video; training minimizes the mean.

        Args:
            features, mask: as for `predict`.
            targets: (B, N) as `learns` says, 0 in the padding.
            seeds: (B,) int64, one per video and visit, for every random choice except dropout: an interrupted run
                continues identically, and processes that share a batch draw the same numbers as one process.
        """


class Regressor(Scorer):
    """A scorer that is trained by the squared error of its scores."""

    @abstractmethod
    def score(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N) in [0, 1]; any finite number in the padding. Arguments as for `Scorer.predict`."""

    def predict(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, N); see `Scorer.predict`."""
        return self.score(features, mask) * mask

    def loss(self, features: Tensor, targets: Tensor, mask: Tensor, seeds: Tensor) -> Tensor:
        """Return the mean squared error (B,) over each video's steps; see `Scorer.loss`."""
        errors = (self.predict(features, mask) - targets).square() * mask
        return errors.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


class Detector(Scorer):
    """A scorer that finds segments; its scores of steps are its classifier's."""

    learns: ClassVar[TargetKind] = "keyshots"

    @abstractmethod
    def boxes(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (B, K, 2), start and end in steps within the video, and their scores (B, K).

        `summdiff.scoring.detection` suppresses the worse of overlapping boxes. Arguments as for `Scorer.predict`.
        """


# Networks that denoise


@dataclass(frozen=True, slots=True)
class EncodedVideo:
    """A batch of videos as the encoder sees them; `summdiff.scoring.networks.Encoded` in torch.

    Attributes:
        tokens: (B, N, C).
        curves: (B, N, K) raw mean curves, each on a scale of its own; None without a mean curve.
        log_scale: (B, N) log s of the expected disagreement; None without a Gaussian prior.
    """

    tokens: Tensor
    curves: Tensor | None = None
    log_scale: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Condition of a video for denoising, computed once for all times and samples.

    Attributes:
        positions: of the steps.
        own: (B, N, C) what each score token receives from its own step; None where it receives nothing.
        memory: of each denoiser layer, keys and values (B, H, N, d) of the video; None where it has no cross-attention.
        mean: (B, N), or (B, S, N) where each sample has its own: the mean curve in units of scores, if there is one.
        directions, variances: (B, N, N) and (B, N) of a Gaussian posterior; see `summdiff.scoring.gaussian`.
    """

    positions: Positions
    own: Tensor | None
    memory: list[Memory | None]
    mean: Tensor | None = None
    directions: Tensor | None = None
    variances: Tensor | None = None


class Denoiser(Network, ABC):
    """A network that denoises importance scores: `encode` and `prepare` a video once, then `denoise` at each time.

    Attributes:
        has_null_video: whether "no video" (for guidance) is a video of one repeated input (P,), learned or stored;
            otherwise it is a learned token (C,).
        joint_denoising: see `summdiff.scoring.networks.DenoiserFacts`.
        encoder, denoiser: the layers.
        null: what stands for "no video"; the video in standardized units.
    """

    has_null_video: ClassVar[bool] = False
    joint_denoising: bool = True
    encoder: nn.ModuleList
    denoiser: nn.ModuleList
    null: nn.Parameter
    input_mean: Tensor
    input_std: Tensor

    def __init__(self, inputs: int) -> None:
        """Start with inputs (P,) as they are; `fit` sets their units."""
        super().__init__()
        self.register_buffer("input_mean", torch.zeros(inputs))
        self.register_buffer("input_std", torch.ones(inputs))

    @property
    @abstractmethod
    def space(self) -> ScoreSpace:
        """The map between scores and signals."""

    @abstractmethod
    def positions(self, seconds: Tensor, mask: Tensor | None = None) -> Positions:
        """Return the positions of steps at times (B, N) or (N,), in seconds; mask as for `encode`."""

    @abstractmethod
    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> EncodedVideo:
        """Encode each step in the context of its video.

        Args:
            inputs: (B, N, P), `summdiff.scoring.inputs.Condition.inputs`.
            seconds: (B, N) or (N,) time of each step.
            mask: (B, N) true at steps; None if there is no padding.
            dropped: (B,) true for videos to be replaced by "no video" (guidance); None for none.
        """

    @abstractmethod
    def prepare(self, tokens: Tensor, seconds: Tensor, mask: Tensor | None = None, **given: Tensor | None) -> Prepared:
        """Compute what is the same for every time and sample.

        Args:
            tokens: (B, N, C), those of `encode`.
            seconds, mask: as for `encode`.
            given: `mean`, `directions` and `variances` of `Prepared`, for networks that have them.
        """

    @abstractmethod
    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict the clean scores (B, S, N) that noisy signals came from.

        Args:
            noisy: (B, S, N) S_t.
            timestep: (B, S) integer time t; (B, 1) where all samples share it, which saves work.
            signal: as `timestep`, sqrt(alpha_bar_t).
            condition: from `prepare`; its B may be 1.
        """

    def facts(self) -> DenoiserFacts:
        """Return what the sampler has to know about this network."""
        return DenoiserFacts(len(self.input_mean), self.space, joint_denoising=self.joint_denoising)

    def standardise(self, inputs: Tensor) -> Tensor:
        """Return inputs (..., P) in the units of the training videos."""
        return (inputs - self.input_mean) / self.input_std

    @torch.no_grad()
    def fit(self, videos: Iterable[tuple[Condition, NDArray[Any]]], *, penalty: float) -> None:
        """Set what has a closed form, here the units of the inputs.

        Args:
            videos: condition and mean curve (N,) of each training video.
            penalty: of ridge regression, for each video, in networks that use it.
        """
        self._set_units(Statistics.of(videos, products=False))

    def _set_units(self, statistics: Statistics) -> None:
        self.input_mean.copy_(torch.from_numpy(statistics.mean))
        self.input_std.copy_(torch.from_numpy(statistics.std))

    @torch.no_grad()
    def set_null_video(self, features: ArrayLike) -> None:
        """Store the inputs (P,) of a black video's steps as the null video, which is then no longer learned.

        Call `fit` first.

        Raises:
            ModelError: the network has no null video, or another number of inputs.
        """
        vector = torch.as_tensor(features, dtype=torch.float32)
        if not self.has_null_video or vector.shape != self.input_mean.shape:
            has = f"takes one of shape {tuple(self.input_mean.shape)}" if self.has_null_video else "has no null video"
            raise ModelError(f"A null video of shape {tuple(vector.shape)} does not fit: the network {has}.")
        self.null.copy_(clamped(self.standardise(vector)))
        self.null.requires_grad_(False)


def clamped(standardised: Tensor) -> Tensor:
    """Return standardized inputs within 5 deviations: outliers of other features would dominate the network."""
    return standardised.clamp(-5, 5)


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return a context that turns automatic mixed precision off, for sums that half precision would spoil."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


# Checks that configs share


def check_at_least_one(**sizes: int) -> None:
    """Raise a ModelError that names the first size below 1."""
    for name, value in sizes.items():
        if value < 1:
            raise ModelError(f"`{name}` must be at least 1, got {value}.")


def check_shares(**shares: float) -> None:
    """Raise a ModelError that names the first share outside [0, 1), such as of dropout."""
    for name, value in shares.items():
        if not 0 <= value < 1:
            raise ModelError(f"`{name}` must be in [0, 1), got {value}.")


def check_choice(name: str, value: str, choices: Any) -> None:
    """Raise a ModelError unless a value is one of a `Literal`'s."""
    known: Sequence[str] = get_args(choices)
    if value not in known:
        raise ModelError(f"`{name}` must be {' or '.join(known)}, got '{value}'.")


def check_denoiser(config: Any) -> None:
    """Raise a ModelError unless the sizes that all denoisers' configs share fit together."""
    c = config
    check_at_least_one(inputs=c.inputs, width=c.width, heads=c.heads, feed_forward=c.feed_forward)
    check_at_least_one(denoiser_layers=c.denoiser_layers)
    if c.encoder_layers < 0:
        raise ModelError(f"`encoder_layers` must be at least 0, got {c.encoder_layers}.")
    if c.n_bins < 2:
        raise ModelError(f"`n_bins` must be at least 2, got {c.n_bins}.")
    if c.width % (2 * c.heads):
        raise ModelError(f"`width` must be a multiple of twice the {c.heads} heads, got {c.width}.")
    if c.width % 8:
        raise ModelError(f"`width` must be a multiple of 8, for position and time encodings, got {c.width}.")


def check_kernel(kernel: int) -> None:
    """Raise a ModelError unless a convolution's number of steps is odd."""
    if kernel < 1 or kernel % 2 != 1:
        raise ModelError(f"`kernel` must be an odd number of steps, got {kernel}.")


def check_positive(**numbers: float) -> None:
    """Raise a ModelError that names the first number that is not above 0."""
    for name, value in numbers.items():
        if not value > 0:
            raise ModelError(f"`{name}` must be above 0, got {value}.")
