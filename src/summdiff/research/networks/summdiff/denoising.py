"""How SummDiff learns: from noised scores, with and without the video, back to the clean ones (paper §4.4, eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from summdiff.features.relational import PLACES
from summdiff.research.networks.base import full_precision
from summdiff.research.networks.summdiff.layers import to_signal
from summdiff.research.networks.summdiff.network import Encoded, SummDiff
from summdiff.research.networks.summdiff.relational import Relational
from summdiff.scoring.gaussian import GaussianPrior, ScorePosterior
from summdiff.scoring.schedule import ScheduleName, alphas_cumprod

_DEPARTURES = 10.0  # brings their squared error, about 0.01, to the size of the mean curve's loss


class Denoising(nn.Module):
    """The training objective of a network, as a module whose call gives the loss of each video."""

    alphas_cumprod: Tensor

    def __init__(
        self,
        network: SummDiff,
        *,
        schedule: ScheduleName = "cosine",
        num_train_timesteps: int = 1000,
        p_uncond: float = 0.1,
        curves: int | None = None,
        expected_targets: bool = True,
        rank_weight: float = 0.0,
    ) -> None:
        """Wrap a network.

        Args:
            network: what learns.
            schedule, num_train_timesteps: of the noise.
            p_uncond: share of videos to learn from without seeing them (guidance).
            curves: S, how many of a video's curves are noised, the first ones; none: all.
            expected_targets: whether to learn from `expected_scores` instead of the one curve that was noised.
            rank_weight: of `correlation_loss` beside the squared error; with a `mean_head` the mean is learned by that
                alone.
        """
        super().__init__()
        self.network = network
        self.p_uncond, self.curves = p_uncond, curves
        self.expected_targets = expected_targets
        self.rank_weight = rank_weight
        left = torch.from_numpy(alphas_cumprod(schedule, num_train_timesteps=num_train_timesteps))
        self.register_buffer("alphas_cumprod", left, persistent=False)

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        seconds: Tensor,
        mask: Tensor,
        seeds: Tensor,
        means: Tensor | None = None,
    ) -> Tensor:
        """The loss (B,) of each video; each counts the same, whatever its length.

        Args:
            inputs: (B, N, P) what conditions the network.
            targets: (B, U, N) clean scores in [0, 1]; the first S of them are noised.
            seconds: (B, N) time of each step.
            mask: (B, N) true where there is a step.
            seeds: (B,) int64, one a video: of its times, its noise, and whether it is seen.
            means: (B, N) foreseen mean curves, which only `RelationalDenoising` learns around.
        """
        network, S = self.network, self.curves or targets.shape[1]
        timestep, noise, dropped = (
            drawn.to(inputs.device) for drawn in self.draw(seeds.tolist(), curves=S, steps=targets.shape[2])
        )
        everyone = to_signal(network.config.space, targets)  # (B, U, N)
        noisy = add_noise(everyone[:, :S], noise, timestep, self.alphas_cumprod)
        left = self.alphas_cumprod[timestep]  # (B, S)
        wanted = targets[:, :S]
        if self.expected_targets:
            with full_precision(noisy.device):
                wanted = expected_scores(noisy, left, everyone, targets, mask)

        encoded = network.encode(inputs, seconds, mask, dropped)
        if network.config.mean_head:
            return self._around_the_mean(encoded, noisy, timestep, left, wanted, targets, seconds, mask)
        prepared = network.prepare(encoded.tokens, seconds, mask)
        predicted = network.denoise(noisy, timestep, left.sqrt().float(), prepared)  # (B, S, N)
        loss = squared_error(predicted, wanted, mask).mean(dim=1)  # eq. 3
        if self.rank_weight:
            loss = loss + self.rank_weight * correlation_loss(predicted, wanted, mask).mean(dim=1)
        return loss

    def draw(self, seeds: Sequence[int], *, curves: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
        """What chance decides for B videos, for each from a generator of its own, whatever it is padded to.

        Returns:
            timestep (B, S), time t of each noised curve, 0 … T - 1; noise (B, S, N), standard normal; dropped (B,),
            true for videos to learn from without seeing them.
        """
        generators = [np.random.default_rng(seed) for seed in seeds]
        T = len(self.alphas_cumprod)
        timestep = torch.from_numpy(np.stack([each.integers(T, size=curves) for each in generators]))
        dropped = torch.tensor([bool(each.random() < self.p_uncond) for each in generators])
        noise = np.stack([each.standard_normal((steps, curves), dtype=np.float32) for each in generators])
        return timestep, torch.from_numpy(noise).transpose(1, 2), dropped

    def _around_the_mean(
        self,
        encoded: Encoded,
        noisy: Tensor,
        timestep: Tensor,
        left: Tensor,
        wanted: Tensor,
        targets: Tensor,
        seconds: Tensor,
        mask: Tensor,
    ) -> Tensor:
        """The loss (B,) of the mean curve, whose scale is free, and of departures from the true one.

        The encoder learns from the mean alone; departures are noisy and would only make it learn videos by heart.
        """
        network, truth = self.network, targets.mean(dim=1)  # (B, N)
        assert encoded.curves is not None  # noqa: S101 (there is a mean head)
        prepared = network.prepare(encoded.tokens.detach(), seconds, mask, mean=truth)
        predicted = network.denoise(noisy, timestep, left.sqrt().float(), prepared)
        departures = squared_error(predicted, wanted, mask).mean(dim=1)
        head = encoded.curves[..., :1].transpose(1, 2)
        return correlation_loss(head, truth[:, None], mask)[:, 0] + _DEPARTURES * departures


class RelationalDenoising(Denoising):
    """The objective of a relational network: departures of people's curves from a mean that did not see the video.

    Half of the videos are learned from with a few of each curve's scores already known, at random steps or in runs, as
    a user's wishes would have it.
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
    ) -> Tensor:
        """The loss (B,) of each video; see `Denoising.forward`."""
        assert means is not None  # noqa: S101 (the trainer foresees them for such a network)
        network, S = self.network, self.curves or targets.shape[1]
        timestep, noise, dropped = (
            drawn.to(inputs.device) for drawn in self.draw(seeds.tolist(), curves=S, steps=targets.shape[2])
        )
        clean = targets[:, :S]
        noisy = add_noise(to_signal(network.config.space, clean), noise, timestep, self.alphas_cumprod)
        there = known_steps(seeds.tolist(), mask.sum(dim=1).tolist(), steps=targets.shape[2]).to(inputs.device)
        known = torch.where(there[:, None], clean, torch.nan)

        described, places = torch.split(inputs, [network.config.seen, PLACES], dim=-1)
        encoded = network.encode(described, seconds, mask, dropped)
        assert encoded.log_scale is not None  # noqa: S101 (a relational network foresees it)
        posterior = posteriors(network.prior, means, encoded.log_scale.exp(), places, seconds, mask, known)
        prepared = network.prepare(encoded.tokens, seconds, mask, **posterior)
        left = self.alphas_cumprod[timestep]
        predicted = network.denoise(noisy, timestep, left.sqrt().float(), prepared)
        return _DEPARTURES * squared_error(predicted, clean, mask & ~there).mean(dim=1)


