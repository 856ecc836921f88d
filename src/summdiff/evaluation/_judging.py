"""Values of every measure for many curves of many videos at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError
from summdiff.evaluation._prepared import PreparedVideo, ValuesByMeasure
from summdiff.metrics.fscore import f1_of_choices, f1_scores
from summdiff.metrics.highlight_map import average_precision, average_precision_rows, highlight_map_rows
from summdiff.metrics.knapsack_aware import knapsack_aware_errors
from summdiff.metrics.rank import kendall_tau, rank_correlation_rows, rank_correlation_table, spearman_rho
from summdiff.metrics.summary_correlation import phi
from summdiff.selection.knapsack import choose_many

FrameScores = Sequence[NDArray[np.floating] | None] | None

_CELLS = 2_000_000  # of padded arrays at a time; bounds memory


def judge(
    videos: Sequence[PreparedVideo],
    curves: Sequence[NDArray[np.floating]],
    frames: FrameScores = None,
    *,
    knapsack_aware: bool = False,
) -> ValuesByMeasure:
    """Compute every measure of the data set for every curve.

    Args:
        videos: V videos of one data set.
        curves: for each video scores (K, N) of its N steps; K may differ between videos.
        frames: for each video scores (K, n_frames) from which the segments' values are computed, or None to use
            `curves`; None for all videos.
        knapsack_aware: also compute `KNAPSACK_AWARE`.

    Returns:
        For each measure (R,), the R curves of all videos in order. Measures that the data does not allow are missing.
    """
    first, kind = videos[0], videos[0].video.kind
    if kind == "youtube_highlights":
        return joined([_judge_clips(v, c) for v, c in zip(videos, curves, strict=True)])
    values: ValuesByMeasure = {}
    if first.has_segments:
        segment_values = _segment_values(videos, curves, frames)
        values |= _judge_choices(videos, segment_values)
        if knapsack_aware:
            values |= joined([_judge_segment_values(v, each) for v, each in zip(videos, segment_values, strict=True)])
    if kind == "tvsum" and first.has_ranks:
        tables = [rank_correlation_table(c, v.user_scores) for v, c in zip(videos, curves, strict=True)]
        values["tau"] = np.concatenate([tau.mean(axis=1) for tau, _ in tables])
        values["rho"] = np.concatenate([rho.mean(axis=1) for _, rho in tables])
    if kind != "summe":
        values |= judge_steps(videos, curves, [v.video.gtscore for v in videos], ranks=kind == "mr_hisum")
    return values


def judge_steps_of(video: AnnotatedVideo, scores: ArrayLike) -> dict[str, float]:
    """Judge one curve (N,) step by step, without summaries: fast, and the same for every data set.

    Returns:
        `tau` and `rho`, mean over annotators, with each annotator's curve (TVSum: scores; SumMe: the chosen steps;
        Mr.HiSum: `gtscore`; YouTube Highlights: `match`), 0 for constant curves. YouTube Highlights also `map`, the
        average precision of the clips that match.
    """
    references = video.annotator_curves() if video.match is None else video.match[None]
    values = {"tau": kendall_tau(scores, references), "rho": spearman_rho(scores, references)}
    if video.match is not None:
        values = {"map": average_precision(video.match > 0, scores)} | values
    return values


def judge_summaries(videos: Sequence[PreparedVideo], summaries: Sequence[NDArray[np.uint8]]) -> ValuesByMeasure:
    """Judge ready 0/1 summaries (K, n_frames) of each video: F1, and on SumMe the correlations of the summary."""
    results = []
    for video, rows in zip(videos, summaries, strict=True):
        f1 = f1_scores(rows, video.user_summary)
        if video.video.kind != "summe":
            results.append(video.f1_measures(f1))
            continue
        sizes = rows.sum(axis=1, dtype=np.int64)
        shared = rows.astype(np.float32) @ video.user_summary.T.astype(np.float32)
        pairs = phi(shared, sizes, video.totals, video.video.n_frames)
        correlation = video.crowd.correlate(rows @ video.crowd.ranks, sizes)
        results.append(video.f1_measures(f1) | summe_correlation(pairs, *correlation))
    return joined(results)


def choices(videos: Sequence[PreparedVideo], curves: Sequence[NDArray[np.floating]]) -> list[NDArray[np.bool_]]:
    """Return for each video the segments (K, S) that the knapsack takes for its curves (K, N)."""
    return _choices(videos, _segment_values(videos, curves))


def _choices(videos: Sequence[PreparedVideo], values: Sequence[NDArray[np.float64]]) -> list[NDArray[np.bool_]]:
    """Return for each video the segments (K, S) that the knapsack takes for segments of these values (K, S)."""
    segments = [video.need_segments() for video in videos]
    return choose_many([(each, s.weights, s.capacity) for s, each in zip(segments, values, strict=True)])


def _segment_values(
    videos: Sequence[PreparedVideo], curves: Sequence[NDArray[np.floating]], frames: FrameScores = None
) -> list[NDArray[np.float64]]:
    frames = frames or [None] * len(videos)
    return [v.values(c, f) for v, c, f in zip(videos, curves, frames, strict=True)]


def _judge_choices(videos: Sequence[PreparedVideo], values: Sequence[NDArray[np.float64]]) -> ValuesByMeasure:
    """Judge the knapsack summaries of segments' values: F1, and on SumMe the correlations of the summary."""
    chosen = _choices(videos, values)
    f1 = [
        f1_of_choices(choice, v.lengths, v.counts, v.totals) for v, choice in zip(videos, chosen, strict=True)
    ]  # (K, U)
    if videos[0].video.kind != "summe":
        return joined([v.f1_measures(table) for v, table in zip(videos, f1, strict=True)])
    results = []
    for video, choice, table in zip(videos, chosen, f1, strict=True):
        sizes, frames = choice @ video.lengths, video.video.n_frames
        pairs = phi(choice @ video.counts.T, sizes, video.totals, frames)
        correlation = video.crowd.correlate(choice @ video.crowd_sums, sizes)
        results.append(video.f1_measures(table) | summe_correlation(pairs, *correlation))
    return joined(results)


