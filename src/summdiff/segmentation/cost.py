"""The cost of a segment: its scatter, the squared distance of its steps from their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.segmentation.unit_rows import Rows

_BLOCK = 256  # rows of the banded Gram matrix per matrix product


def within_segment_scatter(features: ArrayLike | Rows, *, max_length: int) -> NDArray[np.float64]:
    """Return the scatter of every segment of at most `max_length` steps.

    The scatter of the steps s … s+l-1 is Σ‖x_t − μ‖² = Σ‖x_t‖² − ‖Σ x_t‖² / l, with μ their mean: the linear-kernel
    cost of kernel temporal segmentation (Potapov et al., ECCV 2014). Only inner products of steps less than
    `max_length` apart are computed, so time and memory grow with N · max_length, not with N².

    Args:
        features: (N, D), finite; or rows of them.
        max_length: longest segment, in steps, at least 1.

    Returns:
        (max_length, N): row l-1, column s holds the scatter of the l steps from s; infinite if that segment would end
        after the last step.
    """
    x = features if isinstance(features, Rows) else Rows(features)
    n = len(x)
    band = _banded_gram(x, max_length)
    norm = band[0].copy()

    # ‖x_s + … + x_{s+l-1}‖² = ‖x_{s+1} + … + x_{s+l-1}‖² + ‖x_s‖² + 2 Σ_{d<l} x_s·x_{s+d}
    scatter = np.full((max_length, n), np.inf)
    scatter[0] = 0.0
    squared_sum, norms, cross = norm.copy(), norm.copy(), norm.copy()
    for length in range(2, min(max_length, n) + 1):
        starts = n - length + 1
        cross[:starts] += 2.0 * band[length - 1, :starts]
        squared_sum[:starts] = squared_sum[1 : starts + 1] + cross[:starts]
        norms[:starts] = norms[1 : starts + 1] + norm[:starts]
        np.maximum(norms[:starts] - squared_sum[:starts] / length, 0.0, out=scatter[length - 1, :starts])
    return scatter


def _banded_gram(x: Rows, width: int) -> NDArray[np.float64]:
    """Return (width, N): entry (d, s) is x_s · x_{s+d}, or 0 if s + d is past the end."""
    n = len(x)
    band = np.zeros((width, n))
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        following = x[start : min(stop + width - 1, n)]
        product = following[: stop - start] @ following.T
        rows = np.arange(stop - start)
        for d in range(min(width, product.shape[1])):
            inside = rows[: product.shape[1] - d]
            band[d, start : start + len(inside)] = product[inside, inside + d]
    return band
