"""Matching what a user asks for with sentences, and with pictures where a model for both is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LEAST_SIMILARITY = 0.25  # of the best sentence: below, nothing matches
_DEVIATIONS, _SHARE = 1.0, 0.5  # above the mean similarity, and of the best one


def matches(
    queries: NDArray[np.float32], items: NDArray[np.float32], *, least: float = _LEAST_SIMILARITY
) -> NDArray[np.float64]:
    """Return how well items match each query: (Q, K), 1 for the best one, 0.5 to 1 for others that match, else 0.

    An item matches if its similarity is at least half that of the best one and a deviation above the mean.

    Args:
        queries: (Q, D) embeddings of length 1.
        items: (K, D) embeddings of length 1.
        least: similarity that the best item must have.
    """
    similarity = np.asarray(queries @ items.T, dtype=np.float64)
    found = np.zeros_like(similarity)
    for row, of_query in zip(similarity, found, strict=True):
        best = row.max()
        floor = min(max(row.mean() + _DEVIATIONS * row.std(), _SHARE * best, least), best)
        if best >= least:
            of_query[:] = np.where(row >= floor, 1 - 0.5 * (best - row) / max(best - floor, 1e-6), 0.0)
    return found


def unmatched(queries: Sequence[str], found: Sequence[NDArray[np.float64]]) -> list[str]:
    """Return the queries that nothing matches, given matches (Q, …) of sentences and perhaps of pictures."""
    return [query for k, query in enumerate(queries) if not any(rows[k].any() for rows in found)]
