"""The evaluation protocol in plain Python, written from its description: lists and loops, no NumPy.

A reference for the results of `summdiff.metrics` (tests/metrics/test_plain_evaluation.py) and for its speed
(benchmarks/evaluation.py). Nothing is slow on purpose: built-in functions where they help, one pass where one is
enough, nested loops over steps only where pairs are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

Numbers = Sequence[float]


def hold_scores(scores: Numbers, picks: Sequence[int], n_frames: int) -> list[float]:
    """Return every frame's score: that of the last step at or before it, 0 before the first."""
    frames = [0.0] * picks[0]
    for step, score in enumerate(scores):
        end = picks[step + 1] if step + 1 < len(picks) else n_frames
        frames.extend([score] * (end - picks[step]))
    return frames


def knapsack(values: Numbers, weights: Sequence[int], capacity: int) -> list[bool]:
    """Return the items to take, by a table of the best value of the first items within each capacity."""
    table = [[0.0] * (capacity + 1)]
    for value, weight in zip(values, weights, strict=True):
        before = table[-1]
        row = before[:]
        for room in range(weight, capacity + 1):
            with_item = before[room - weight] + value
            if with_item > row[room]:  # noqa: PLR1730  max() takes twice as long
                row[room] = with_item
        table.append(row)
    taken = [False] * len(values)
    room = capacity
    for item in range(len(values) - 1, -1, -1):
        if table[item + 1][room] != table[item][room]:
            taken[item] = True
            room -= weights[item]
    return taken


def summarize(
    scores: Numbers,
    picks: Sequence[int],
    n_frames: int,
    change_points: Sequence[Sequence[int]],
    convention: Literal["eccv16", "mr_hisum"],
) -> list[int]:
    """Return the summary, 0/1 for each frame, of scores on segments under 15% of the frames."""
    frames = hold_scores(scores, picks, n_frames)
    after_end = 1 if convention == "eccv16" else 0  # Mr.HiSum's rows do not hold their end, save for the mean
    means, lengths = [], []
    for start, end in change_points:
        inside = frames[start : end + 1]
        means.append(sum(inside) / len(inside))
        lengths.append(end + after_end - start)
    summary = [0] * n_frames
    for (start, end), taken in zip(change_points, knapsack(means, lengths, int(0.15 * n_frames)), strict=True):
        if taken:
            for frame in range(start, end + after_end):
                summary[frame] = 1
    return summary


def f1(summary: Sequence[int], reference: Sequence[int]) -> float:
    """Return F1 of two frame selections."""
    shared = sum(1 for ours, theirs in zip(summary, reference, strict=True) if ours and theirs)
    if shared == 0:
        return 0.0
    precision, recall = shared / sum(summary), shared / sum(reference)
    return 2 * precision * recall / (precision + recall)


def kendall_tau(x: Numbers, y: Numbers) -> float:
    """Return tau-b over all pairs of steps; 0 where undefined."""
    concordance = untied_x = untied_y = 0
    for i in range(len(x)):
        x_i, y_i = x[i], y[i]
        for j in range(i):
            x_j, y_j = x[j], y[j]
            if x_i != x_j:
                untied_x += 1
                if y_i != y_j:
                    concordance += 1 if (x_i > x_j) == (y_i > y_j) else -1
            if y_i != y_j:
                untied_y += 1
    if untied_x == 0 or untied_y == 0:
        return 0.0
    return float(concordance / (untied_x * untied_y) ** 0.5)


def average_ranks(values: Numbers) -> list[float]:
    """Return ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    first = 1
    for _, group in groupby(order, key=values.__getitem__):
        members = list(group)
        for step in members:
            ranks[step] = first + (len(members) - 1) / 2
        first += len(members)
    return ranks


def spearman_rho(x: Numbers, y: Numbers) -> float:
    """Return Pearson's correlation of the ranks; 0 where undefined."""
    centre = (len(x) + 1) / 2
    ranks_x = [rank - centre for rank in average_ranks(x)]
    ranks_y = [rank - centre for rank in average_ranks(y)]
    scale = sum(rank * rank for rank in ranks_x) * sum(rank * rank for rank in ranks_y)
    if scale == 0:
        return 0.0
    return float(sum(a * b for a, b in zip(ranks_x, ranks_y, strict=True)) / scale**0.5)


def shot_means(scores: Numbers, size: int) -> list[float]:
    """Return the means of shots of `size` steps; the last may be shorter."""
    shots = [scores[start : start + size] for start in range(0, len(scores), size)]
    return [sum(shot) / len(shot) for shot in shots]


def average_precision(labels: Sequence[bool], scores: Numbers) -> float:
    """Return the mean precision at each positive, with equal scores taken together; 0 without positives."""
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    total, hits, seen = 0.0, 0, 0
    for _, group in groupby(order, key=scores.__getitem__):
        members = list(group)
        new_hits = sum(labels[shot] for shot in members)
        hits += new_hits
        seen += len(members)
        total += new_hits * hits / seen
    return total / hits if hits else 0.0


def highlight_map(scores: Numbers, gtscore: Numbers, share: float, rate: float) -> float:
    """Return the average precision over 5-second shots, the best `share` of which by gtscore are positive."""
    size = max(1, int(5 * rate + 0.5))
    predicted, true = shot_means(scores, size), shot_means(gtscore, size)
    best = sorted(range(len(true)), key=lambda shot: -true[shot])[: int(share * len(true))]
    labels = [False] * len(true)
    for shot in best:
        labels[shot] = True
    return average_precision(labels, predicted)


def evaluate_video(
    scores: Numbers,
    gtscore: Numbers,
    annotator_scores: Sequence[Numbers] | None,
    user_summaries: Sequence[Sequence[int]],
    picks: Sequence[int],
    n_frames: int,
    change_points: Sequence[Sequence[int]],
    convention: Literal["eccv16", "mr_hisum"],
    rate: float,
    reduce: Literal["mean", "max"],
) -> dict[str, float]:
    """All measures of one video.

    Args:
        scores, gtscore: for each step.
        annotator_scores: for each annotator and step (TVSum), or None to correlate with gtscore (Mr.HiSum).
        user_summaries: for each annotator and frame, 0/1.
        picks: first frame of each step.
        n_frames: frames of the video.
        change_points: [start, end] of each segment.
        convention: how those are read.
        rate: steps per second.
        reduce: of F1 over annotators.

    Returns:
        f1, tau, rho, map50 and map15.
    """
    summary = summarize(scores, picks, n_frames, change_points, convention)
    overlaps = [f1(summary, user) for user in user_summaries]
    references = [gtscore] if annotator_scores is None else annotator_scores
    return {
        "f1": max(overlaps) if reduce == "max" else sum(overlaps) / len(overlaps),
        "tau": sum(kendall_tau(scores, reference) for reference in references) / len(references),
        "rho": sum(spearman_rho(scores, reference) for reference in references) / len(references),
        "map50": highlight_map(scores, gtscore, 0.5, rate),
        "map15": highlight_map(scores, gtscore, 0.15, rate),
    }
