"""Reference results for every evaluation: random scores, an oracle, and annotators, judged by the same code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from summdiff.evaluation._judging import (
    FrameScores,
    choices,
    joined,
    judge,
    judge_steps,
    judge_summaries,
    summe_correlation,
)
from summdiff.evaluation._prepared import PreparedVideo, ValuesByMeasure
from summdiff.metrics.fscore import f1_of_choices
from summdiff.metrics.rank import rank_correlation_table
from summdiff.metrics.summary_correlation import RankedReference, phi

_MOST_DRAWS, _LEAST_DRAWS, _ROWS = 100, 5, 5000


@dataclass(frozen=True, slots=True)
class SystemResult:
    """Values of a system, or of a reference, on V videos.

    Attributes:
        name: name of the system.
        values: (V,) for each measure that applies.
        note: remark for the reader.
    """

    name: str
    values: ValuesByMeasure
    note: str = ""

    def __repr__(self) -> str:
        means = ", ".join(f"{name} {values.mean():.4f}" for name, values in self.values.items())
        return f"SystemResult('{self.name}', {means})"


def system_result(
    name: str,
    videos: Sequence[PreparedVideo],
    curves: Sequence[NDArray[np.floating]],
    frames: FrameScores = None,
    *,
    knapsack_aware: bool = False,
) -> SystemResult:
    """Judge a system by one curve (1, N) for each video; `frames` as for `judge`."""
    return SystemResult(name, judge(videos, curves, frames, knapsack_aware=knapsack_aware))


def summary_result(name: str, videos: Sequence[PreparedVideo], summaries: Sequence[NDArray[np.uint8]]) -> SystemResult:
    """Judge a system by one ready summary (n_frames,) for each video."""
    return SystemResult(name, judge_summaries(videos, [summary[None] for summary in summaries]))


def reference_results(
    videos: Sequence[PreparedVideo], *, seed: int = 0, draws: int | None = None, knapsack_aware: bool = False
) -> Iterator[SystemResult]:
    """Yield the results of random, constant and uniform scores, of annotators if there are several, and of the oracle.

    Args:
        videos: videos of one data set.
        seed: seed of the random scores.
        draws: random curves per video; None for 5 (thousands of videos) to 100 (few videos).
        knapsack_aware: also compute the knapsack-aware errors.
    """
    count = draws or int(np.clip(_ROWS // len(videos), _LEAST_DRAWS, _MOST_DRAWS))
    steps = [len(v.video.picks) for v in videos]
    rng = np.random.default_rng(seed)
    random = [rng.random((count, n)) for n in steps]
    random_values = judge(videos, random, knapsack_aware=knapsack_aware)
    yield SystemResult("random", _means(random_values, [count] * len(videos)), f"mean of {count} draws per video")
    yield system_result("constant", videos, [np.full((1, n), 0.5) for n in steps], knapsack_aware=knapsack_aware)
    yield system_result("uniform", videos, [_evenly(n)[None] for n in steps], knapsack_aware=knapsack_aware)
    yield from _annotator_results(videos)
    oracle = [v.video.gtscore[None].astype(np.float64) for v in videos]
    result = system_result("oracle", videos, oracle, knapsack_aware=knapsack_aware)
    yield replace(result, note="gtscore itself as the prediction: the upper bound")


def _annotator_results(videos: Sequence[PreparedVideo]) -> Iterator[SystemResult]:
    kind = videos[0].video.kind
    pairs, left_out = "annotator with another", "mean of the others"
    left_out_note = "with the annotator left out"
    if kind == "tvsum" and videos[0].has_ranks:
        counts = [len(v.user_scores) for v in videos]
        note = "pairwise mean (Otani et al. 2019); MAP: with the mean of the others"
        yield SystemResult(pairs, _means(_tvsum_pairwise(videos), counts), note)
        yield SystemResult(left_out, _means(_tvsum_left_out(videos), counts), left_out_note)
    elif kind == "summe":
        counts = [len(v.user_summary) for v in videos]
        note = "F1: best and mean other; A: pairwise mean; B: with the mean of the others"
        yield SystemResult(pairs, _means(_summe_pairwise(videos), counts), note)
        yield SystemResult(left_out, _means(_summe_left_out(videos), counts), left_out_note)


def _evenly(n: int, share: float = 0.15) -> NDArray[np.float64]:
    """Return scores (N,): 1 at evenly spread steps, 0 elsewhere."""
    count = max(1, round(share * n))
    scores = np.zeros(n)
    scores[((np.arange(count) + 0.5) * n / count).astype(int)] = 1.0
    return scores


def _others(values: NDArray[np.number]) -> NDArray[np.float64]:
    """Return for each annotator's values (U, n) the mean of the others' values."""
    wide = values.astype(np.float64)
    means: NDArray[np.float64] = (wide.sum(axis=0) - wide) / max(1, len(wide) - 1)
    return means


def _off_diagonal(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the diagonal of a table (U, U): (U, U - 1)."""
    return table[~np.eye(len(table), dtype=bool)].reshape(len(table), -1)


