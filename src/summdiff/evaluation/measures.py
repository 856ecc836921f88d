"""Which measures a data set is judged by, for many curves of many videos at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo, Kind
from summdiff.errors import DataError
from summdiff.metrics.fscore import f1_of_choices
from summdiff.metrics.highlight_map import average_precision_rows, highlight_map_rows
from summdiff.metrics.knapsack_aware import knapsack_aware_errors
from summdiff.metrics.rank import rank_correlation_rows, rank_correlation_table
from summdiff.metrics.segments import ConventionName, Segments
from summdiff.metrics.summary_correlation import RankedReference, phi
from summdiff.selection.knapsack import choose_many

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

    @classmethod
    def many(
        cls, videos: Sequence[AnnotatedVideo], budget: float = 0.15, convention: ConventionName = "eccv16"
    ) -> list[Judged]:
        """Videos of one data set, their segments prepared together, which is quicker where they are short and many."""
        judged = [cls(video, budget, convention) for video in videos]
        described = [(v.picks, v.n_frames, v.change_points) for v in videos if v.change_points is not None]
        if len(described) == len(videos):
            for each, segments in zip(judged, Segments.of_many(described, budget, convention), strict=True):
                each.__dict__["segments"] = segments  # where cached_property looks
        return judged

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
        return np.array([np.count_nonzero(summary) for summary in self.user_summary])

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
    def user_scores(self) -> NDArray[Any]:
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


def judge(videos: Sequence[Judged], curves: Sequence[Curves], *, knapsack_aware: bool = False) -> Values:
    """Every measure of its data set for every curve.

    Args:
        videos: V videos of one data set.
        curves: for each video (K, N) scores of its N steps; K may differ between videos.
        knapsack_aware: with `KNAPSACK_AWARE` as well.

    Returns:
        For each measure (R,), the R curves of all videos in order. A measure that the data does not allow is missing.
    """
    first, kind = videos[0], videos[0].video.kind
    if kind == "youtube_highlights":
        return joined([_judge_clips(v, c) for v, c in zip(videos, curves, strict=True)])
    values: Values = {}
    if first.has_segments:
        values |= _judge_choices(videos, curves)
        if knapsack_aware:
            values |= joined([_judge_values(v, c) for v, c in zip(videos, curves, strict=True)])
    if kind == "tvsum" and first.has_ranks:
        tables = [rank_correlation_table(c, v.user_scores) for v, c in zip(videos, curves, strict=True)]
        values["tau"] = np.concatenate([tau.mean(axis=1) for tau, _ in tables])
        values["rho"] = np.concatenate([rho.mean(axis=1) for _, rho in tables])
    if kind != "summe":
        values |= judge_steps(videos, curves, [v.video.gtscore for v in videos], ranks=kind == "mr_hisum")
    return values


def choices(videos: Sequence[Judged], curves: Sequence[Curves]) -> list[NDArray[np.bool_]]:
    """For each video (K, S) segments that the knapsack takes for its curves (K, N)."""
    return choose_many(
        [(v.segments.values(c), v.segments.weights, v.segments.capacity) for v, c in zip(videos, curves, strict=True)]
    )


def _judge_choices(videos: Sequence[Judged], curves: Sequence[Curves]) -> Values:
    """What the knapsack's choices are judged by: F1, and on SumMe the summary's correlations."""
    chosen = choices(videos, curves)
    f1 = [
        f1_of_choices(choice, v.lengths, v.counts, v.totals) for v, choice in zip(videos, chosen, strict=True)
    ]  # (K, U)
    if videos[0].video.kind != "summe":
        return {"f1": np.concatenate([table[:, 0] if table.shape[1] == 1 else table.mean(axis=1) for table in f1])}
    results = []
    for video, choice, table in zip(videos, chosen, f1, strict=True):
        sizes, frames = choice @ video.lengths, video.video.n_frames
        pairs = phi(choice @ video.counts.T, sizes, video.totals, frames)
        correlation = video.crowd.correlate(choice @ video.crowd_sums, sizes)
        results.append(summe_overlap(table) | summe_correlation(pairs, *correlation))
    return joined(results)


def summe_overlap(f1: NDArray[np.float64]) -> Values:
    """SumMe's F1 measures (K,) from F1 with each annotator (K, U)."""
    return {"f1": f1.max(axis=1), "f1_mean": f1.mean(axis=1)}


