"""Relational SummDiff, the default model: for features of any backbone, and conditioned on known scores.

It is conditioned on how steps relate, never on what they show (`summdiff.features.relations`), so it works with
features it was not trained on. The denoiser is a sum of three parts:

    f(S_t, t, F) = mu(F) + G(S_t, t, F) + D(S_t, t, F)

- mu, the mean curve: ridge regression on relational descriptors, smoothed so that similar steps agree.
- G, the clean residual that the Gaussian posterior expects (`summdiff.scoring.gaussian`). Known scores condition mu
  and G exactly.
- D, what the `ResidualDenoiser` adds, in units of the posterior's standard deviation. It is odd in the residual, so
  samples from opposite noise mirror each other around mu, and their mean is mu whatever the noise (as in residual
  diffusion, Mardani et al. 2023).

mu and G are fitted in closed form and by maximum likelihood (`relational_fit`); D is trained by denoising.

    variable                 meaning, symbol in the paper
    inputs                   relational descriptors of each step; they replace the features of §4.2
    tokens                   Z, the encoded video
    noisy, signal            S_t, sqrt(α_t)
    residual                 S_t less the share of the mean curve in it
    directions, variances    of the Gaussian posterior over the clean residual
    n_bins, levels           K, and the embeddings of the score levels (§4.3)

Shapes: B videos, S samples of each, N steps, P descriptors of a step, C width, H heads, d = C / H.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from summdiff.research.networks._layers import to_signal
from summdiff.research.networks._residual_denoiser import ResidualConfig, ResidualDenoiser
from summdiff.research.networks.base import (
    Architecture,
    EncodedVideo,
    Prepared,
    check_positive,
    clamped,
    full_precision,
)
from summdiff.research.networks.denoising import RESIDUAL_WEIGHT, Denoising, squared_error
from summdiff.scoring.gaussian import GaussianPrior, ScorePosterior
from summdiff.scoring.networks import DenoiserFacts, MeanCurve

_LARGEST_VARIANCE = 2.0  # s² at most; on TVSum annotators disagree about equally everywhere


@dataclass(frozen=True, slots=True)
class RelationalConfig(ResidualConfig):
    """Sizes and options of the relational network: those of `ResidualConfig` for D, and two of the Gaussian.

    Attributes:
        inputs: P, relational descriptors of a step.
        guess_noise: variance of the error of ridge regression's value at a step, relative to the variance that similar
            steps share: the larger it is, the more similar steps agree in mu.
        gaussian_only: whether D is left out.
    """

    guess_noise: float = 1.0
    gaussian_only: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        ResidualConfig.__post_init__(self)
        check_positive(guess_noise=self.guess_noise)


class Relational(ResidualDenoiser):
    """The network of the default model. It starts as a Gaussian: D's output is 0 at first."""

    config: RelationalConfig
    curve_std: Tensor
    linear_weights: Tensor
    scale_weights: Tensor
    prior_logs: Tensor

    def __init__(self, config: RelationalConfig) -> None:
        super().__init__(config)
        P = config.inputs
        self.register_buffer("linear_weights", torch.zeros(P))  # of mu
        self.register_buffer("curve_std", torch.ones(()))  # of mu over time
        self.register_buffer("scale_weights", torch.zeros(P))  # of the expected disagreement
        self.register_buffer("prior_logs", torch.tensor([math.log(value) for value in astuple(GaussianPrior())]))
        self.posterior_in = nn.Linear(2, config.width)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def prior(self) -> GaussianPrior:
        """Covariance of residuals around mu."""
        return GaussianPrior.from_logs(self.prior_logs.double().cpu().numpy())

    def facts(self) -> DenoiserFacts:
        """Return what the sampler has to know about this network."""
        c, mean = self.config, MeanCurve((1.0,), float(self.curve_std))
        return DenoiserFacts(c.inputs, self.space, mean, self.prior, c.guess_noise)

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> EncodedVideo:
        """Encode each step's descriptors; mean curve and disagreement stay those of a dropped video."""
        standardised = self.standardise(inputs)  # (B, N, P)
        tokens = self.drop(self.encode_steps(standardised, seconds, mask), dropped)
        with full_precision(inputs.device):
            linear = standardised @ self.linear_weights  # (B, N)
            return EncodedVideo(tokens, linear[..., None], self.log_scale(inputs))

    def log_scale(self, descriptors: Tensor) -> Tensor:
        """Return log s (..., N), the disagreement expected at steps with these descriptors (..., N, P).

        The regression predicts the variance between annotators, relative to that of all steps, less 1.
        """
        variance = 1 + clamped(self.standardise(descriptors)) @ self.scale_weights
        return variance.clamp(1 / _LARGEST_VARIANCE, _LARGEST_VARIANCE).log() / 2

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict clean scores (B, S, N), mu + G + D; see `Denoiser.denoise`."""
        assert condition.mean is not None  # noqa: S101 (sampler and objective give the posterior)
        assert condition.variances is not None  # noqa: S101
        mean = condition.mean if condition.mean.ndim == 3 else condition.mean[:, None]  # (B, S or 1, N)
        residual = noisy - signal[..., None] * to_signal(self.space, mean)
        with full_precision(noisy.device):
            expected, deviation = self.posterior_residual(residual, signal, condition)  # G
        if self.config.gaussian_only:
            return mean + expected
        total, mask = condition.variances.sum(dim=1), condition.positions.mask
        count = condition.variances.shape[1] if mask is None else mask.sum(dim=1)
        typical = (total / count).sqrt()[:, None, None].clamp(min=1e-3)  # (B, 1, 1)
        posterior = torch.stack([expected / typical, (deviation / typical).expand_as(expected)], dim=-1)
        mirrored = posterior * posterior.new_tensor([-1.0, 1.0])  # (B, S, N, 2)
        added = self.posterior_in(torch.cat([posterior, mirrored], dim=1))  # (B, 2 S, N, C)
        return mean + expected + deviation * self.odd_part(residual, timestep, signal, condition, added)

    def posterior_residual(self, residual: Tensor, signal: Tensor, condition: Prepared) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the clean residual, given the noisy one, if residuals are Gaussian.

        Args:
            residual: (B, S, N) S_t less the share of the mean curve in it, in units of signals.
            signal: (B, S) or (B, 1) sqrt(alpha_bar_t).
            condition: with directions and variances.

        Returns:
            Mean (B, S, N) and deviation (B, S or 1, N), in units of scores.
        """
        assert condition.directions is not None and condition.variances is not None  # noqa: S101 (see `denoise`)
        scale, directions = 2 * self.config.score_scale, condition.directions
        a = signal[..., None]  # (B, S, 1)
        variances = (scale**2 * condition.variances)[:, None]  # (B, 1, N)
        gain = variances / (a**2 * variances + 1 - a**2).clamp(min=1e-12)
        mean = ((residual @ directions) * (a * gain)) @ directions.transpose(1, 2)
        variance = (gain * (1 - a**2)) @ directions.square().transpose(1, 2)
        return mean / scale, variance.clamp(min=0).sqrt() / scale


