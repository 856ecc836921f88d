"""Average precision of highlights: MAP50 and MAP15 of Mr.HiSum, and the mean over domains of YouTube Highlights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError

Interpolation = Literal["step", "trapezoid"]

_CELLS = 1 << 15  # steps processed at a time, to stay in cache
_FORGIVEN = 1e-9  # of a step or shot: products with rates and shares that should be integers


def average_precision(labels: ArrayLike, scores: ArrayLike, interpolation: Interpolation = "step") -> float:
    """Return the average precision of scores that should rank positives first.

    Args:
        labels: (n,) above 0 for positives.
        scores: (n,) finite.
        interpolation: "step", precision at each positive, as scikit-learn's `average_precision_score`: equal scores
            count together. "trapezoid", the area under straight lines from precision 1 at recall 0, as
            highlight-detection code computes it on YouTube Highlights: of equal scores the earlier comes first.

    Returns:
        A value in [0, 1]; 0 without positives, where it is undefined.

    Raises:
        DataError: shapes that do not fit, no entry, or scores that are not finite.
    """
    return float(average_precision_rows(np.asarray(labels)[None], np.asarray(scores)[None], None, interpolation)[0])


def average_precision_rows(
    labels: ArrayLike, scores: ArrayLike, lengths: ArrayLike | None = None, interpolation: Interpolation = "step"
) -> NDArray[np.float64]:
    """Return the `average_precision` of each row, (R,).

    Args:
        labels, scores: (R, n); labels may also be (P, R, n), P labelings of the same rows, for (P, R) values.
        lengths: (R,) number of valid steps in each row, from 1 to n; later values are ignored. None: all n.
        interpolation: see `average_precision`.
    """
    positive, score = np.asarray(labels) > 0, np.asarray(scores, dtype=np.float64)
    if score.ndim != 2 or not score.size or positive.shape[-2:] != score.shape or positive.ndim > 3:
        raise DataError(
            f"Labels of shape {positive.shape} and scores of shape {score.shape} do not fit: "
            "expected the same shape, with at least one entry."
        )
    real = _real(lengths, *score.shape)
    if real is not None:
        score, positive = np.where(real, score, -np.inf), positive & real  # padding comes last
    if not np.isfinite(score if real is None else score[real]).all():
        raise DataError("Scores must be finite numbers; at least one is NaN or infinite.")
    n_rows, n = score.shape
    order = np.argsort(-score, axis=1, kind="stable") + np.arange(n_rows)[:, None] * n
    hit = positive.reshape(-1, n_rows * n)[:, order.ravel()].reshape(positive.shape)
    hits = np.cumsum(hit, axis=-1)
    place = np.arange(1, n + 1)
    if interpolation == "trapezoid":
        precision = hits / place
        before = np.concatenate((np.ones((*hits.shape[:-1], 1)), precision[..., :-1]), axis=-1)
        gained = (precision + before) / 2
    else:
        ranked = score.take(order)
        last = np.broadcast_to(place - 1, ranked.shape).copy()  # place of the last one of equal score
        last[:, :-1][ranked[:, :-1] == ranked[:, 1:]] = n - 1
        last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
        at = (last + np.arange(n_rows)[:, None] * n).ravel()
        gained = hits.reshape(-1, n_rows * n)[:, at].reshape(hits.shape) / (last + 1)
    precisions: NDArray[np.float64] = (gained * hit).sum(axis=-1) / np.maximum(hits[..., -1], 1)
    return precisions


def highlight_map(
    scores: ArrayLike, gtscore: ArrayLike, rho: float = 0.5, shot_seconds: float = 5.0, rate: float = 1.0
) -> float:
    """Return the MAP of Mr.HiSum for one video: whether scores rank the shots with the highest `gtscore` first.

    The video is cut from its start into shots of `shot_seconds`, the last one may be shorter; a shot's score is the
    mean of its steps. The floor(rho · N) shots of greatest mean gtscore are the positives; ties go to the earlier shot.
    The result is the `average_precision` ("step") of the predicted shot scores.

    Args:
        scores, gtscore: (n,) finite.
        rho: share of the shots that are positive, in (0, 1): 0.5 for MAP50, 0.15 for MAP15.
        shot_seconds: length of a shot.
        rate: steps per second. A shot is shot_seconds · rate steps, rounded to the nearest integer (halves up), at
            least 1.

    Returns:
        A value in [0, 1]; 0 without positives, that is with fewer than 1 / rho shots.

    Raises:
        DataError: shapes that do not fit, no step, values that are not finite, or options out of range.
    """
    return float(
        highlight_map_rows(np.asarray(scores)[None], np.asarray(gtscore)[None], None, rho, shot_seconds, rate)[0]
    )


def highlight_map_rows(
    scores: ArrayLike,
    gtscore: ArrayLike,
    lengths: ArrayLike | None = None,
    rho: ArrayLike = 0.5,
    shot_seconds: float = 5.0,
    rate: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """Return the `highlight_map` of each row, (R,).

    Args:
        scores, gtscore: (R, n); either may be (n,) or (1, n), one for all rows.
        lengths: (R,) number of valid steps in each row, from 1 to n; later values are ignored. None: all n.
        rho: see `highlight_map`; (P,) shares give (P, R) values with a single sort.
        shot_seconds: see `highlight_map`.
        rate: steps per second, one for all or (R,).
    """
    score, truth = (np.atleast_2d(np.asarray(values, dtype=np.float64)) for values in (scores, gtscore))
    n_rows, n = max(len(score), len(truth)), score.shape[-1]
    seconds = shot_seconds * np.asarray(rate, dtype=np.float64)
    fits = score.ndim == truth.ndim == 2 and truth.shape[1] == n and {len(score), len(truth)} <= {1, n_rows}
    if not fits or not n or seconds.shape not in {(), (n_rows,)}:
        raise DataError(
            f"Scores of shape {score.shape}, gtscore of shape {truth.shape} and rates of shape {seconds.shape} do not "
            "fit: expected (R, n), (R, n) and (R,), or one for all rows."
        )
    shares = np.asarray(rho, dtype=np.float64)
    if not (shares.ndim < 2 and ((shares > 0) & (shares < 1)).all() and (seconds > 0).all()):
        raise DataError("MAP needs a share rho between 0 and 1, and shots and a rate above 0.")
    real = _real(lengths, n_rows, n)
    length = np.full(n_rows, n) if lengths is None else np.asarray(lengths, dtype=np.int64)
    score, truth = np.broadcast_to(score, (n_rows, n)), np.broadcast_to(truth, (n_rows, n))
    steps = np.broadcast_to(np.maximum(np.floor(seconds + 0.5 + _FORGIVEN), 1).astype(np.int64), n_rows)
    result = np.empty((*shares.shape, n_rows))
    for size in np.unique(steps):
        of_size = np.flatnonzero(steps == size)
        for start in range(0, len(of_size), max(1, _CELLS // n)):
            rows = of_size[start : start + max(1, _CELLS // n)]
            ours, theirs = score[rows], truth[rows]
            if real is not None:
                ours, theirs = np.where(real[rows], ours, 0.0), np.where(real[rows], theirs, 0.0)
            result[..., rows] = _of_shots(ours, theirs, length[rows], shares, int(size))
    return result


def domain_map(average_precisions: Sequence[float] | NDArray[np.floating], domains: Sequence[str]) -> dict[str, float]:
    """Return the MAP of YouTube Highlights: mean average precision in each domain, and the mean over domains.

    A clip is positive where `match` is 1; 0 (no decision) and -1 (no highlight) are not.

    Args:
        average_precisions: (V,) of each video.
        domains: V names.

    Returns:
        Each domain's mean, in order of name, then "mean", in which all domains weigh the same.

    Raises:
        DataError: lengths differ, or there is no video.
    """
    values, names = np.asarray(average_precisions, dtype=np.float64), np.asarray(domains, dtype=np.str_)
    if values.ndim != 1 or values.shape != names.shape or not values.size:
        raise DataError(
            f"Expected one average precision for each video's domain, not {values.shape} for {names.shape}."
        )
    means = {str(name): float(values[names == name].mean()) for name in np.unique(names)}
    return means | {"mean": float(np.mean(list(means.values())))}


def _of_shots(
    score: NDArray[np.float64],
    truth: NDArray[np.float64],
    length: NDArray[np.int64],
    rho: NDArray[np.float64],
    size: int,
) -> NDArray[np.float64]:
    """Return the MAP (…, R) of rows (R, n), 0 beyond lengths (R,), in shots of `size` steps, for shares rho (…)."""
    n_rows, n = score.shape
    starts = np.arange(0, n, size)
    shots = -(-length // size)  # of each row
    sizes = np.minimum(length[:, None] - starts, size)
    score_of, truth_of = (np.add.reduceat(values, starts, axis=1) / np.maximum(sizes, 1) for values in (score, truth))
    if not np.isfinite(truth_of).all():
        raise DataError("Values of gtscore must be finite numbers; at least one is NaN or infinite.")
    truth_of[sizes <= 0] = -np.inf
    order = np.argsort(-truth_of, axis=1, kind="stable") + np.arange(n_rows)[:, None] * len(starts)
    place = np.empty(truth_of.shape, dtype=np.int64)
    place.put(order, np.broadcast_to(np.arange(len(starts)), order.shape))
    return average_precision_rows(place < np.floor(rho[..., None] * shots + _FORGIVEN)[..., None], score_of, shots)


def _real(lengths: ArrayLike | None, n_rows: int, n: int) -> NDArray[np.bool_] | None:
    """Return a mask (R, n) of the values within each row's length; None if all are."""
    if lengths is None:
        return None
    length = np.asarray(lengths)
    if length.shape != (n_rows,) or length.min() < 1 or length.max() > n:
        raise DataError(f"The lengths must be ({n_rows},) integers from 1 to {n}, one for each row.")
    return np.arange(n) < length[:, None]