def summe_correlation(pairs: NDArray[np.float64], tau: NDArray[np.float64], rho: NDArray[np.float64]) -> Values:
    """Both SumMe protocols: correlation with each annotator's summary (K, U), tau and rho with their mean (K,)."""
    return {"tau_a": pairs.mean(axis=1), "rho_a": pairs.mean(axis=1), "tau_b": tau, "rho_b": rho}


def judge_steps(
    videos: Sequence[Judged], curves: Sequence[Curves], truths: Sequence[NDArray[np.floating]], *, ranks: bool
) -> Values:
    """MAP, if the frame rate is known, and if asked for tau and rho: curves (K, N) against truths (N,) or (K, N)."""
    counts = np.array([len(c) for c in curves])
    starts = np.cumsum(counts) - counts
    shots = videos[0].has_rate
    names = ["map50", "map15"] * shots + ["tau", "rho"] * ranks
    values = {name: np.empty(int(counts.sum())) for name in names}
    for part in _parts(counts, np.array([c.shape[1] for c in curves])):
        ours, lengths = _padded([curves[i] for i in part])
        theirs, _ = _padded([np.broadcast_to(truths[i], curves[i].shape) for i in part])
        many = counts[part]
        rows = np.repeat(starts[part] - np.cumsum(many) + many, many) + np.arange(len(lengths))
        found: list[NDArray[np.float64]] = []
        if shots:
            rate = np.repeat([videos[i].video.rate for i in part], many)
            found.extend(highlight_map_rows(ours, theirs, lengths, rho=(0.5, 0.15), rate=rate))
        if ranks:
            found.extend(rank_correlation_rows(ours, theirs, lengths))
        for name, measured in zip(names, found, strict=True):
            values[name][rows] = measured
    return values


def _judge_clips(video: Judged, curves: Curves) -> Values:
    """YouTube Highlights: average precision of the clips that match."""
    if video.video.match is None:
        raise DataError(f"{video.video.name} has no 'match', which youtube_highlights is judged by.")
    labels = np.broadcast_to(video.video.match > 0, curves.shape)
    return {
        "map": average_precision_rows(labels, curves),
        "map_trapezoid": average_precision_rows(labels, curves, interpolation="trapezoid"),
    }


def _judge_values(video: Judged, curves: Curves) -> Values:
    """The knapsack-aware errors of each curve."""
    segments = video.segments
    true = segments.values(video.video.gtscore.astype(np.float64)[None])[0]
    errors = [
        knapsack_aware_errors(values, true, segments.weights, segments.capacity)
        for values in segments.values(np.asarray(curves, dtype=np.float64))
    ]
    return {name: np.array([getattr(error, name) for error in errors]) for name in ("wse", "cis", "wir", "ir")}


def joined(results: Sequence[Values]) -> Values:
    """The values of one video after those of another."""
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def _padded(tables: Sequence[NDArray[np.floating]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Tables (r, n) of different n below each other, filled up with 0 to the widest: (R, n), and each row's n (R,)."""
    widths = np.repeat([table.shape[1] for table in tables], [len(table) for table in tables])
    values = np.zeros((len(widths), widths.max()))
    values[np.arange(values.shape[1]) < widths[:, None]] = np.concatenate([table.ravel() for table in tables])
    return values, widths


def _parts(rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Videos of similar length together, few enough that their padded rows stay within `_CELLS` (one at least)."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        cells = np.cumsum(rows[order[start:]]) * lengths[order[start:]]
        end = start + max(1, int(np.searchsorted(cells, _CELLS, side="right")))
        yield order[start:end]
        start = end
