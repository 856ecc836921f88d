"""Noise schedules: the share of the clean signal left at each training time.

`alphas_cumprod` (T,) is the product of all (1 - beta_i) up to time t, named as in diffusers; the paper (§4.1) writes it
alpha_t.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError

ScheduleName = Literal["cosine", "linear"]


def alphas_cumprod(name: ScheduleName = "cosine", *, num_train_timesteps: int = 1000) -> NDArray[np.float64]:
    """Return the share of the signal's variance left at each time.

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
        edges = np.arange(T + 1) / T
        curve = np.cos((edges + s) / (1 + s) * (np.pi / 2)) ** 2
        betas = (1 - curve[1:] / curve[:-1]).clip(max=0.999)
    elif name == "linear":
        scale = 1000 / T
        betas = np.linspace(1e-4 * scale, 0.02 * scale, T).clip(max=0.999)
    else:
        raise UsageError(f"Unknown noise schedule '{name}': use 'cosine' or 'linear'.")
    return np.cumprod(1 - betas)
