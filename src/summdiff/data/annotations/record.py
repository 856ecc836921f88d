"""Annotations of one video, the same for all formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError

_ROUNDING = 1e-4  # seconds by which a written time may miss the frame that it means


class Span(NamedTuple):
    """An annotator's score of the part [start, end) of a video, in seconds; without score the part was chosen."""

    start: float
    end: float
    score: float | None = None


@dataclass(frozen=True, eq=False)
class VideoAnnotations:
    """Annotations of one video by U annotators: `scores` or `summaries`, or `spans` until `by_frame` resolves them.

    Attributes:
        name: name of the video in the source: YouTube id (TVSum), title (SumMe) or name in a table.
        n_frames: frames of the annotated video; None if the source counts in seconds.
        fps: frames per second; None if unknown. For TVSum's .mat computed from the length.
        scores: (U, n_frames) float32, importance of each frame in `score_range`.
        summaries: (U, n_frames) uint8, 1 where the annotator chose the frame.
        spans: per annotator, for sources in seconds.
        score_range: lowest and highest possible score; (1, 5) in TVSum, None for summaries.
        title, category: "" if the source has none.
    """

    name: str
    n_frames: int | None = None
    fps: float | None = None
    scores: NDArray[np.float32] | None = None
    summaries: NDArray[np.uint8] | None = None
    spans: Mapping[str, tuple[Span, ...]] | None = None
    score_range: tuple[float, float] | None = None
    title: str = ""
    category: str = ""

    @property
    def scored(self) -> bool:
        """Whether annotators gave scores instead of choosing parts."""
        return self.score_range is not None

    @property
    def annotators(self) -> int:
        """U, the number of annotators."""
        rows = next(rows for rows in (self.scores, self.summaries, self.spans) if rows is not None)
        return len(rows)

    def within(self, low: float, high: float) -> Self:
        """Return the same scores with the range from `low` to `high`.

        Raises:
            DataError: a score is outside the range.
        """
        given = (
            [span.score for spans in self.spans.values() for span in spans if span.score is not None]
            if self.spans is not None
            else []
            if self.scores is None
            else [float(self.scores.min()), float(self.scores.max())]
        )
        outside = [score for score in given if not low <= score <= high]
        if outside:
            raise DataError(
                f"The annotations of '{self.name}' have a score of {outside[0]:g}, not {low:g} to {high:g}."
            )
        return replace(self, score_range=(low, high))

    def by_frame(self, n_frames: int, fps: float | None = None, *, times: ArrayLike | None = None) -> Self:
        """Convert spans of seconds to values of frames; annotations by frame are returned unchanged.

        A frame belongs to the span in which it appears. A frame in no span was not chosen, or has the lowest score.

        Args:
            n_frames: frames of the video.
            fps: frames per second, to place frame n at n / fps seconds.
            times: (n_frames,) seconds at which each frame appears, used instead of `fps`.

        Raises:
            DataError: a span begins after the end of the video, or has no frame.
        """
        if self.spans is None:
            return self
        if times is None:
            if fps is None:
                raise ValueError("by_frame() needs fps or times")
            shown = np.arange(n_frames) / fps
        else:
            shown = np.asarray(times, dtype=np.float64)
        low = 0.0 if self.score_range is None else self.score_range[0]
        rows = np.full((len(self.spans), n_frames), low, dtype=np.float32)
        for row, (annotator, spans) in zip(rows, self.spans.items(), strict=True):
            for span in spans:
                first, last = np.searchsorted(shown, (span.start - _ROUNDING, span.end - _ROUNDING))
                if first == last:
                    where = f"{annotator}'s part from {span.start:g} to {span.end:g} s"
                    why = "begins after its end" if first == n_frames else "has no frame"
                    raise DataError(f"In the annotations of '{self.name}', {where} {why} ({n_frames} frames).")
                row[first:last] = 1.0 if span.score is None else span.score
        resolved = replace(self, n_frames=n_frames, spans=None)
        if self.scored:
            return replace(resolved, scores=rows)
        return replace(resolved, summaries=rows.astype(np.uint8))
