"""Classifier-free guidance (Ho and Salimans 2022)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def guide(
    conditional: NDArray[np.floating], unconditional: NDArray[np.floating], guidance_scale: float
) -> NDArray[np.floating]:
    """Return (1 + w) · conditional − w · unconditional, the formula of the paper's §6.

    The paper writes it for predicted noise. For predicted clean samples it is the same, since at a given S_t the two
    predictions are affine functions of each other and the weights add up to one.

    Args:
        conditional, unconditional: predictions of the same shape.
        guidance_scale: w; 0 gives the conditional prediction.
    """
    return (1 + guidance_scale) * conditional - guidance_scale * unconditional