def _overlap(video: PreparedVideo) -> NDArray[np.float64]:
    """Return F1 of each annotator's summary with each other's, (U, U - 1)."""
    users = (video.user_summary > 0).astype(np.float32)
    sizes = video.totals[:, None] + video.totals
    return _off_diagonal(2.0 * (users @ users.T) / np.maximum(sizes, 1))


def _tvsum_pairwise(videos: Sequence[PreparedVideo]) -> ValuesByMeasure:
    scores = [v.user_scores for v in videos]
    tables = [rank_correlation_table(own, own) for own in scores]
    values = {
        "tau": np.concatenate([_off_diagonal(tau).mean(axis=1) for tau, _ in tables]),
        "rho": np.concatenate([_off_diagonal(rho).mean(axis=1) for _, rho in tables]),
    }
    if videos[0].has_segments:
        values |= joined([v.f1_measures(_overlap(v)) for v in videos])
    return values | judge_steps(videos, scores, [_others(own) for own in scores], ranks=False)


def _tvsum_left_out(videos: Sequence[PreparedVideo]) -> ValuesByMeasure:
    others = [_others(v.user_scores) for v in videos]
    tables = [rank_correlation_table(o, v.user_scores) for v, o in zip(videos, others, strict=True)]
    values = {
        "tau": np.concatenate([np.diagonal(tau) for tau, _ in tables]),
        "rho": np.concatenate([np.diagonal(rho) for _, rho in tables]),
    }
    if videos[0].has_segments:
        chosen = choices(videos, others)
        values["f1"] = np.concatenate([_left_out_f1(v, c) for v, c in zip(videos, chosen, strict=True)])
    return values


def _summe_pairwise(videos: Sequence[PreparedVideo]) -> ValuesByMeasure:
    results = []
    for video in videos:
        users, totals, n = video.user_summary, video.totals, video.video.n_frames
        shared = users.astype(np.float32) @ users.T.astype(np.float32)
        everyone = users.sum(axis=0, dtype=np.int32)
        with_others = np.empty((2, len(users)))
        for i, user in enumerate(users):
            crowd = RankedReference.of(everyone - user)
            with_others[:, i : i + 1] = crowd.correlate([crowd.ranks[user > 0].sum()], [totals[i]])
        pairs = _off_diagonal(phi(shared, totals, totals, n))
        results.append(video.f1_measures(_overlap(video)) | summe_correlation(pairs, *with_others))
    return joined(results)


def _summe_left_out(videos: Sequence[PreparedVideo]) -> ValuesByMeasure:
    chosen = choices(videos, [_others(v.user_summary[:, v.video.picks]) for v in videos])
    f1 = np.concatenate([_left_out_f1(v, c) for v, c in zip(videos, chosen, strict=True)])
    pairs = np.concatenate(
        [
            np.diagonal(phi(c @ v.counts.T, c @ v.lengths, v.totals, v.video.n_frames))
            for v, c in zip(videos, chosen, strict=True)
        ]
    )
    means = {"f1_mean": f1} if videos[0].f1_over == "max" else {}
    return {"f1": f1, "tau_a": pairs, "rho_a": pairs} | means


def _left_out_f1(video: PreparedVideo, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return F1 (U,) of the u-th summary with the u-th annotator."""
    return np.diagonal(f1_of_choices(chosen, video.lengths, video.counts, video.totals))


def _means(values: ValuesByMeasure, counts: Sequence[int]) -> ValuesByMeasure:
    """Return for each measure the mean over each video's curves, (V,)."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return {name: np.add.reduceat(value, starts) / counts for name, value in values.items()}
