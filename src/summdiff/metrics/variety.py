"""How different the samples of a generative model are, and how well they span what annotators did.

Our own definitions: the literature shows diversity by pictures only (docs of the ICCV 2025 version of SummDiff).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.rank import average_ranks


def diversity(summaries: ArrayLike) -> float:
    """1 less the mean intersection over union of all pairs of summaries.

    Args:
        summaries: (M, n_frames) 0/1.

    Returns:
        From 0, all alike, to 1, nothing shared. Two empty summaries are alike; a single one gives 0.
    """
    chosen = _matrix(summaries, "Summaries").astype(bool).astype(np.float64)
    if len(chosen) < 2:
        return 0.0
    shared, sizes = chosen @ chosen.T, chosen.sum(axis=1)
    either = sizes[:, None] + sizes - shared
    iou = np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
    return float(1 - iou[np.triu_indices(len(chosen), 1)].mean())


def coverage(summaries: ArrayLike, user_summary: ArrayLike) -> float:
    """F1 of each annotator's summary with the best of the samples', averaged over annotators.

    Args:
        summaries: (M, n_frames) 0/1.
        user_summary: (U, n_frames) 0/1.

    Returns:
        A value in [0, 1], which only rises with more samples: compare systems at the same M.
    """
    return float(coverage_of_annotators(summaries, user_summary).mean())


def coverage_of_annotators(summaries: ArrayLike, user_summary: ArrayLike) -> NDArray[np.float64]:
    """(U,) F1 of each annotator's summary with the best of the samples'; see `coverage`."""
    best: NDArray[np.float64] = f1_scores(summaries, user_summary).max(axis=0)
    return best


def spread_coverage(samples: ArrayLike, user_scores: ArrayLike, level: float = 0.9) -> float:
    """Share of what annotators said that lies within the samples' central interval at that step.

    Every curve is first turned to its own ranks in (0, 1), as annotators use their scales differently. The interval
    goes between quantiles of the samples' ranks at a step. Samples that vary as annotators do give
    about level · (M - 1) / (M + 1), since M of them span less than all there could be; samples that all agree give
    about 0.

    Args:
        samples: (M, N) importance curves.
        user_scores: (U, N).
        level: the interval's share of the samples, in (0, 1].

    Returns:
        A value in [0, 1].

    Raises:
        DataError: shapes that do not fit, or values that are not finite.
    """
    ours, theirs = _ranks(samples, user_scores)
    low, high = np.quantile(ours, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return float(((theirs >= low) & (theirs <= high)).mean())


def spread_ratio(samples: ArrayLike, user_scores: ArrayLike) -> float:
    """How much the samples' ranks vary at a step, beside how much the annotators' do.

    Args:
        samples: (M, N) importance curves, turned to ranks as for `spread_coverage`.
        user_scores: (U, N), two annotators or more.

    Returns:
        The standard deviation over samples, averaged over steps, by that over annotators: 1 where they vary alike,
        0 for a single sample.

    Raises:
        DataError: as for `spread_coverage`; or the annotators do not differ anywhere.
    """
    ours, theirs = _ranks(samples, user_scores)
    apart = float(theirs.std(axis=0).mean())
    if apart < 1e-12:  # of ranks between 0 and 1: rounding
        raise DataError("The annotators' ranks are the same at every step, so samples' spread has no measure.")
    return float(ours.std(axis=0).mean()) / apart


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


def _matrix(values: ArrayLike, what: str) -> NDArray[np.float64]:
    matrix = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(f"{what} must be a table of at least one row and one step, not of shape {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise DataError(f"{what} must be finite numbers; at least one is NaN or infinite.")
    return matrix
