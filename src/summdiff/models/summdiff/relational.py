"""Relational SummDiff: for any backbone, and for whatever is already known of the curve.

It sees how steps relate, never what they show (`summdiff.features.relational`), so it works over features that it was
not trained on. Three parts of one denoiser, f(S_t, t, F) = mu(F) + G(S_t, t, F) + D(S_t, t, F):

- mu, the mean curve: ridge regression on relational descriptors, in which steps that look alike then agree.
- G, what a Gaussian would make of the noisy departure from mu: people's opinions of steps that are alike, or near each
  other, go together (`kinship`). Given known scores, mu and G are those given these, exactly.
- D, what the network of `network` adds, in units of what G leaves uncertain: score tokens that see each other and the
  encoded relations. It is odd in the departure, so that samples from opposite noise stay mirror images around mu.

mu and G are fitted in closed form and by maximum likelihood, D is trained by denoising.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.features.relational import PLACES
from summdiff.models.contract import full_precision
from summdiff.models.summdiff.config import NetworkConfig
from summdiff.models.summdiff.kinship import Kinship, Opinions
from summdiff.models.summdiff.network import (
    MEAN_SMOOTHING,
    Prepared,
    SummDiff,
    both_signs,
    smoothed,
    standardised_curves,
)

_DISAGREE = 2.0  # the largest s²: on TVSum people disagree about as much everywhere


@dataclass(frozen=True, slots=True)
class RelationalConfig(NetworkConfig):
    """What a relational SummDiff is; the fields of `NetworkConfig` are those of D.

    Attributes:
        guess_noise: how far ridge regression's value of a step is trusted before steps that are alike agree on one:
            variance of its error, relative to that of what steps share.
        corrects: whether there is a D.
        mean_head: always; mu stands apart from the denoiser.
        squash: never.
        linear_share: 1; mu has no other part.
    """

    guess_noise: float = 1.0
    corrects: bool = True
    width: int = 64
    encoder_layers: int = 1
    denoiser_layers: int = 2
    score_scale: float = 2.0
    mean_head: bool = True
    squash: bool = False
    linear_share: float = 1.0
    mean_gain: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        NetworkConfig.__post_init__(self)
        if not (self.mean_head and not self.squash and self.linear_share == 1 and self.components == 0):
            raise ModelError("A relational network needs mean_head, linear_share=1, squash=false and components=0.")
        if self.deep_mlps or self.global_token:
            raise ModelError("A relational network has neither deep MLPs nor a global token.")
        if not self.guess_noise > 0:
            raise ModelError(f"The noise of a guess must be above 0, got {self.guess_noise}.")

    @property
    def seen(self) -> int:
        """Relational descriptors; the places say only what is alike."""
        return max(1, self.inputs - PLACES)


@dataclass(frozen=True, slots=True)
class Considered(Prepared):
    """A condition with what is thought of the curve before the network is asked."""

    opinions: Opinions


class Relational(SummDiff):
    """The network. Inputs (B, N, P + E): relational descriptors, and places."""

    config: RelationalConfig
    scale_weights: Tensor

    def __init__(self, config: RelationalConfig) -> None:
        """Build it with random weights, of which those of D's output are 0: it starts as a Gaussian."""
        super().__init__(config)
        self.kinship = Kinship()
        self.register_buffer("scale_weights", torch.zeros(config.seen))
        self.mean_head = None  # mu is all ridge regression
        self.considered = nn.Linear(2, config.width)
        last = self.head
        assert isinstance(last, nn.Linear)  # noqa: S101 (no deep MLPs here)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> Tensor:
        """The condition (B, N, C + 2 + E) of each step: encoded, mu on a scale of its own, log s, and its place.

        Args:
            inputs: (B, N, P + E).
            seconds, mask, dropped: as for `SummDiff.encode`.
        """
        described, where = torch.split(inputs, [self.config.seen, PLACES], dim=-1)
        encoded = super().encode(described, seconds, mask, dropped)  # (B, N, C + 1)
        own, curve = torch.split(encoded, [self.config.width, 1], dim=-1)
        with full_precision(inputs.device):
            agreed = self.kinship.agreed(curve[..., 0], where, seconds, mask, self.config.guess_noise)
            scale = self.log_scale(described)
        return torch.cat([own, agreed[..., None], scale[..., None], where], dim=-1)

    def log_scale(self, described: Tensor) -> Tensor:
        """How much people are expected to disagree about steps (..., N) from their descriptors (..., N, P): log s.

        What is foreseen is the variance of what they say, relative to that of all steps, less 1.
        """
        variance = 1 + self.standardise(described).clamp(-5, 5) @ self.scale_weights
        return variance.clamp(1 / _DISAGREE, _DISAGREE).log() / 2

    def settle(self, condition: Tensor) -> Tensor:
        """The condition of a whole video (N, C + 2 + E), mu now in units of scores."""
        own, curve, rest = torch.split(condition, [self.config.width, 1, 1 + PLACES], dim=-1)
        return torch.cat([own, self.mean_of(curve[:, 0])[:, None], rest], dim=-1)

    def mean_of(self, curve: Tensor) -> Tensor:
        """Mu (N,) in units of scores of a curve (N,) on any scale."""
        return 0.5 + self.curve_std * standardised_curves(smoothed(curve[None], MEAN_SMOOTHING))[0]

    def spread(self, condition: Tensor, seconds: Tensor, known: Tensor | None = None) -> Tensor:
        """Standard deviation (B, N) of scores, as far as it is Gaussian, of settled conditions (B, N, C + 2 + E)."""
        return self.prepare(condition, seconds, known=known).opinions.deviation

    def encode_null(self, seconds: Tensor) -> Tensor:
        """The settled condition of the null video: nothing in it stands out, and all of it is alike."""
        inputs = F.pad(self.input_mean, (0, PLACES)).expand(1, len(seconds), -1)
        encoded = self.encode(inputs, seconds, dropped=torch.ones(1, dtype=torch.bool, device=seconds.device))
        own, _, rest = torch.split(encoded, [self.config.width, 1, 1 + PLACES], dim=-1)
        return torch.cat([own, torch.full_like(own[..., :1], 0.5), rest], dim=-1)

    def prepare(
        self, condition: Tensor, seconds: Tensor, mask: Tensor | None = None, known: Tensor | None = None
    ) -> Considered:
        """What of a settled condition (B, N, C + 2 + E) is the same for every time.

        Args:
            condition, seconds, mask: as for `SummDiff.prepare`.
            known: (B, N), or (B, S, N) where each sample has its own at the same steps: scores, NaN where none is.
        """
        own, mean, log_scale, where = torch.split(condition, [self.config.width, 1, 1, PLACES], dim=-1)
        plain = super().prepare(torch.cat([own, mean], dim=-1), seconds, mask)
        with full_precision(condition.device):
            covariance = self.kinship.prior(where, seconds, log_scale[..., 0].exp(), mask)
            opinions = Opinions.of(mean[..., 0], covariance, known)
        return Considered(plain.steps, opinions.mean, plain.own, plain.memory, opinions)

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """The clean scores (B, S, N) that noisy ones came from; see `SummDiff.denoise`."""
        assert isinstance(condition, Considered)  # noqa: S101 (what `prepare` gives)
        opinions, scale = condition.opinions, 2 * self.config.score_scale
        mean = opinions.mean if opinions.mean.ndim == 3 else opinions.mean[:, None]
        apart = noisy - signal[..., None] * self.config.space.to_signal(mean)
        with full_precision(noisy.device):
            expected, uncertain = opinions.expected(apart, signal, scale)
        if not self.config.corrects:
            return mean + expected
        usual = opinions.variances.mean(dim=1).sqrt()[:, None, None].clamp(min=1e-3)
        told = torch.stack([expected / usual, (uncertain / usual).expand_as(expected)], dim=-1)  # (B, S, N, 2)
        flipped = told * told.new_tensor([-1.0, 1.0])
        both, when, left = both_signs(apart, timestep, signal)
        more = self.considered(torch.cat([told, flipped], dim=1))
        up, down = self._predict(both, when, left, condition, more).chunk(2, dim=1)
        return mean + expected + uncertain * (up - down) / 2
