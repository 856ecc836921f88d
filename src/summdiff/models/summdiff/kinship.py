"""How people's opinions of a video's steps go together: a Gaussian process over likeness and time.

Who finds one moment better than others do finds moments that look like it, and those around it, better too. On TVSum
departures of an annotator's curve from what was foreseen go together from one step to the next, and still between steps
that are far apart but look alike. A covariance with a handful of numbers, found by maximum likelihood,
holds that. It is what departures look like before a network has learned anything more about them, and what makes it
possible to say exactly how a few known scores change all others (Rasmussen and Williams 2006, eq. 2.23 and 2.24).

Shapes: B videos, N steps, E coordinates of a step among the video's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_JITTER = 1e-5  # of a step's variance, so that what is known can be inverted
# Where the fit starts: variances, squared distances, seconds, and the variance of what no step shares.
_START = {
    **{"alike": 0.035, "near": 0.019, "own": 0.016},
    **{"alike_distance": 0.4, "near_distance": 0.9, "near_seconds": 24.0},
}


class Kinship(nn.Module):
    """The covariance of departures, fitted rather than trained.

    cov(i, j) = s_i s_j [ alike exp(-d²/a) + near exp(-d²/b - |t_i - t_j|/c) + own (i = j) ]

    with d² the squared distance of two steps' places, 1 on average over the window, and s_i how much people disagree
    about a step, relative to others.

    Attributes:
        logs: (6,) logarithms of alike, near, own, a, b and c.
    """

    logs: Tensor

    def __init__(self) -> None:
        """Start from what TVSum gives, about."""
        super().__init__()
        self.register_buffer("logs", torch.tensor([math.log(value) for value in _START.values()]))

    def shared(self, places: Tensor, seconds: Tensor, mask: Tensor | None = None) -> Tensor:
        """The covariance (B, N, N) without s and `own`; 0 where there is no step.

        Args:
            places: (B, N, E).
            seconds: (B, N) or (N,).
            mask: (B, N), true where there is a step.
        """
        return _shared(self.logs, squared_distances(places, mask), seconds, mask)

    def agreed(self, curves: Tensor, places: Tensor, seconds: Tensor, mask: Tensor | None, noise: float) -> Tensor:
        """Curves (B, N) in which steps of a kind agree: what is left of them if each step's value is only a guess.

        Args:
            curves: (B, N).
            places, seconds, mask: as for `shared`.
            noise: variance of a guess's error, relative to that of what steps share.
        """
        covariance = self.shared(places, seconds, mask)
        diagonal = covariance.diagonal(dim1=1, dim2=2)
        real = torch.ones_like(diagonal) if mask is None else mask.to(curves.dtype)
        count = real.sum(dim=1, keepdim=True)
        centred = (curves - (curves * real).sum(dim=1, keepdim=True) / count) * real
        wide = covariance + torch.diag_embed(noise * diagonal + (1 - real))
        agreed: Tensor = (covariance @ _solve(wide, centred[..., None]))[..., 0]
        return agreed

    @torch.no_grad()
    def fit(self, videos: Sequence[tuple[Tensor, Tensor, Tensor]], *, steps: int = 40) -> float:
        """Find the numbers under which people's departures are most likely, each video counting the same.

        Args:
            videos: of each places (N, E), seconds (N,) and departures (U, N), already divided by s.
            steps: of L-BFGS.

        Returns:
            Twice the negative log-likelihood of a curve by step, without its constant.
        """
        known = [
            (squared_distances(places[None].double()), seconds.double(), apart.double().T @ apart.double() / len(apart))
            for places, seconds, apart in videos
        ]
        logs = self.logs.double().clone().requires_grad_(True)
        optimizer = torch.optim.LBFGS([logs], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

        def likelihood() -> Tensor:
            with torch.enable_grad():
                total = torch.zeros((), dtype=torch.float64)
                for distances, seconds, empirical in known:
                    n = len(empirical)
                    wide = _shared(logs, distances, seconds, None)[0] + logs[2].exp() * torch.eye(n)
                    root = torch.linalg.cholesky(wide)
                    fit = torch.cholesky_solve(empirical, root).trace() + 2 * root.diagonal().log().sum()
                    total = total + fit / n
                # Far-off lengths fit as well as none: stay within reason.
                return total / len(known) + 1e-4 * (logs - self.logs.double()).square().sum()

        def closure() -> Tensor:
            optimizer.zero_grad()
            value = likelihood()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        value = float(likelihood())
        if math.isfinite(value) and bool(torch.isfinite(logs).all()):
            self.logs.copy_(logs)
        return value

    def prior(self, places: Tensor, seconds: Tensor, scale: Tensor, mask: Tensor | None = None) -> Tensor:
        """The covariance (B, N, N) of departures in units of scores; next to nothing where there is no step.

        Args:
            places, seconds, mask: as for `shared`.
            scale: (B, N) s.
        """
        covariance: Tensor = self.shared(places, seconds, mask) + self.logs[2].exp() * torch.eye(
            places.shape[1], device=places.device
        )
        real = scale if mask is None else scale * mask
        return covariance * real[:, :, None] * real[:, None, :]


@dataclass(frozen=True, slots=True)
class Opinions:
    """What is thought about a curve before a network is asked: a Gaussian.

    Attributes:
        mean: (B, N) or (B, S, N) scores.
        directions: (B, N, N) columns in which departures from the mean are independent.
        variances: (B, N) of each.
        deviation: (B, N) of each step, 0 where the score is known.
    """

    mean: Tensor
    directions: Tensor
    variances: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, mean: Tensor, covariance: Tensor, known: Tensor | None = None) -> Opinions:
        """Those of a covariance (B, N, N) around a mean (B, N); given known scores, NaN where none is.

        Known scores are (B, N), or (B, S, N) where each sample has its own at the same steps.
        """
        if known is not None:
            mean, covariance = given(mean, covariance, known)
        variances, directions = torch.linalg.eigh(covariance.double())
        deviation = covariance.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
        return cls(mean, directions.to(mean.dtype), variances.clamp(min=0).to(mean.dtype), deviation)

    def expected(self, apart: Tensor, signal: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """What clean departures noisy ones come from, if departures are Gaussian, and how sure that is.

        Args:
            apart: (B, S, N) S_t less its share of the mean, in units of signals.
            signal: (B, S) sqrt(abar_t).
            scale: of a signal, relative to scores.

        Returns:
            Mean and deviation (B, S, N) in units of scores.
        """
        a = signal[..., None]  # (B, S, 1)
        variances = (scale**2 * self.variances)[:, None]  # (B, 1, N)
        gain = variances / (a**2 * variances + 1 - a**2).clamp(min=1e-12)
        mean = ((apart @ self.directions) * (a * gain)) @ self.directions.transpose(1, 2)
        left = (gain * (1 - a**2)) @ self.directions.square().transpose(1, 2)
        return mean / scale, left.clamp(min=0).sqrt() / scale


def given(mean: Tensor, covariance: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a Gaussian (B, N), (B, N, N) given known scores (B, N) or (B, S, N), NaN where none is."""
    there = ~torch.isnan(known if known.ndim == 2 else known[:, 0])  # (B, N)
    at = there.to(covariance.dtype)
    pairs = at[:, :, None] * at[:, None, :]
    jitter = _JITTER * covariance.diagonal(dim1=1, dim2=2)
    block = covariance * pairs + torch.diag_embed(1 - at + jitter * at)
    gain = _solve(block.double(), (covariance * at[:, :, None]).double()).to(covariance.dtype)  # (B, N, N)
    shape = mean if known.ndim == 2 else mean[:, None].expand_as(known)
    surprise = torch.where(torch.isnan(known), torch.zeros_like(known), known - shape)
    moved = shape + (surprise @ gain if known.ndim == 3 else (surprise[:, None] @ gain)[:, 0])
    left = covariance - (covariance * at[:, None, :]) @ gain
    # Exactly what is known, without the jitter
    moved = torch.where(torch.isnan(known), moved, known)
    free = (1 - at)[:, :, None] * (1 - at)[:, None, :]
    left = (left + left.transpose(1, 2)) / 2 * free
    return moved, left


