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
    judge,
    judge_overlap,
    judge_shots,
    judge_summaries,
    rank_tables,
)
from summdiff.metrics.fscore import choose_many, f1_of_choices
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
    return Row(name, _means(judge(videos, curves, knapsack_aware=knapsack_aware)))


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
    yield Row("random", _means(judge(videos, random, knapsack_aware=knapsack_aware)), f"mean of {count} draws a video")
    yield system_row("constant", videos, [np.full((1, n), 0.5) for n in steps], knapsack_aware=knapsack_aware)
    yield system_row("uniform", videos, [_evenly(n)[None] for n in steps], knapsack_aware=knapsack_aware)
    yield from _people(videos)
    oracle = [v.video.gtscore[None].astype(np.float64) for v in videos]
    row = system_row("oracle", videos, oracle, knapsack_aware=knapsack_aware)
    yield Row(row.name, row.values, "gtscore itself as the prediction: the most that can be reached")


def _people(videos: Sequence[Judged]) -> Iterator[Row]:
    kind = videos[0].video.kind
    if kind == "tvsum" and videos[0].has_ranks:
        yield Row(
            "annotator with another",
            _means(_tvsum_pairwise(videos)),
            "pairwise mean (Otani et al. 2019); MAP: with the mean of the others",
        )
        yield Row("mean of the others", _means(_tvsum_left_out(videos)), "with the annotator left out")
    elif kind == "summe":
        yield Row(
            "annotator with another",
            _means([_summe_pairwise(v) for v in videos]),
            "F1: best and mean other; A: pairwise mean; B: with the mean of the others",
        )
        yield Row("mean of the others", _means(_summe_left_out(videos)), "with the annotator left out")


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


def _tvsum_pairwise(videos: Sequence[Judged]) -> list[Values]:
    scores = [v.user_scores for v in videos]
    results = [judge_overlap("tvsum", _overlap(v)) if v.has_segments else {} for v in videos]
    for result, tau, rho in zip(results, *rank_tables(scores, scores), strict=True):
        result["tau"], result["rho"] = _off_diagonal(tau).mean(axis=1), _off_diagonal(rho).mean(axis=1)
    if videos[0].has_rate:
        for result, values in zip(results, judge_shots(videos, scores, [_others(s) for s in scores]), strict=True):
            result.update(values)
    return results


def _tvsum_left_out(videos: Sequence[Judged]) -> list[Values]:
    others = [_others(v.user_scores) for v in videos]
    results: list[Values] = [{} for _ in videos]
    if videos[0].has_segments:
        results = [{"f1": f1} for f1 in _left_out_f1(videos, others)]
    for result, tau, rho in zip(results, *rank_tables(others, [v.user_scores for v in videos]), strict=True):
        result["tau"], result["rho"] = np.diagonal(tau), np.diagonal(rho)
    return results


def _left_out_f1(videos: Sequence[Judged], others: Sequence[Curves]) -> list[NDArray[np.float64]]:
    """F1 with each annotator (U,) of the summary that the others' mean scores (U, N) give."""
    chosen = choose_many(
        [(v.segments.values(o), v.segments.weights, v.segments.capacity) for v, o in zip(videos, others, strict=True)]
    )
    return [
        np.diagonal(f1_of_choices(choice, v.lengths, v.counts, v.totals))
        for v, choice in zip(videos, chosen, strict=True)
    ]


def _summe_pairwise(video: Judged) -> Values:
    users, totals, n = video.user_summary, video.totals, video.video.n_frames
    shared = users.astype(np.float32) @ users.T.astype(np.float32)
    tau, rho = np.empty(len(users)), np.empty(len(users))
    everyone = users.sum(axis=0, dtype=np.int32)
    for i, user in enumerate(users):
        crowd = RankedReference.of(everyone - user)
        tau[i : i + 1], rho[i : i + 1] = crowd.correlate([crowd.ranks[user > 0].sum()], [totals[i]])
    pairs = _off_diagonal(phi(shared, totals, totals, n))
    return judge_overlap("summe", _overlap(video)) | judge_summaries(pairs, tau, rho)


def _summe_left_out(videos: Sequence[Judged]) -> list[Values]:
    others = [_others(v.user_summary[:, v.video.picks]) for v in videos]
    results = []
    for video, other, f1 in zip(videos, others, _left_out_f1(videos, others), strict=True):
        segments = video.segments
        choice = segments.choose(other)
        pairs = np.diagonal(phi(choice @ video.counts.T, choice @ video.lengths, video.totals, video.video.n_frames))
        results.append({"f1": f1, "f1_mean": f1, "tau_a": pairs, "rho_a": pairs})
    return results


def _means(results: Sequence[Values]) -> Values:
    """For each measure the mean over a video's curves, (V,)."""
    return {name: np.array([result[name].mean() for result in results]) for name in results[0]}
