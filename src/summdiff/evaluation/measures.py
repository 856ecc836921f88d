"""Which measures a data set is judged by, for many curves of many videos at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo, Kind
from summdiff.errors import DataError
from summdiff.metrics.fscore import ConventionName, Segments, choose_many, f1_of_choices
from summdiff.metrics.highlight_map import average_precision_rows, highlight_map_rows
from summdiff.metrics.knapsack_aware import knapsack_aware_errors
from summdiff.metrics.rank import rank_correlation_rows, rank_correlation_table
from summdiff.metrics.summary_correlation import RankedReference, phi

Curves = NDArray[np.floating]
Values = dict[str, NDArray[np.float64]]
_T = TypeVar("_T")

_CELLS = 2_000_000  # of the padded arrays that are worked on at a time; bounds memory


@dataclass(frozen=True, slots=True)
class Measure:
    """One column of a result.

    Attributes:
        name: its key in results.
        label: its heading.
        percent: shown times 100, as the literature does; results hold it as it is, from 0 to 1.
        about: what it is, in a line.
    """

    name: str
    label: str
    percent: bool
    about: str


_F1 = "F1 of the knapsack summary with each annotator's"
_MAP = "mean average precision of 5-second shots, positives the top {} by gtscore"
_MEASURES: Mapping[Kind, tuple[Measure, ...]] = {
    "tvsum": (
        Measure("f1", "F1", True, f"{_F1}, mean over annotators"),
        Measure("tau", "tau", False, "Kendall's tau-b of the scores with each annotator's, mean over annotators"),
        Measure("rho", "rho", False, "Spearman's rho of the scores with each annotator's, mean over annotators"),
        Measure("map50", "MAP50", True, _MAP.format("50 %")),
        Measure("map15", "MAP15", True, _MAP.format("15 %")),
    ),
    "summe": (
        Measure("f1", "F1", True, f"{_F1}, largest over annotators"),
        Measure("f1_mean", "F1 mean", True, f"{_F1}, mean over annotators"),
        Measure("tau_a", "tau A", False, "protocol A: tau-b of the binary summary with each annotator's, mean"),
        Measure("rho_a", "rho A", False, "protocol A with Spearman's rho, the same for binary summaries"),
        Measure("tau_b", "tau B", False, "protocol B: tau-b of the binary summary with the mean of the annotators'"),
        Measure("rho_b", "rho B", False, "protocol B with Spearman's rho"),
    ),
    "mr_hisum": (
        Measure("f1", "F1", True, "F1 of the knapsack summary with gt_summary"),
        Measure("map50", "MAP50", True, _MAP.format("50 %")),
        Measure("map15", "MAP15", True, _MAP.format("15 %")),
        Measure("tau", "tau", False, "Kendall's tau-b of the scores with gtscore"),
        Measure("rho", "rho", False, "Spearman's rho of the scores with gtscore"),
    ),
    "youtube_highlights": (
        Measure("map", "mAP", True, "average precision of the clips with match = 1, mean over a domain, then domains"),
        Measure("map_trapezoid", "mAP trap.", True, "the same by the trapezoidal rule of highlight-detection code"),
    ),
}
KNAPSACK_AWARE = (
    Measure("wse", "WSE", False, "frames times harmful error of the segments' values, summed"),
    Measure("cis", "CIS", False, "harmful errors less the loss of the dearest decision that they could turn round"),
    Measure("wir", "WIR", True, "share of frames in segments whose error cannot change the best selection"),
    Measure("ir", "IR", True, "share of segments whose error cannot change the best selection"),
)


def measures_of(kind: Kind) -> tuple[Measure, ...]:
    """The columns for a data set."""
    return _MEASURES[kind]


@dataclass(frozen=True)
class Judged:
    """A video prepared to judge curves by: what does not depend on a curve is worked out once, when first needed.

    Attributes:
        video: its annotations; features are not needed.
        budget: share of the frames that a summary may have.
        convention: how its segments become a summary.
    """

    video: AnnotatedVideo
    budget: float = 0.15
    convention: ConventionName = "eccv16"

    @cached_property
    def segments(self) -> Segments:
        """Its segments.

        Raises:
            DataError: the file has none, or they do not fit the video.
        """
        video = self.video
        return Segments.of(
            video.picks, video.n_frames, self._need(video.change_points, "change_points"), self.budget, self.convention
        )

    @cached_property
    def user_summary(self) -> NDArray[np.uint8]:
        """(U, n_frames) 0/1."""
        return self._need(self.video.user_summary, "user_summary")

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(U, S) frames that each annotator chose in each segment."""
        return np.asarray(self.segments.counts(self.user_summary))

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """(U,) frames that each annotator chose."""
        return np.count_nonzero(self.user_summary, axis=1)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(S,) frames of each segment in a summary."""
        return np.asarray(self.segments.ends - self.segments.starts)

    @cached_property
    def crowd(self) -> RankedReference:
        """The mean of the annotators' summaries, ranked."""
        return RankedReference.of(self.user_summary.sum(axis=0, dtype=np.int32))

    @cached_property
    def crowd_sums(self) -> NDArray[np.float64]:
        """(S,) sum of the ranks of `crowd` over each segment."""
        area = np.concatenate(([0.0], np.cumsum(self.crowd.ranks)))
        return area[self.segments.ends] - area[self.segments.starts]

    @cached_property
    def user_scores(self) -> NDArray[np.number]:
        """(U, N); as small integers where they are such, which need no sorting to be ranked."""
        scores = self._need(self.video.user_scores, "user_scores")
        whole = scores.astype(np.uint8)
        return whole if (whole == scores).all() else scores

    @property
    def has_segments(self) -> bool:
        """Whether summaries can be made and judged."""
        return self.video.change_points is not None and self.video.user_summary is not None

    @property
    def has_ranks(self) -> bool:
        """Whether rank correlation can be measured: TVSum's usual file is without the annotators' scores."""
        return self.video.kind != "tvsum" or self.video.user_scores is not None

    @property
    def has_rate(self) -> bool:
        """Whether MAP can be measured: its shots last five seconds, so the frame rate must be known."""
        return self.video.fps is not None

    def _need(self, value: _T | None, key: str) -> _T:
        if value is None:
            raise DataError(f"{self.video.name} has no '{key}', which {self.video.kind} is judged by.")
        return value