def summe_correlation(
    pairs: NDArray[np.float64], tau: NDArray[np.float64], rho: NDArray[np.float64]
) -> ValuesByMeasure:
    """Return the measures of both SumMe protocols.

    Args:
        pairs: (K, U) correlation with each annotator's summary.
        tau, rho: (K,) correlation with the mean of the annotators' summaries.
    """
    return {"tau_a": pairs.mean(axis=1), "rho_a": pairs.mean(axis=1), "tau_b": tau, "rho_b": rho}


def judge_steps(
    videos: Sequence[PreparedVideo],
    curves: Sequence[NDArray[np.floating]],
    truths: Sequence[NDArray[np.floating]],
    *,
    ranks: bool,
) -> ValuesByMeasure:
    """Compare curves (K, N) with truths (N,) or (K, N): MAP if the frame rate is known, tau and rho with `ranks`."""
    counts = np.array([len(c) for c in curves])
    starts = np.cumsum(counts) - counts
    shots = videos[0].has_rate
    names = ["map50", "map15"] * shots + ["tau", "rho"] * ranks
    values = {name: np.empty(int(counts.sum())) for name in names}
    for batch in _batches(counts, np.array([c.shape[1] for c in curves])):
        ours, lengths = _padded([curves[i] for i in batch])
        theirs, _ = _padded([np.broadcast_to(truths[i], curves[i].shape) for i in batch])
        many = counts[batch]
        rows = np.repeat(starts[batch] - np.cumsum(many) + many, many) + np.arange(len(lengths))
        columns: list[NDArray[np.float64]] = []
        if shots:
            rate = np.repeat([videos[i].video.rate for i in batch], many)
            columns.extend(highlight_map_rows(ours, theirs, lengths, rho=(0.5, 0.15), rate=rate))
        if ranks:
            columns.extend(rank_correlation_rows(ours, theirs, lengths))
        for name, measured in zip(names, columns, strict=True):
            values[name][rows] = measured
    return values


def _judge_clips(video: PreparedVideo, curves: NDArray[np.floating]) -> ValuesByMeasure:
    """Compute the average precision of the clips that match (YouTube Highlights)."""
    if video.video.match is None:
        raise DataError(f"{video.video.name} has no 'match', which youtube_highlights is judged by.")
    labels = np.broadcast_to(video.video.match > 0, curves.shape)
    return {
        "map": average_precision_rows(labels, curves),
        "map_trapezoid": average_precision_rows(labels, curves, interpolation="trapezoid"),
    }


def _judge_segment_values(video: PreparedVideo, values: NDArray[np.float64]) -> ValuesByMeasure:
    """Compute the knapsack-aware errors of segments' values (K, S)."""
    segments = video.need_segments()
    true = segments.values(video.video.gtscore.astype(np.float64)[None])[0]
    errors = [knapsack_aware_errors(row, true, segments.weights, segments.capacity) for row in values]
    return {name: np.array([getattr(error, name) for error in errors]) for name in ("wse", "cis", "wir", "ir")}


def joined(results: Sequence[ValuesByMeasure]) -> ValuesByMeasure:
    """Concatenate the values of videos."""
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def _padded(tables: Sequence[NDArray[np.floating]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Stack tables (r, n) of different n, padded with 0 to the widest: (R, n), and the n of each row (R,)."""
    widths = np.repeat([table.shape[1] for table in tables], [len(table) for table in tables])
    values = np.zeros((len(widths), widths.max()))
    values[np.arange(values.shape[1]) < widths[:, None]] = np.concatenate([table.ravel() for table in tables])
    return values, widths


def _batches(rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield videos of similar length in batches whose padded rows stay within `_CELLS` (one video at least)."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        cells = np.cumsum(rows[order[start:]]) * lengths[order[start:]]
        end = start + max(1, int(np.searchsorted(cells, _CELLS, side="right")))
        yield order[start:end]
        start = end