def posteriors(
    prior: GaussianPrior, mean: Tensor, scale: Tensor, places: Tensor, seconds: Tensor, mask: Tensor, known: Tensor
) -> dict[str, Tensor]:
    """Return the Gaussian posterior of each video, computed on the processor, as `SummDiff.prepare` takes it.

    Args:
        prior: the covariance's parameters.
        mean, scale, seconds, mask: (B, N).
        places: (B, N, E).
        known: (B, S, N), NaN where no score is known; all samples of a video at the same steps.

    Returns:
        `mean` (B, S, N), `directions` (B, N, N) and `variances` (B, N), 0 where there is no step.
    """
    B, S, N = known.shape
    found = {
        "mean": mean[:, None].expand(B, S, N).cpu().clone(),
        "directions": torch.zeros(B, N, N),
        "variances": torch.zeros(B, N),
    }
    arrays = [each.detach().float().cpu().numpy() for each in (mean, scale, places, seconds, known)]
    for video, steps in enumerate(mask.sum(dim=1).tolist()):
        m, s, where, when = (each[video, :steps] for each in arrays[:4])
        posterior = ScorePosterior.of(m, prior.covariance(where, when, s), arrays[4][video, :, :steps])
        found["mean"][video, :, :steps] = torch.from_numpy(posterior.mean)
        found["directions"][video, :steps, :steps] = torch.from_numpy(posterior.directions)
        found["variances"][video, :steps] = torch.from_numpy(posterior.variances)
    return {name: tensor.to(mean.device) for name, tensor in found.items()}