def judge(videos: Sequence[Judged], curves: Sequence[Curves], *, knapsack_aware: bool = False) -> list[Values]:
    """Every measure of its data set for every curve.

    Args:
        videos: V videos of one data set.
        curves: for each video (K, N) scores of its N steps; K may differ between videos.
        knapsack_aware: with `KNAPSACK_AWARE` as well.

    Returns:
        For each video (K,) values of each measure.
    """
    results: list[Values] = [{} for _ in videos]
    if not videos:
        return results
    kind = videos[0].video.kind
    if kind == "youtube_highlights":
        _judge_clips(videos, curves, results)
        return results
    if videos[0].has_segments:
        _judge_choices(videos, curves, results)
    if kind != "summe":
        if videos[0].has_ranks:
            references = [v.user_scores if kind == "tvsum" else v.video.gtscore[None] for v in videos]
            for result, tau, rho in zip(results, *rank_tables(curves, references), strict=True):
                result["tau"], result["rho"] = _over_annotators(tau), _over_annotators(rho)
        if videos[0].has_rate:
            for result, values in zip(results, judge_shots(videos, curves), strict=True):
                result.update(values)
    if knapsack_aware and videos[0].has_segments:
        for video, scores, result in zip(videos, curves, results, strict=True):
            result.update(_judge_values(video, scores))
    return results


def _judge_choices(videos: Sequence[Judged], curves: Sequence[Curves], results: list[Values]) -> None:
    """What the knapsack's choices are judged by: F1, and on SumMe the summary's correlations."""
    chosen = choose_many(
        [(v.segments.values(c), v.segments.weights, v.segments.capacity) for v, c in zip(videos, curves, strict=True)]
    )
    for video, choice, result in zip(videos, chosen, results, strict=True):
        f1 = f1_of_choices(choice, video.lengths, video.counts, video.totals)
        result.update(judge_overlap(video.video.kind, f1))
        if video.video.kind == "summe":
            sizes, frames = choice @ video.lengths, video.video.n_frames
            pairs = phi(choice @ video.counts.T, sizes, video.totals, frames)
            result.update(judge_summaries(pairs, *video.crowd.correlate(choice @ video.crowd_sums, sizes)))


def judge_overlap(kind: Kind, f1: NDArray[np.float64]) -> Values:
    """The F1 measures (K,) from F1 with each annotator (K, U): the mean, but on SumMe the largest."""
    if kind == "summe":
        return {"f1": f1.max(axis=1), "f1_mean": f1.mean(axis=1)}
    return {"f1": _over_annotators(f1)}


def judge_summaries(pairs: NDArray[np.float64], tau: NDArray[np.float64], rho: NDArray[np.float64]) -> Values:
    """Both SumMe protocols: correlation with each annotator's summary (K, U), tau and rho with their mean (K,)."""
    return {"tau_a": pairs.mean(axis=1), "rho_a": pairs.mean(axis=1), "tau_b": tau, "rho_b": rho}