def squared_distances(places: Tensor, mask: Tensor | None = None) -> Tensor:
    """Squared distances (B, N, N) of places (B, N, E), 1 on average over pairs of real steps."""
    size = places.square().sum(dim=-1)
    apart = (size[:, :, None] + size[:, None, :] - 2 * places @ places.transpose(1, 2)).clamp(min=0)
    if mask is None:
        average = apart.mean(dim=(1, 2), keepdim=True)
    else:
        real = mask.to(places.dtype)
        pairs = real[:, :, None] * real[:, None, :]
        average = (apart * pairs).sum(dim=(1, 2), keepdim=True) / pairs.sum(dim=(1, 2), keepdim=True)
    return torch.where(average > 1e-9, apart / average.clamp(min=1e-9), torch.zeros_like(apart))


def _shared(logs: Tensor, distances: Tensor, seconds: Tensor, mask: Tensor | None) -> Tensor:
    alike, near, _, a, b, c = logs.exp().unbind()
    times = seconds if seconds.ndim == 2 else seconds[None]
    lag = (times[:, :, None] - times[:, None, :]).abs()
    covariance = alike * torch.exp(-distances / a) + near * torch.exp(-distances / b - lag / c)
    if mask is not None:
        real = mask.to(covariance.dtype)
        covariance = covariance * real[:, :, None] * real[:, None, :]
    return covariance


def _solve(matrices: Tensor, right: Tensor) -> Tensor:
    """X (B, N, K) of matrices (B, N, N) @ X = right (B, N, K).

    On a processor one by one: after `torch.set_num_threads` with more than one thread, large matrices in a batch come
    out wrong or never (https://github.com/pytorch/pytorch/issues/142815, still so in torch 2.13).
    """
    if matrices.device.type == "cpu":
        return torch.stack([torch.linalg.solve(one, its) for one, its in zip(matrices, right, strict=True)])
    found: Tensor = torch.linalg.solve(matrices, right)
    return found