def add_noise(clean: Tensor, noise: Tensor, timesteps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """The forward process in one step (paper §4.1): S_t = sqrt(abar_t) S_0 + sqrt(1 - abar_t) eps.

    Args:
        clean: (..., N) S_0.
        noise: as `clean`, standard normal eps.
        timesteps: (...) integer times, 0 … T - 1.
        alphas_cumprod: (T,) of the schedule.

    Returns:
        S_t, shaped and typed as `clean`.
    """
    left = alphas_cumprod.to(clean.device)[timesteps][..., None]
    return left.sqrt().to(clean.dtype) * clean + (1 - left).sqrt().to(clean.dtype) * noise


def known_steps(seeds: Sequence[int], lengths: Sequence[int], *, steps: int) -> Tensor:
    """Which steps (B, N) are known, for half of the videos none, otherwise up to a third: single ones, or runs."""
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


def squared_error(predicted: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """The mean squared error (B, S) of curves (B, S, N) over real steps, mask (B, N); each video counts the same."""
    squared = mse_loss(predicted, wanted, reduction="none") * mask[:, None]
    return squared.sum(dim=-1) / mask.sum(dim=-1, keepdim=True)


def expected_scores(noisy: Tensor, left: Tensor, everyone: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """What the best network would predict from noisy scores: the mean of the curves, by how likely each of them is.

    The curve that the noise was added to is but one that the noisy scores may come from. Learning E[S_0 | S_t] over
    many of a video's curves has the same optimum and much less noise, above all at late times, where little of the
    curve is left (Xu et al., Stable Target Field, ICLR 2023).

    Args:
        noisy: (B, S, N) S_t.
        left: (B, S) abar_t.
        everyone: (B, U, N) every curve's clean signal S_0, that of `noisy` among them.
        targets: (B, U, N) the same in [0, 1].
        mask: (B, N) true where there is a step.

    Returns:
        (B, S, N) in [0, 1].
    """
    left = left[..., None].to(noisy.dtype)
    real = mask[:, None].to(noisy.dtype)
    # log N(S_t; sqrt(abar) S_0, 1 - abar) without what all curves share
    match = (noisy * real) @ (everyone * real).transpose(1, 2)  # (B, S, U)
    size = ((everyone * real) ** 2).sum(dim=-1)[:, None]  # (B, 1, U)
    likely = torch.softmax((left.sqrt() * match - left * size / 2) / (1 - left), dim=-1)
    expected: Tensor = likely @ targets
    return expected


def correlation_loss(predicted: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """One minus Pearson's correlation over a video's steps, (B, S) in [0, 2]; of ranks it is Spearman's.

    Unlike the squared error it does not mind level and amount, which the judged rank correlations do not see either.

    Args:
        predicted, wanted: (B, S, N).
        mask: (B, N) true where there is a step.
    """
    real = mask[:, None].to(predicted.dtype)
    count = real.sum(dim=-1, keepdim=True)
    a, b = (((x - (x * real).sum(dim=-1, keepdim=True) / count) * real) for x in (predicted, wanted))
    # The floor keeps the gradient finite where a curve is flat.
    floor = 1e-6
    norms = torch.sqrt((a * a).sum(dim=-1) + floor) * torch.sqrt((b * b).sum(dim=-1) + floor)
    return 1 - (a * b).sum(dim=-1) / norms