def rank_tables(
    curves: Sequence[Curves], references: Sequence[NDArray[np.floating]]
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Tau and rho of each of a video's curves (K, N) with each of its references (U, N): for each video (K, U)."""
    if all(len(reference) > 1 for reference in references):  # many rows a video: each is ranked once
        tables = [rank_correlation_table(c, r) for c, r in zip(curves, references, strict=True)]
        return [tau for tau, _ in tables], [rho for _, rho in tables]
    tau: list[NDArray[np.float64]] = [np.empty(0)] * len(curves)
    rho = list(tau)
    counts = [len(c) * len(r) for c, r in zip(curves, references, strict=True)]
    for part in _parts(counts, [c.shape[1] for c in curves]):
        ours, lengths = padded([_each(curves[i], len(references[i])) for i in part])
        theirs, _ = padded([_all(references[i], len(curves[i])) for i in part])
        both = rank_correlation_rows(ours, theirs, lengths)
        for table, values in zip((tau, rho), both, strict=True):
            for i, rows in zip(part, _rows(values, [counts[i] for i in part]), strict=True):
                table[i] = rows.reshape(len(curves[i]), -1)
    return tau, rho


def judge_shots(
    videos: Sequence[Judged], curves: Sequence[Curves], gtscores: Sequence[NDArray[np.floating]] | None = None
) -> list[Values]:
    """MAP50 and MAP15 of a video's curves (K, N), against its gtscore or against others, (N,) or (K, N)."""
    results: list[Values] = [{} for _ in videos]
    truths = [v.video.gtscore for v in videos] if gtscores is None else gtscores
    counts = [len(c) for c in curves]
    for part in _parts(counts, [c.shape[1] for c in curves]):
        ours, lengths = padded([curves[i] for i in part])
        theirs, _ = padded([np.broadcast_to(truths[i], curves[i].shape) for i in part])
        rates = np.repeat([videos[i].video.rate for i in part], [counts[i] for i in part])
        both = highlight_map_rows(ours, theirs, lengths, rho=(0.5, 0.15), rate=rates)
        for name, values in zip(("map50", "map15"), both, strict=True):
            for i, rows in zip(part, _rows(values, [counts[i] for i in part]), strict=True):
                results[i][name] = rows
    return results


def _judge_clips(videos: Sequence[Judged], curves: Sequence[Curves], results: list[Values]) -> None:
    """YouTube Highlights: average precision of the clips that match."""
    for video, scores, result in zip(videos, curves, results, strict=True):
        if video.video.match is None:
            raise DataError(f"{video.video.name} has no 'match', which youtube_highlights is judged by.")
        labels = np.broadcast_to(video.video.match > 0, scores.shape)
        result["map"] = average_precision_rows(labels, scores)
        result["map_trapezoid"] = average_precision_rows(labels, scores, interpolation="trapezoid")


def _judge_values(video: Judged, curves: Curves) -> Values:
    """The knapsack-aware errors of each curve."""
    segments = video.segments
    true = segments.values(video.video.gtscore.astype(np.float64)[None])[0]
    errors = [
        knapsack_aware_errors(values, true, segments.weights, segments.capacity)
        for values in segments.values(np.asarray(curves, dtype=np.float64))
    ]
    return {name: np.array([getattr(error, name) for error in errors]) for name in ("wse", "cis", "wir", "ir")}


def padded(tables: Sequence[NDArray[np.floating]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Tables (r, n) of different n below each other, filled up with 0 to the widest: (R, n), and each row's n (R,)."""
    widths = np.repeat([table.shape[1] for table in tables], [len(table) for table in tables])
    values = np.zeros((len(widths), widths.max()))
    values[np.arange(values.shape[1]) < widths[:, None]] = np.concatenate([table.ravel() for table in tables])
    return values, widths


def _each(table: NDArray[np.floating], times: int) -> NDArray[np.floating]:
    """Each row so many times."""
    return table if times == 1 else np.repeat(table, times, axis=0)


def _all(table: NDArray[np.floating], times: int) -> NDArray[np.floating]:
    """All rows, so many times."""
    return table if times == 1 else np.concatenate([table] * times)


def _rows(values: NDArray[np.float64], counts: Sequence[int]) -> Iterator[NDArray[np.float64]]:
    """Values (R,) cut into pieces of so many."""
    first = 0
    for count in counts:
        yield values[first : first + count]
        first += count


def _over_annotators(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean (K,) over annotators of (K, U)."""
    mean: NDArray[np.float64] = table[:, 0] if table.shape[1] == 1 else table.mean(axis=1)
    return mean


def _parts(rows: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Videos of similar length together, few enough that their padded rows stay within `_CELLS`."""
    part: list[int] = []
    held = 0
    for i in np.argsort(lengths, kind="stable"):
        if part and (held + rows[i]) * lengths[i] > _CELLS:
            yield part
            part, held = [], 0
        part.append(int(i))
        held += rows[i]
    if part:
        yield part
