"""Noise schedules: how much of the clean signal is left at each training time.

`alphas_cumprod` (T,) is the product of all (1 - beta_i) up to time t. The paper (§4.1) writes it alpha_t; here it has
the name that diffusers gives it.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from summdiff.errors import UsageError

ScheduleName = Literal["cosine", "linear"]


def alphas_cumprod(name: ScheduleName = "cosine", *, num_train_timesteps: int = 1000) -> Tensor:
    """The share of the signal's variance left at each time.

    Args:
        name: "cosine" (Nichol and Dhariwal 2021, s = 0.008, beta at most 0.999) or "linear" (Ho et al. 2020, beta from
            1e-4 to 0.02 at T = 1000, scaled so that other T end at the same noise).
        num_train_timesteps: T, at least 1.

    Returns:
        (T,) float64, strictly falling, in (0, 1).

    Raises:
        UsageError: unknown name or T < 1.
    """
    T = num_train_timesteps
    if T < 1:
        raise UsageError(f"The num_train_timesteps must be at least 1, got {T}.")
    if name == "cosine":
        s = 0.008
        edges = torch.arange(T + 1, dtype=torch.float64) / T
        curve = torch.cos((edges + s) / (1 + s) * (math.pi / 2)) ** 2
        betas = (1 - curve[1:] / curve[:-1]).clamp(max=0.999)
    elif name == "linear":
        scale = 1000 / T
        betas = torch.linspace(1e-4 * scale, 0.02 * scale, T, dtype=torch.float64).clamp(max=0.999)
    else:
        raise UsageError(f"Unknown noise schedule '{name}': use 'cosine' or 'linear'.")
    return torch.cumprod(1 - betas, dim=0)


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
