"""Diversity of a generative model's samples, and how well they cover the annotators.

These definitions are our own: the literature shows diversity only in figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.rank import average_ranks


def diversity(summaries: ArrayLike) -> float:
    """Return 1 minus the mean intersection over union of all pairs of summaries.

    Args:
        summaries: (M, n_frames) 0/1.

    Returns:
        From 0 (all equal) to 1 (nothing shared). Two empty summaries are equal; a single summary gives 0.
    """
    chosen = _matrix(summaries, "Summaries").astype(bool).astype(np.float64)
    if len(chosen) < 2:
        return 0.0
    shared, sizes = chosen @ chosen.T, chosen.sum(axis=1)
    either = sizes[:, None] + sizes - shared
    iou = np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
    return float(1 - iou[np.triu_indices(len(chosen), 1)].mean())


def coverage(summaries: ArrayLike, user_summary: ArrayLike) -> float:
    """Return the mean over annotators of F1 between the annotator's summary and the best of the samples'.

    Args:
        summaries: (M, n_frames) 0/1.
        user_summary: (U, n_frames) 0/1.

    Returns:
        A value in [0, 1] that can only increase with more samples: compare systems at the same M.
    """
    return float(coverage_of_annotators(summaries, user_summary).mean())


def coverage_of_annotators(summaries: ArrayLike, user_summary: ArrayLike) -> NDArray[np.float64]:
    """Return F1 (U,) of each annotator's summary with the best of the samples'; see `coverage`."""
    best: NDArray[np.float64] = f1_scores(summaries, user_summary).max(axis=0)
    return best


def spread_coverage(samples: ArrayLike, user_scores: ArrayLike, level: float = 0.9) -> float:
    """Return the share of annotators' scores within the samples' central interval at the same step.

    Each curve is first converted to ranks in (0, 1), as annotators use their scales differently. The interval lies
    between quantiles of the samples' ranks at a step. Samples as varied as the annotators reach about
    level · (M - 1) / (M + 1), since M samples span less than the whole distribution; equal samples reach about 0.

    Args:
        samples: (M, N) importance curves.
        user_scores: (U, N).
        level: the interval's share of the samples, in (0, 1].

    Returns:
        A value in [0, 1].

    Raises:
        DataError: shapes do not fit, or values are not finite.
    """
    ours, theirs = _ranks(samples, user_scores)
    low, high = np.quantile(ours, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return float(((theirs >= low) & (theirs <= high)).mean())


def spread_ratio(samples: ArrayLike, user_scores: ArrayLike) -> float:
    """Return the deviation of the samples' ranks at a step relative to that of the annotators' ranks.

    Args:
        samples: (M, N) importance curves, converted to ranks as for `spread_coverage`.
        user_scores: (U, N), U >= 2.

    Returns:
        Standard deviation over samples, averaged over steps, divided by that over annotators: 1 if they vary equally, 0
        for a single sample.

    Raises:
        DataError: see `spread_coverage`; or the annotators do not differ.
    """
    ours, theirs = _ranks(samples, user_scores)
    deviation = float(theirs.std(axis=0).mean())
    if deviation < 1e-12:  # rounding, for ranks between 0 and 1
        raise DataError("The annotators' ranks are the same at every step, so samples' spread has no measure.")
    return float(ours.std(axis=0).mean()) / deviation


def spread_and_coherence(samples: NDArray[np.floating]) -> tuple[float, float]:
    """Compare samples with their own mean curve.

    Args:
        samples: (M, N) importance curves.

    Returns:
        Spread: deviation over the samples, relative to the mean curve's deviation over time. Coherence: correlation of
        a sample's residuals at neighboring steps, near 0 if samples differ by noise only, higher if they differ for
        longer stretches. Both are 0 where undefined.
    """
    mean = samples.mean(axis=0)
    residuals = samples - mean
    spread = samples.std(axis=0).mean() / max(float(mean.std()), 1e-6)
    left, right = residuals[:, :-1], residuals[:, 1:]
    products, sizes = (left * right).sum(), np.sqrt((left**2).sum() * (right**2).sum())
    return float(spread), float(products / sizes) if sizes > 0 else 0.0


def _ranks(samples: ArrayLike, user_scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ours, theirs = _matrix(samples, "Samples"), _matrix(user_scores, "Annotators' scores")
    n = theirs.shape[1]
    if ours.shape[1] != n:
        raise DataError(f"Samples of {ours.shape[1]} steps cannot be compared with annotators' scores of {n}.")
    return (average_ranks(ours) - 0.5) / n, (average_ranks(theirs) - 0.5) / n


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    matrix = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(f"{name} must be a table of at least one row and one step, not of shape {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise DataError(f"{name} must be finite numbers; at least one is NaN or infinite.")
    return matrix
