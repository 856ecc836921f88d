"""Rank correlation of predicted importance with what annotators gave (Otani et al., CVPR 2019).

Both measures are those of SciPy (`kendalltau` variant b and `spearmanr`), computed for all annotators at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError

_BLOCK = 2_000_000  # pairs of steps compared at a time and annotator; bounds memory, not the result


def kendall_tau(scores: ArrayLike, references: ArrayLike) -> float:
    """Kendall's tau-b between scores and each annotator, averaged over the annotators.

    Args:
        scores: (n,) predicted importance, any finite values.
        references: (n,) or (users, n) annotators' values.

    Returns:
        A value in [-1, 1]. An annotator counts 0 where tau is undefined: when the scores or that annotator's values
        are all equal, or n = 1.

    Raises:
        DataError: shapes that do not fit, no steps, or values that are not finite.
    """
    x, users = _checked(scores, references)
    n = x.size
    concordance = np.zeros(len(users))
    untied_x = 0.0
    untied_users = np.zeros(len(users))
    rows = max(1, _BLOCK // n)
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        order_x = np.sign(x[part, None] - x[None, :])
        untied_x += float(np.abs(order_x).sum())
        for user, values in enumerate(users):
            order = np.sign(values[part, None] - values[None, :])
            concordance[user] += (order_x * order).sum()
            untied_users[user] += np.abs(order).sum()
    scale = np.sqrt(untied_x * untied_users)
    return float(np.divide(concordance, scale, out=np.zeros_like(scale), where=scale > 0).mean())


def spearman_rho(scores: ArrayLike, references: ArrayLike) -> float:
    """Spearman's rho (ties get their mean rank) between scores and each annotator, averaged over the annotators.

    Arguments, range, undefined cases and errors as for `kendall_tau`.
    """
    x, users = _checked(scores, references)
    ranks_x = average_ranks(x)
    ranks_x -= ranks_x.mean()
    ranks = np.stack([average_ranks(values) for values in users])
    ranks -= ranks.mean(axis=1, keepdims=True)
    scale = np.sqrt((ranks_x**2).sum() * (ranks**2).sum(axis=1))
    return float(np.divide(ranks @ ranks_x, scale, out=np.zeros_like(scale), where=scale > 0).mean())


def average_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks 1 … n of (n,) values; equal values share the mean of their ranks."""
    _, group, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[group]
    return ranks


def _checked(scores: ArrayLike, references: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores as (n,) and references as (users, n)."""
    x = np.asarray(scores, dtype=np.float64)
    users = np.atleast_2d(np.asarray(references, dtype=np.float64))
    if x.ndim != 1 or users.ndim != 2 or users.shape[1] != x.size or users.shape[0] == 0 or x.size == 0:
        raise DataError(
            f"Scores of shape {x.shape} cannot be compared with references of shape {users.shape}: "
            "expected (n,) and (users, n) with at least one step."
        )
    if not (np.isfinite(x).all() and np.isfinite(users).all()):
        raise DataError("Scores and references must be finite numbers; at least one is NaN or infinite.")
    return x, users
