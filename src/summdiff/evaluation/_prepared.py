"""Videos prepared for judging many curves: what does not depend on a curve is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError
from summdiff.evaluation._measures import F1_OVER, F1Over
from summdiff.metrics.segments import ConventionName, Segments
from summdiff.metrics.summary_correlation import RankedReference

ValuesByMeasure = dict[str, NDArray[np.float64]]

_T = TypeVar("_T")


@dataclass(frozen=True)
class PreparedVideo:
    """A video prepared for judging many curves: what does not depend on a curve is computed once.

    Attributes:
        video: its annotations; features are not needed.
        segments: its segments; None if the file has none.
        f1_over: whether F1 is the mean or the largest over annotators.
    """

    video: AnnotatedVideo
    segments: Segments | None
    f1_over: F1Over = "mean"

    def f1_measures(self, f1: NDArray[np.float64]) -> ValuesByMeasure:
        """Return the F1 measures (K,) for F1 with each annotator (K, U); SumMe's have the mean beside the largest."""
        if f1.shape[1] == 1:
            return {"f1": f1[:, 0]}
        means: NDArray[np.float64] = f1.mean(axis=1)
        if self.f1_over == "mean":
            return {"f1": means}
        return {"f1": f1.max(axis=1)} | ({"f1_mean": means} if self.video.kind == "summe" else {})

    def need_segments(self) -> Segments:
        """Return the segments; raises DataError if there are none."""
        return self._need(self.segments, "change_points")

    @cached_property
    def user_summary(self) -> NDArray[np.uint8]:
        """(U, n_frames) 0/1."""
        return self._need(self.video.user_summary, "user_summary")

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(U, S) frames that each annotator chose in each segment."""
        return np.asarray(self.need_segments().counts(self.user_summary))

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """(U,) frames that each annotator chose."""
        return np.array([np.count_nonzero(summary) for summary in self.user_summary])

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(S,) frames of each segment in a summary."""
        segments = self.need_segments()
        return np.asarray(segments.ends - segments.starts)

    @cached_property
    def crowd(self) -> RankedReference:
        """The mean of the annotators' summaries, ranked."""
        return RankedReference.of(self.user_summary.sum(axis=0, dtype=np.int32))

    @cached_property
    def crowd_sums(self) -> NDArray[np.float64]:
        """(S,) sum of the ranks of `crowd` over each segment."""
        area, segments = np.concatenate(([0.0], np.cumsum(self.crowd.ranks))), self.need_segments()
        return area[segments.ends] - area[segments.starts]

    @cached_property
    def user_scores(self) -> NDArray[Any]:
        """(U, N), as uint8 if they are small integers, which can be ranked without sorting."""
        scores = self._need(self.video.user_scores, "user_scores")
        integers = scores.astype(np.uint8)
        return integers if (integers == scores).all() else scores

    def values(self, curves: NDArray[np.floating], frames: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """Return the segments' values (K, S) for scores (K, N) of steps, or of `frames` (K, n_frames) if given."""
        segments = self.need_segments()
        return segments.values(curves) if frames is None else segments.of_frames().values(frames)

    @property
    def has_segments(self) -> bool:
        """Whether summaries can be made and judged."""
        return self.segments is not None and self.video.user_summary is not None

    @property
    def has_ranks(self) -> bool:
        """Whether rank correlation can be measured: the usual file of TVSum lacks the annotators' scores."""
        return self.video.kind != "tvsum" or self.video.user_scores is not None

    @property
    def has_rate(self) -> bool:
        """Whether MAP can be measured: its shots last five seconds, so the frame rate must be known."""
        return self.video.fps is not None

    def _need(self, value: _T | None, key: str) -> _T:
        if value is None:
            raise DataError(f"{self.video.name} has no '{key}', which {self.video.kind} is judged by.")
        return value


def prepare(
    videos: Sequence[AnnotatedVideo],
    budget: float = 0.15,
    convention: ConventionName = "eccv16",
    f1_over: F1Over | None = None,
) -> list[PreparedVideo]:
    """Prepare videos of one data set.

    Args:
        videos: the videos; features are not needed.
        budget: share of the frames that a summary may have.
        convention: how segments become a summary.
        f1_over: whether F1 is the mean or the largest over annotators; None for the data set's own.

    Raises:
        DataError: segments do not fit a video.
    """
    described = [(v.picks, v.n_frames, v.change_points) for v in videos if v.change_points is not None]
    segments = iter(Segments.of_many(described, budget, convention))
    over = [f1_over or F1_OVER.get(video.kind, "mean") for video in videos]
    return [
        PreparedVideo(video, None if video.change_points is None else next(segments), each)
        for video, each in zip(videos, over, strict=True)
    ]
