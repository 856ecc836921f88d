"""Relational SummDiff: for features of any backbone, and conditioned on known scores.

It sees how steps relate, never what they show (`summdiff.features.relational`), so it works over features that it was
not trained on. Three parts of one denoiser, f(S_t, t, F) = mu(F) + G(S_t, t, F) + D(S_t, t, F):

- mu, the mean curve: ridge regression on relational descriptors, in which similar steps then agree.
- G, the Gaussian posterior's estimate of the clean residual (`summdiff.scoring.gaussian`). Known scores condition mu
  and G exactly.
- D, what the network of `network` adds, in units of the posterior's standard deviation: score tokens that see each
  other and the encoded relations. It is odd in the residual, so that samples from opposite noise mirror each other
  around mu.

mu and G are fitted in closed form and by maximum likelihood, D is trained by denoising.

Shapes: B videos, S samples a video, N steps, P relational descriptors.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace

import torch
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.features.relational import PLACES
from summdiff.research.networks.base import full_precision
from summdiff.research.networks.summdiff.config import NetworkConfig
from summdiff.research.networks.summdiff.layers import to_signal
from summdiff.research.networks.summdiff.network import Encoded, Prepared, SummDiff, both_signs
from summdiff.scoring.gaussian import GaussianPrior
from summdiff.scoring.networks import DenoiserFacts, MeanCurve

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


class Relational(SummDiff):
    """The network. Its inputs (B, N, P) are relational descriptors; places enter through the Gaussian posterior."""

    config: RelationalConfig
    prior_logs: Tensor
    scale_weights: Tensor

    def __init__(self, config: RelationalConfig) -> None:
        """Build it with random weights, of which those of D's output are 0: it starts as a Gaussian."""
        super().__init__(config)
        self.register_buffer("prior_logs", torch.tensor([math.log(value) for value in astuple(GaussianPrior())]))
        self.register_buffer("scale_weights", torch.zeros(config.seen))
        self.mean_head = None  # mu is all ridge regression
        self.considered = nn.Linear(2, config.width)
        last = self.head
        assert isinstance(last, nn.Linear)  # noqa: S101 (no deep MLPs here)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    @property
    def prior(self) -> GaussianPrior:
        """The covariance of departures from mu."""
        return GaussianPrior.from_logs(self.prior_logs.double().cpu().numpy())

    @property
    def encoder_inputs(self) -> int:
        """Relational descriptors a step, without places."""
        return self.config.seen

    def facts(self) -> DenoiserFacts:
        """Return what the sampler has to know about this network."""
        c = self.config
        return DenoiserFacts(c.inputs, c.space, MeanCurve((1.0,), float(self.curve_std)), self.prior, c.guess_noise)

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> Encoded:
        """Encode each step's descriptors (B, N, P); other arguments as for `SummDiff.encode`."""
        encoded = super().encode(inputs, seconds, mask, dropped)
        with full_precision(inputs.device):
            return replace(encoded, log_scale=self.log_scale(inputs))

    def log_scale(self, described: Tensor) -> Tensor:
        """Return log s: the disagreement expected about steps (..., N) from their descriptors (..., N, P).

        The regression predicts the variance between annotators, relative to that of all steps, less 1.
        """
        variance = 1 + self.standardise(described).clamp(-5, 5) @ self.scale_weights
        return variance.clamp(1 / _DISAGREE, _DISAGREE).log() / 2

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict the clean scores (B, S, N) that noisy ones came from; see `SummDiff.denoise`."""
        assert condition.mean is not None  # noqa: S101 (what sampler and objective prepare)
        mean = condition.mean if condition.mean.ndim == 3 else condition.mean[:, None]
        residual = noisy - signal[..., None] * to_signal(self.config.space, mean)
        with full_precision(noisy.device):
            expected, uncertain = self.posterior_residual(residual, signal, condition)
        if not self.config.corrects:
            return mean + expected
        assert condition.variances is not None  # noqa: S101 (the same)
        total, mask = condition.variances.sum(dim=1), condition.steps.mask
        count = condition.variances.shape[1] if mask is None else mask.sum(dim=1)
        usual = (total / count).sqrt()[:, None, None].clamp(min=1e-3)
        told = torch.stack([expected / usual, (uncertain / usual).expand_as(expected)], dim=-1)  # (B, S, N, 2)
        flipped = told * told.new_tensor([-1.0, 1.0])
        both, when, left = both_signs(residual, timestep, signal)
        more = self.considered(torch.cat([told, flipped], dim=1))
        up, down = self._predict(both, when, left, condition, more).chunk(2, dim=1)
        return mean + expected + uncertain * (up - down) / 2

    def posterior_residual(self, residual: Tensor, signal: Tensor, condition: Prepared) -> tuple[Tensor, Tensor]:
        """Return what clean residual a noisy one comes from, if residuals are Gaussian, and how sure that is.

        Args:
            residual: (B, S, N) S_t less its share of the mean, in units of signals.
            signal: (B, S) or (B, 1) sqrt(abar_t).
            condition: with directions and variances.

        Returns:
            Mean (B, S, N), and standard deviation (B, S or 1, N), in units of scores.
        """
        assert condition.directions is not None and condition.variances is not None  # noqa: S101 (see `denoise`)
        scale, directions = 2 * self.config.score_scale, condition.directions
        a = signal[..., None]  # (B, S, 1)
        variances = (scale**2 * condition.variances)[:, None]  # (B, 1, N)
        gain = variances / (a**2 * variances + 1 - a**2).clamp(min=1e-12)
        mean = ((residual @ directions) * (a * gain)) @ directions.transpose(1, 2)
        left = (gain * (1 - a**2)) @ directions.square().transpose(1, 2)
        return mean / scale, left.clamp(min=0).sqrt() / scale
