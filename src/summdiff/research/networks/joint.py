"""Joint SummDiff: features and relations, score tokens that see each other, and a mean curve learned apart.

It is `relational.ResidualDenoiser` without the Gaussian. With `mean_curve` it denoises the residual around a mean curve
mu, f(S_t, t, F) = mu(F) + D, where D is odd in the residual; mu is a weighted sum of a head's curve and of ridge
regression, each standardized over the video. Without, it is a plain denoiser.

Symbols and shapes are those of `relational`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks._layers import to_signal
from summdiff.research.networks._residual_denoiser import ResidualConfig, ResidualDenoiser
from summdiff.research.networks._statistics import Statistics, relation_weights
from summdiff.research.networks.base import Architecture, EncodedVideo, Prepared, check_positive, full_precision
from summdiff.research.networks.denoising import (
    RESIDUAL_WEIGHT,
    Denoising,
    NoisyScores,
    correlation_loss,
    squared_error,
)
from summdiff.scoring.inputs import Condition
from summdiff.scoring.networks import DenoiserFacts, MeanCurve


@dataclass(frozen=True, slots=True)
class JointConfig(ResidualConfig):
    """Sizes and options of the joint network: those of `ResidualConfig`, and these.

    Attributes:
        encoder_layers: of the video encoder.
        score_scale: lambda; scores in [0, 1] become signals in [-lambda, lambda].
        cross_attention: whether score tokens attend to the video, beside receiving it at their own step.
        mean_curve: whether a mean curve is predicted and only the residual around it is denoised.
        linear_share: weight of ridge regression in the mean curve, in [0, 1].
        mean_gain: deviation of mean curves over time, relative to that of annotators' mean curves.
    """

    encoder_layers: int = 2
    score_scale: float = 1.0
    cross_attention: bool = True
    mean_curve: bool = False
    linear_share: float = 0.0
    mean_gain: float = 0.7

    def __post_init__(self) -> None:
        """Check the fields."""
        ResidualConfig.__post_init__(self)
        check_positive(mean_gain=self.mean_gain)
        if not 0 <= self.linear_share <= 1:
            raise ModelError(f"`linear_share` must be in [0, 1], got {self.linear_share}.")
        if self.linear_share > 0 and not self.mean_curve:
            raise ModelError("`linear_share` is a share of the mean curve: set mean_curve=true, or leave it 0.")


class Joint(ResidualDenoiser):
    """The network."""

    config: JointConfig
    linear_weights: Tensor
    curve_std: Tensor

    def __init__(self, config: JointConfig) -> None:
        super().__init__(config, cross_attention=config.cross_attention)
        if config.mean_curve:
            self.mean_head = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, 1))
            self.register_buffer("curve_std", torch.ones(()))
        if config.linear_share:
            self.register_buffer("linear_weights", torch.zeros(config.inputs))

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> EncodedVideo:
        """Encode each step; mean curves stay those of a dropped video, so every video teaches them."""
        standardised = self.standardise(inputs)  # (B, N, P)
        tokens = self.encode_steps(standardised, seconds, mask)  # (B, N, C)
        if not self.config.mean_curve:
            return EncodedVideo(self.drop(tokens, dropped))
        curves = [self.mean_head(tokens)]
        if self.config.linear_share:
            with full_precision(inputs.device):
                curves.append((standardised @ self.linear_weights)[..., None])
        return EncodedVideo(self.drop(tokens, dropped), torch.cat(curves, dim=-1))

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict clean scores (B, S, N), in (0, 1) without a mean curve; see `Denoiser.denoise`."""
        if condition.mean is None:
            return torch.sigmoid(self.predict_raw(noisy, timestep, signal, condition))
        mean = condition.mean[:, None]  # (B, 1, N)
        residual = noisy - signal[..., None] * to_signal(self.space, mean)
        return mean + self.odd_part(residual, timestep, signal, condition)

    def facts(self) -> DenoiserFacts:
        """Return what the sampler has to know about this network."""
        c = self.config
        if not c.mean_curve:
            return DenoiserFacts(c.inputs, self.space)
        shares = (1 - c.linear_share, c.linear_share) if c.linear_share else (1.0,)
        return DenoiserFacts(c.inputs, self.space, MeanCurve(shares, c.mean_gain * float(self.curve_std)))

    @torch.no_grad()
    def fit(self, videos: Iterable[tuple[Condition, NDArray[Any]]], *, penalty: float) -> None:
        """Set the units of the inputs, ridge regression, and the deviation of mean curves; see `Denoiser.fit`."""
        statistics, deviations, weights = None, [], None
        for condition, curve in videos:
            x = np.asarray(condition.inputs, dtype=np.float64)
            if statistics is None:
                statistics = Statistics(x.shape[1], products=bool(self.config.linear_share))
                weights = relation_weights(condition)
            statistics.add(x, curve)
            deviations.append(curve.std())
        assert statistics is not None and weights is not None  # noqa: S101 (there is a training video)
        self._set_units(statistics)
        if self.config.mean_curve:
            self.curve_std.fill_(float(np.mean(deviations)))
        if self.config.linear_share:
            self.linear_weights.copy_(torch.from_numpy(statistics.ridge(penalty, weights)))


class JointDenoising(Denoising):
    """With a mean curve: the head learns it by correlation, and D the residual around the true mean curve.

    The encoder learns from the mean curve alone; residuals are noisy and would make it memorise the videos.
    """

    network: Joint

    def loss(self, encoded: EncodedVideo, noisy: NoisyScores, targets: Tensor, seconds: Tensor, mask: Tensor) -> Tensor:
        """Return the loss (B,) of each video; see `Denoising.loss`."""
        if encoded.curves is None:
            return super().loss(encoded, noisy, targets, seconds, mask)
        mean = targets.mean(dim=1)  # (B, N)
        predicted = self.denoise(noisy, self.network.prepare(encoded.tokens.detach(), seconds, mask, mean=mean))
        residual_loss = squared_error(predicted, noisy.wanted, mask).mean(dim=1)
        head = encoded.curves[..., :1].transpose(1, 2)
        return correlation_loss(head, mean[:, None], mask)[:, 0] + RESIDUAL_WEIGHT * residual_loss


ARCHITECTURE = Architecture.of_denoiser("joint", Joint, JointConfig, objective=JointDenoising)
