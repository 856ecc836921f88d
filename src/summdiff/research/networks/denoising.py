"""The training objective of denoisers: from noised scores back to the clean ones, paper §4.4, eq. 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from summdiff.research.networks._layers import to_signal
from summdiff.research.networks.base import Denoiser, EncodedVideo, Prepared, full_precision
from summdiff.scoring.schedule import ScheduleName, alphas_cumprod

RESIDUAL_WEIGHT = 10.0  # brings the squared error of residuals, about 0.01, to the size of a mean curve's loss


@dataclass(frozen=True, slots=True)
class NoisyScores:
    """Noised curves of a batch.

    Attributes:
        noisy: (B, S, N) signals S_t.
        timestep: (B, S) times t.
        alpha_bar: (B, S) alpha_bar_t.
        wanted: (B, S, N) scores to predict.
    """

    noisy: Tensor
    timestep: Tensor
    alpha_bar: Tensor
    wanted: Tensor


class Denoising(nn.Module):
    """Training objective of a denoiser; calling it gives the loss of each video.

    Args:
        network: to train.
        schedule, num_train_timesteps: of the noise.
        p_uncond: share of videos that the network does not see (guidance).
        curves: S, how many of a video's curves are noised, the first ones; None for all.
        expected_targets: whether to learn `expected_scores` instead of the one curve that was noised.
        rank_weight: of `correlation_loss` beside the squared error.
    """

    alphas_cumprod: Tensor

    def __init__(
        self,
        network: Denoiser,
        *,
        schedule: ScheduleName = "cosine",
        num_train_timesteps: int = 1000,
        p_uncond: float = 0.1,
        curves: int | None = None,
        expected_targets: bool = True,
        rank_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.p_uncond, self.curves = p_uncond, curves
        self.expected_targets = expected_targets
        self.rank_weight = rank_weight
        alpha_bar = torch.from_numpy(alphas_cumprod(schedule, num_train_timesteps=num_train_timesteps))
        self.register_buffer("alphas_cumprod", alpha_bar, persistent=False)

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
        """Return the loss (B,) of each video; each counts the same, whatever its length.

        Args:
            inputs: (B, N, P) that condition the network.
            targets: (B, U, N) clean scores in [0, 1].
            seconds: (B, N) time of each step.
            mask: (B, N) true at steps.
            seeds: (B,) int64, one per video: of its times, its noise, and whether it is dropped.
            means, places: for `RelationalDenoising` only.
        """
        noisy, dropped = self.add_noise(targets, mask, seeds, expected=self.expected_targets)
        encoded = self.network.encode(inputs, seconds, mask, dropped)
        return self.loss(encoded, noisy, targets, seconds, mask)

    def loss(self, encoded: EncodedVideo, noisy: NoisyScores, targets: Tensor, seconds: Tensor, mask: Tensor) -> Tensor:
        """Return the loss (B,) of encoded videos; arguments as for `forward`."""
        predicted = self.denoise(noisy, self.network.prepare(encoded.tokens, seconds, mask))  # (B, S, N)
        loss = squared_error(predicted, noisy.wanted, mask).mean(dim=1)  # eq. 3
        if self.rank_weight:
            loss = loss + self.rank_weight * correlation_loss(predicted, noisy.wanted, mask).mean(dim=1)
        return loss

    def denoise(self, noisy: NoisyScores, condition: Prepared) -> Tensor:
        """Return the network's clean scores (B, S, N)."""
        return self.network.denoise(noisy.noisy, noisy.timestep, noisy.alpha_bar.sqrt().float(), condition)

    def add_noise(self, targets: Tensor, mask: Tensor, seeds: Tensor, *, expected: bool) -> tuple[NoisyScores, Tensor]:
        """Noise the first S curves of targets (B, U, N), and draw which videos (B,) are dropped.

        Args:
            targets, mask, seeds: as for `forward`.
            expected: whether `expected_scores` are wanted, else the clean curves.
        """
        S = self.curves or targets.shape[1]
        timestep, noise, dropped = (
            drawn.to(targets.device) for drawn in self.draw(seeds.tolist(), curves=S, steps=targets.shape[2])
        )
        clean = to_signal(self.network.space, targets)  # (B, U, N)
        noisy = add_noise(clean[:, :S], noise, timestep, self.alphas_cumprod)
        alpha_bar = self.alphas_cumprod[timestep]  # (B, S)
        wanted = targets[:, :S]
        if expected:
            with full_precision(noisy.device):
                wanted = expected_scores(noisy, alpha_bar, clean, targets, mask)
        return NoisyScores(noisy, timestep, alpha_bar, wanted), dropped

    def draw(self, seeds: Sequence[int], *, curves: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the random numbers of B videos, each from its own generator, independent of the padding.

        Returns:
            Times t (B, S) from 0 to T - 1; standard normal noise (B, S, N); and which videos (B,) are dropped.
        """
        generators = [np.random.default_rng(seed) for seed in seeds]
        T = len(self.alphas_cumprod)
        timestep = torch.from_numpy(np.stack([rng.integers(T, size=curves) for rng in generators]))
        dropped = torch.tensor([bool(rng.random() < self.p_uncond) for rng in generators])
        noise = np.stack([rng.standard_normal((steps, curves), dtype=np.float32) for rng in generators])
        return timestep, torch.from_numpy(noise).transpose(1, 2), dropped


def add_noise(clean: Tensor, noise: Tensor, timesteps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """Return S_t = sqrt(alpha_bar_t) S_0 + sqrt(1 - alpha_bar_t) eps, shaped and typed as S_0 (paper §4.1).

    Args:
        clean: (..., N) S_0.
        noise: (..., N) standard normal eps.
        timesteps: (...) integer times t, from 0 to T - 1.
        alphas_cumprod: (T,) of the schedule.
    """
    alpha_bar = alphas_cumprod.to(clean.device)[timesteps][..., None]
    return alpha_bar.sqrt().to(clean.dtype) * clean + (1 - alpha_bar).sqrt().to(clean.dtype) * noise


def squared_error(predicted: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error (B, S) of curves (B, S, N) over steps, mask (B, N)."""
    squared = mse_loss(predicted, wanted, reduction="none") * mask[:, None]
    return squared.sum(dim=-1) / mask.sum(dim=-1, keepdim=True)


def expected_scores(noisy: Tensor, alpha_bar: Tensor, clean: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return E[S_0 | S_t] over a video's curves: their mean, weighted by how likely each led to the noisy signals.

    Learning it has the same optimum as learning the one curve that was noised, with much less variance, above all at
    late times (Xu et al., Stable Target Field, ICLR 2023).

    Args:
        noisy: (B, S, N) S_t.
        alpha_bar: (B, S) alpha_bar_t.
        clean: (B, U, N) signals S_0 of all curves, that of `noisy` among them.
        targets: (B, U, N) the same curves in [0, 1].
        mask: (B, N) true at steps.

    Returns:
        (B, S, N) in [0, 1].
    """
    a = alpha_bar[..., None].to(noisy.dtype)
    real = mask[:, None].to(noisy.dtype)
    # log N(S_t; sqrt(a) S_0, 1 - a) less what is the same for all curves
    match = (noisy * real) @ (clean * real).transpose(1, 2)  # (B, S, U)
    size = ((clean * real) ** 2).sum(dim=-1)[:, None]  # (B, 1, U)
    likely = torch.softmax((a.sqrt() * match - a * size / 2) / (1 - a), dim=-1)
    expected: Tensor = likely @ targets
    return expected


def correlation_loss(predicted: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Return 1 less Pearson's correlation over a video's steps, (B, S) in [0, 2].

    It ignores level and scale, as the rank correlations do by which curves are judged.

    Args:
        predicted, wanted: (B, S, N).
        mask: (B, N) true at steps.
    """
    real = mask[:, None].to(predicted.dtype)
    count = real.sum(dim=-1, keepdim=True)
    a, b = (((x - (x * real).sum(dim=-1, keepdim=True) / count) * real) for x in (predicted, wanted))
    floor = 1e-6  # keeps the gradient finite where a curve is flat
    norms = torch.sqrt((a * a).sum(dim=-1) + floor) * torch.sqrt((b * b).sum(dim=-1) + floor)
    return 1 - (a * b).sum(dim=-1) / norms
