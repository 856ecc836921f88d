"""What any result is to be read beside: chance, an oracle, and people, judged by the same code on the same videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.evaluation.measures import (
    Curves,
    Judged,
    Values,
    choices,
    joined,
    judge,
    judge_steps,
    summe_correlation,
    summe_overlap,
)
from summdiff.metrics.fscore import f1_of_choices
from summdiff.metrics.rank import rank_correlation_table
from summdiff.metrics.summary_correlation import RankedReference, phi

_MOST_DRAWS, _LEAST_DRAWS, _ROWS = 100, 5, 5000


@dataclass(frozen=True, slots=True)
class Row:
    """One system, or one reference, on V videos.

    Attributes:
        name: what to call it.
        values: for each measure (V,); a measure that does not apply is missing.
        note: what has to be known to read it.
    """

    name: str
    values: Values
    note: str = ""


def system_row(name: str, videos: Sequence[Judged], curves: Sequence[Curves], *, knapsack_aware: bool = False) -> Row:
    """A system with one curve (1, N) for each video."""
    return Row(name, judge(videos, curves, knapsack_aware=knapsack_aware))


def reference_rows(
    videos: Sequence[Judged], *, seed: int = 0, draws: int | None = None, knapsack_aware: bool = False
) -> Iterator[Row]:
    """Random, constant, uniform and oracle rows, and people's where a data set has several annotators.

    Args:
        videos: of one data set.
        seed: of the random scores.
        draws: of random scores for each video; None for as many as make sense, from 5 for thousands of videos to 100.
        knapsack_aware: with the knapsack-aware errors too.
    """
    count = draws or int(np.clip(_ROWS // len(videos), _LEAST_DRAWS, _MOST_DRAWS))
    steps = [len(v.video.picks) for v in videos]
    rng = np.random.default_rng(seed)
    random = [rng.random((count, n)) for n in steps]
    drawn = judge(videos, random, knapsack_aware=knapsack_aware)
    yield Row("random", _means(drawn, [count] * len(videos)), f"mean of {count} draws a video")
    yield system_row("constant", videos, [np.full((1, n), 0.5) for n in steps], knapsack_aware=knapsack_aware)
    yield system_row("uniform", videos, [_evenly(n)[None] for n in steps], knapsack_aware=knapsack_aware)
    yield from _people(videos)
    oracle = [v.video.gtscore[None].astype(np.float64) for v in videos]
    row = system_row("oracle", videos, oracle, knapsack_aware=knapsack_aware)
    yield Row(row.name, row.values, "gtscore itself as the prediction: the most that can be reached")


def _people(videos: Sequence[Judged]) -> Iterator[Row]:
    kind = videos[0].video.kind
    pairs, left_out = "annotator with another", "mean of the others"
    without = "with the annotator left out"
    if kind == "tvsum" and videos[0].has_ranks:
        people = [len(v.user_scores) for v in videos]
        how = "pairwise mean (Otani et al. 2019); MAP: with the mean of the others"
        yield Row(pairs, _means(_tvsum_pairwise(videos), people), how)
        yield Row(left_out, _means(_tvsum_left_out(videos), people), without)
    elif kind == "summe":
        people = [len(v.user_summary) for v in videos]
        how = "F1: best and mean other; A: pairwise mean; B: with the mean of the others"
        yield Row(pairs, _means(_summe_pairwise(videos), people), how)
        yield Row(left_out, _means(_summe_left_out(videos), people), without)


def _evenly(n: int, share: float = 0.15) -> NDArray[np.float64]:
    """1 at evenly spread steps, 0 elsewhere."""
    count = max(1, round(share * n))
    scores = np.zeros(n)
    scores[((np.arange(count) + 0.5) * n / count).astype(int)] = 1.0
    return scores


def _others(values: NDArray[np.number]) -> NDArray[np.float64]:
    """For each of U annotators (U, n) the mean of the others."""
    wide = values.astype(np.float64)
    means: NDArray[np.float64] = (wide.sum(axis=0) - wide) / max(1, len(wide) - 1)
    return means


def _off_diagonal(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(U, U) without what each has with itself: (U, U - 1)."""
    return table[~np.eye(len(table), dtype=bool)].reshape(len(table), -1)


def _overlap(video: Judged) -> NDArray[np.float64]:
    """F1 of each annotator's summary with each other's, (U, U - 1)."""
    users = (video.user_summary > 0).astype(np.float32)
    sizes = video.totals[:, None] + video.totals
    return _off_diagonal(2.0 * (users @ users.T) / np.maximum(sizes, 1))


def _tvsum_pairwise(videos: Sequence[Judged]) -> Values:
    scores = [v.user_scores for v in videos]
    tables = [rank_correlation_table(own, own) for own in scores]
    values = {
        "tau": np.concatenate([_off_diagonal(tau).mean(axis=1) for tau, _ in tables]),
        "rho": np.concatenate([_off_diagonal(rho).mean(axis=1) for _, rho in tables]),
    }
    if videos[0].has_segments:
        values["f1"] = np.concatenate([_overlap(v).mean(axis=1) for v in videos])
    return values | judge_steps(videos, scores, [_others(own) for own in scores], ranks=False)


def _tvsum_left_out(videos: Sequence[Judged]) -> Values:
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


def _summe_pairwise(videos: Sequence[Judged]) -> Values:
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
        results.append(summe_overlap(_overlap(video)) | summe_correlation(pairs, *with_others))
    return joined(results)


def _summe_left_out(videos: Sequence[Judged]) -> Values:
    chosen = choices(videos, [_others(v.user_summary[:, v.video.picks]) for v in videos])
    f1 = np.concatenate([_left_out_f1(v, c) for v, c in zip(videos, chosen, strict=True)])
    pairs = np.concatenate(
        [
            np.diagonal(phi(c @ v.counts.T, c @ v.lengths, v.totals, v.video.n_frames))
            for v, c in zip(videos, chosen, strict=True)
        ]
    )
    return {"f1": f1, "f1_mean": f1, "tau_a": pairs, "rho_a": pairs}


def _left_out_f1(video: Judged, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """F1 (U,) of the u-th summary with the u-th annotator."""
    return np.diagonal(f1_of_choices(chosen, video.lengths, video.counts, video.totals))


def _means(values: Values, counts: Sequence[int]) -> Values:
    """For each measure the mean over each video's curves, (V,)."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return {name: np.add.reduceat(value, starts) / counts for name, value in values.items()}