class RelationalDenoising(Denoising):
    """The objective of the relational network: annotators' residuals around a mean curve that did not see the video.

    In half of the videos a few scores of each curve are known, at random steps or in runs, as a user would fix them.
    """

    network: Relational

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        seconds: Tensor,
        mask: Tensor,
        seeds: Tensor,
        means: Tensor | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Return the loss (B,) of each video.

        Args:
            inputs, targets, seconds, mask, seeds: as for `Denoising.forward`.
            means: (B, N) mean curves predicted without the video's own annotations.
            places: (B, N, E) of the Gaussian prior.
        """
        assert means is not None and places is not None  # noqa: S101 (training gives both)
        network = self.network
        noisy, dropped = self.add_noise(targets, mask, seeds, expected=False)
        there = known_steps(seeds.tolist(), mask.sum(dim=1).tolist(), steps=targets.shape[2]).to(inputs.device)
        known = torch.where(there[:, None], noisy.wanted, torch.nan)
        encoded = network.encode(inputs, seconds, mask, dropped)
        assert encoded.log_scale is not None  # noqa: S101 (a relational network predicts it)
        posterior = posteriors(network.prior, means, encoded.log_scale.exp(), places, seconds, mask, known)
        predicted = self.denoise(noisy, network.prepare(encoded.tokens, seconds, mask, **posterior))
        return RESIDUAL_WEIGHT * squared_error(predicted, noisy.wanted, mask & ~there).mean(dim=1)


def posteriors(
    prior: GaussianPrior, mean: Tensor, scale: Tensor, places: Tensor, seconds: Tensor, mask: Tensor, known: Tensor
) -> dict[str, Tensor]:
    """Return `mean`, `directions` and `variances` of `Prepared` from each video's Gaussian posterior, 0 in the padding.

    Computed in NumPy on the processor.

    Args:
        prior: covariance of residuals.
        mean, scale, seconds, mask: (B, N).
        places: (B, N, E).
        known: (B, S, N) known scores, NaN where unknown; at the same steps in all samples of a video.
    """
    B, S, N = known.shape
    found = {
        "mean": mean[:, None].expand(B, S, N).cpu().clone(),
        "directions": torch.zeros(B, N, N),
        "variances": torch.zeros(B, N),
    }
    arrays = [x.detach().float().cpu().numpy() for x in (mean, scale, places, seconds, known)]
    for video, steps in enumerate(mask.sum(dim=1).tolist()):
        m, s, where, when = (x[video, :steps] for x in arrays[:4])
        posterior = ScorePosterior.of(m, prior.covariance(where, when, s), arrays[4][video, :, :steps])
        found["mean"][video, :, :steps] = torch.from_numpy(posterior.mean)
        found["directions"][video, :steps, :steps] = torch.from_numpy(posterior.directions)
        found["variances"][video, :steps] = torch.from_numpy(posterior.variances)
    return {name: tensor.to(mean.device) for name, tensor in found.items()}


def known_steps(seeds: Sequence[int], lengths: Sequence[int], *, steps: int) -> Tensor:
    """Draw which steps (B, N) are known in training: none in half of the videos, else up to a third, partly in runs."""
    there = np.zeros((len(seeds), steps), dtype=bool)
    for row, seed, length in zip(there, seeds, lengths, strict=True):
        rng = np.random.default_rng([seed, 1])
        if rng.random() < 0.5 or length < 4:
            continue
        count = max(1, round(length * rng.uniform(0.02, 0.33)))
        run = 1 if rng.random() < 0.5 else int(rng.integers(2, 11))
        for start in rng.choice(length, size=-(-count // run), replace=False):
            row[start : min(start + run, length)] = True
        if row[:length].all():
            row[int(rng.integers(length))] = False
    return torch.from_numpy(there)


ARCHITECTURE = Architecture.of_denoiser("relational", Relational, RelationalConfig, objective=RelationalDenoising)
