"""Summaries from importance scores on given segments.

The field's protocol (Zhang et al., ECCV 2016): a step's score holds until the next step; a segment is worth the
mean score of its frames; a 0/1 knapsack of the segments under 15% of the frames is the summary. Public code differs in
details that change the summary; `CONVENTIONS` names them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError, UsageError
from summdiff.selection.knapsack import knapsack, knapsack_rows

End = Literal["inclusive", "exclusive"]
ConventionName = Literal["eccv16", "mr_hisum", "half_open", "vasnet", "dsnet", "pgl_sum", "a2summ"]


@dataclass(frozen=True, slots=True)
class Convention:
    """A rule for making a summary from rows [start, end] of `change_points` and scores.

    Attributes:
        mean: whether the frame at `end` counts for the segment's mean score.
        rows: whether it belongs to the segment, to its length in the knapsack and to the summary; so whether rows
            follow each other as end + 1 = start or end = start.
        value: the mean as it is ("float"), or 1000 times it with the fraction cut off ("thousandths"), which makes
            ties of nearly equal segments.
        capacity: budget · n_frames rounded down ("floor") or to the nearest integer ("round"), or
            budget · (last end + 1) rounded down ("last_end").
        source: code or paper that uses the rule.
    """

    mean: End
    rows: End
    value: Literal["float", "thousandths"]
    capacity: Literal["floor", "round", "last_end"]
    source: str


CONVENTIONS: dict[ConventionName, Convention] = {
    "eccv16": Convention(
        "inclusive", "inclusive", "float", "floor",
        "Zhang et al., ECCV 2016, and most code since; gives all 23 stored selections of CSNet on SumMe",
    ),
    "mr_hisum": Convention(
        "inclusive", "exclusive", "float", "floor",
        "Sul et al., NeurIPS 2023: the rows are half-open, but each mean takes in the next segment's first frame; only "
        "so does gtscore give the stored gt_summary",
    ),
    "half_open": Convention(
        "exclusive", "exclusive", "float", "floor", "nobody's: the same rows read cleanly, for comparison"
    ),
    "vasnet": Convention(
        "inclusive", "inclusive", "thousandths", "floor", "Fajtl et al., ACCVW 2018, released code"
    ),
    "dsnet": Convention(
        "inclusive", "inclusive", "thousandths", "floor", "Zhu et al., TIP 2020, released code"
    ),
    "pgl_sum": Convention(
        "inclusive", "inclusive", "float", "last_end", "Apostolidis et al., ISM 2021, released code"
    ),
    "a2summ": Convention(
        "inclusive", "inclusive", "thousandths", "round", "He et al., CVPR 2023, released code"
    ),
}  # fmt: skip


def frame_scores(scores: ArrayLike, picks: ArrayLike, n_frames: int) -> NDArray[np.float64]:
    """Return the score of every frame: that of the last pick before it; 0 before the first pick.

    Args:
        scores: (n_steps,).
        picks: (n_steps,) first frame of each step, rising.
        n_frames: frames of the video.

    Returns:
        (n_frames,) float64.
    """
    score, pick = np.asarray(scores, dtype=np.float64), np.asarray(picks)
    if score.shape != pick.shape or score.ndim != 1:
        raise DataError(f"Scores and picks must be (n_steps,) each, not {score.shape} and {pick.shape}.")
    step = np.searchsorted(pick, np.arange(n_frames), side="right") - 1
    return np.where(step >= 0, score[np.maximum(step, 0)], 0.0)


class _Parts(NamedTuple):
    """Parts of S segments: the frames that a segment shares with a step.

    Attributes:
        steps: (P,) the step of each part.
        frames: (P,) number of frames of each part.
        first: (S,) the first part of each segment.
    """

    steps: NDArray[np.int64]
    frames: NDArray[np.float64]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, pick: NDArray[np.int64], starts: NDArray[np.int64], until: NDArray[np.int64], n_frames: int) -> _Parts:
        """Make the parts of segments [start, until)."""
        first_step = np.maximum(pick.searchsorted(starts, side="right") - 1, 0)
        n_parts = np.maximum(pick.searchsorted(until, side="left"), 1) - first_step
        after = np.cumsum(n_parts)
        segment = np.repeat(np.arange(len(starts)), n_parts)
        steps = np.arange(after[-1]) + (first_step - after + n_parts)[segment]
        frames = np.minimum(until[segment], np.append(pick[1:], max(n_frames, pick[-1]))[steps])
        frames -= np.maximum(starts[segment], pick[steps])
        # Before the first pick nothing counts; a segment that ends there gets a part of no frame.
        return cls(steps, np.maximum(frames, 0).astype(np.float64), after - n_parts)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments of a video, prepared to summarize many curves without a loop over frames.

        segments = Segments.of(picks, n_frames, change_points)
        summaries = segments.summary(segments.choose(curves))       # (K, n_steps) -> (K, n_frames)

    Made by `of`. Methods take K curves, (K, …), or a single one without that axis; the result has the same axes.

    Attributes:
        starts, ends: (S,) frames [start, end) that a chosen segment has in the summary.
        weights: (S,) integer lengths in the knapsack.
        capacity: of the knapsack, in frames.
        n_frames, n_steps: frames and steps of the video.
        convention: the rule for reading the segments.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.int64]
    capacity: int
    n_frames: int
    n_steps: int
    convention: Convention
    _bounds: NDArray[np.int64]  # (2 S,) of each segment the first frame of the mean and the one after its last
    _lengths: NDArray[np.float64]  # (S,) frames between them
    _parts: _Parts | None  # None where every frame is a step

    @classmethod
    def of(
        cls,
        picks: ArrayLike,
        n_frames: int,
        change_points: ArrayLike,
        budget: float = 0.15,
        convention: ConventionName = "eccv16",
    ) -> Segments:
        """Read the segments of a video.

        Args:
            picks: (n_steps,) first frame of each step, rising.
            n_frames: frames of the video.
            change_points: (S, 2) rows [start, end], contiguous; the convention says whether a row holds its end. A last
                end beyond the video is cut.
            budget: largest share of the frames. Rounding down forgives 1e-9, so that 29% of 100 frames are 29 although
                0.29 · 100 < 29 in floating point; for 15% this is int(0.15 · n_frames) of public code, always.
            convention: a name in `CONVENTIONS`.

        Raises:
            DataError: shapes do not fit, picks do not rise, or rows are empty, out of order or not contiguous.
            UsageError: the convention is unknown, or the budget is not above 0.
        """
        rule = CONVENTIONS.get(convention)
        if rule is None:
            raise UsageError(f"There is no convention '{convention}'; there are {', '.join(get_args(ConventionName))}.")
        if not budget > 0:
            raise UsageError(f"The budget must be a share of the video above 0, got {budget}.")
        pick, rows = np.asarray(picks, dtype=np.int64), np.asarray(change_points, dtype=np.int64)
        if pick.ndim != 1 or not pick.size or np.count_nonzero(pick[1:] <= pick[:-1]) or pick[0] < 0:
            raise DataError(f"The picks must be (n_steps,) rising frames from 0 on, got shape {pick.shape}.")
        if rows.ndim != 2 or rows.shape[1:] != (2,) or not len(rows):
            raise DataError(f"The change_points must be (S, 2), got shape {rows.shape}.")
        starts, stored = np.ascontiguousarray(rows.T)
        ends = np.minimum(stored + (rule.rows == "inclusive"), n_frames)
        if starts[0] < 0 or np.count_nonzero(ends <= starts):
            raise DataError(
                f"The change_points must be rows [first, last] within the video's {n_frames} frames, "
                f"{'both inclusive' if rule.rows == 'inclusive' else 'the last not inclusive'}, and not empty."
            )
        if np.count_nonzero(starts[1:] != ends[:-1]):  # ten times faster than any() on few values
            raise DataError(
                f"The change_points are not contiguous if read by '{convention}', whose rows follow each other as "
                f"end{' + 1' if rule.rows == 'inclusive' else ''} = start; choose the convention of the data."
            )
        until = ends if rule.mean == rule.rows else np.minimum(stored + (rule.mean == "inclusive"), n_frames)
        bounds = np.empty(2 * len(rows), dtype=np.int64)
        bounds[::2], bounds[1::2] = starts, until
        return cls(
            starts=starts,
            ends=ends,
            weights=ends - starts,
            capacity=_capacity(budget, n_frames, int(stored[-1]), rule),
            n_frames=n_frames,
            n_steps=len(pick),
            convention=rule,
            _bounds=bounds,
            _lengths=(until - starts).astype(np.float64),
            _parts=None if len(pick) == n_frames == pick[-1] + 1 else _Parts.of(pick, starts, until, n_frames),
        )

    @classmethod
    def of_many(
        cls,
        videos: Sequence[tuple[ArrayLike, int, ArrayLike]],
        budget: float = 0.15,
        convention: ConventionName = "eccv16",
    ) -> list[Segments]:
        """Return `of(*video, budget, convention)` for each video, faster by checking all together.

        Args:
            videos: picks, n_frames and change_points of each.
            budget, convention: as for `of`. Raises as that does.
        """
        rule = CONVENTIONS.get(convention)
        picks = [np.asarray(pick, dtype=np.int64) for pick, _, _ in videos]
        tables = [np.asarray(rows, dtype=np.int64) for _, _, rows in videos]
        whole = all(table.ndim == 2 and table.shape[1] == 2 and len(table) for table in tables)
        whole = whole and all(pick.ndim == 1 and pick.size for pick in picks)
        if rule is None or not budget > 0 or not whole or not videos:
            return [cls.of(*video, budget, convention) for video in videos]
        sizes, steps = (np.array([len(each) for each in many]) for many in (tables, picks))
        last, last_step = np.cumsum(sizes) - 1, np.cumsum(steps) - 1
        frames = np.array([n_frames for _, n_frames, _ in videos])
        starts, stored = np.ascontiguousarray(np.concatenate(tables).T)
        pick, limit = np.concatenate(picks), np.repeat(frames, sizes)
        ends = np.minimum(stored + (rule.rows == "inclusive"), limit)
        gaps, rises = starts[1:] != ends[:-1], pick[1:] > pick[:-1]
        gaps[last[:-1]], rises[last_step[:-1]] = False, True  # from one video to the next
        first = last - sizes + 1
        if (ends <= starts).any() or gaps.any() or not rises.all() or (starts[first] < 0).any() or pick.min() < 0:
            return [
                cls.of(*video, budget, convention) for video in videos
            ]  # raises the error of the first invalid video
        until = np.minimum(stored + (rule.mean == "inclusive"), limit)
        weights = ends - starts
        bounds, lengths = np.stack((starts, until), axis=1).ravel(), (until - starts).astype(np.float64)
        every = (steps == frames) & (pick[last_step] == frames - 1)
        return [
            cls(
                starts=starts[a:b],
                ends=ends[a:b],
                weights=weights[a:b],
                capacity=_capacity(budget, n_frames, end, rule),
                n_frames=n_frames,
                n_steps=len(own),
                convention=rule,
                _bounds=bounds[2 * a : 2 * b],
                _lengths=lengths[a:b],
                _parts=None if each else _Parts.of(own, starts[a:b], until[a:b], n_frames),
            )
            for a, b, end, own, n_frames, each in zip(
                first.tolist(),
                (last + 1).tolist(),
                stored[last].tolist(),
                picks,
                frames.tolist(),
                every.tolist(),
                strict=True,
            )
        ]

    def of_frames(self) -> Segments:
        """Return the same segments for curves with one score per frame, (K, n_frames)."""
        return replace(self, n_steps=self.n_frames, _parts=None)

    @property
    def averaging(self) -> NDArray[np.float64]:
        """Share of each step in each segment, (S, n_steps): scores @ averaging.T are the mean scores."""
        parts = self._parts or _Parts.of(np.arange(self.n_steps), self.starts, self._bounds[1::2], self.n_frames)
        matrix = np.zeros((len(self.starts), self.n_steps))
        segment = np.repeat(np.arange(len(self.starts)), np.diff(parts.first, append=len(parts.steps)))
        matrix[segment, parts.steps] = parts.frames / self._lengths[segment]
        return matrix

    def values(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the value of each segment: the mean score of its frames, with 0 before the first pick.

        Summed segment by segment, so that a curve gets the same values to the last bit alone or among others.

        Args:
            scores: (K, n_steps).

        Returns:
            (K, S).

        Raises:
            DataError: another number of steps, or a score that is not finite.
        """
        score = np.asarray(scores, dtype=np.float64)
        if score.ndim not in {1, 2} or score.shape[-1] != self.n_steps:
            raise DataError(f"Scores must be ({self.n_steps},) or (K, {self.n_steps}), not {score.shape}.")
        if self._parts is not None:
            parts = self._parts
            value = np.add.reduceat(score[..., parts.steps] * parts.frames, parts.first, axis=-1) / self._lengths
        else:  # sums from start to until, each followed by an unused sum up to the next start
            bounds = self._bounds
            if len(bounds) > 2 and bounds[-3] == self.n_steps:  # a mean beyond its own segment reaches the end as well
                score = np.concatenate((score, np.zeros((*score.shape[:-1], 1))), axis=-1)
            elif bounds[-1] == self.n_steps:
                bounds = bounds[:-1]
            value = np.add.reduceat(score, bounds, axis=-1)[..., ::2] / self._lengths
        if np.count_nonzero(np.isfinite(value)) < value.size:
            raise DataError("Scores must be finite numbers; at least one is NaN or infinite.")
        return np.trunc(1000 * value) if self.convention.value == "thousandths" else value

    def choose(self, scores: ArrayLike) -> NDArray[np.bool_]:
        """Return the segments (K, S) that the knapsack takes for scores (K, n_steps)."""
        value = self.values(scores)
        if value.ndim == 1:
            return knapsack(value, self.weights, self.capacity)
        if len(value) == 1:
            return knapsack(value[0], self.weights, self.capacity)[None]
        return knapsack_rows(value, self.weights, self.capacity)

    def summary(self, chosen: ArrayLike) -> NDArray[np.uint8]:
        """Return summaries (K, n_frames), 1 for the frames of the chosen segments (K, S)."""
        choice = np.asarray(chosen, dtype=np.uint8)
        frames = np.zeros((*choice.shape[:-1], self.n_frames), dtype=np.uint8)
        frames[..., self.starts[0] : self.ends[-1]] = np.repeat(choice, self.ends - self.starts, axis=-1)
        return frames

    def counts(self, user_summary: ArrayLike) -> NDArray[np.int64]:
        """Count the frames (U, S) of summaries (U, n_frames) in each segment; frames missing at the end count as 0."""
        user = np.asarray(user_summary) > 0
        short = int(self.ends[-1]) - user.shape[-1]
        if short > 0:
            user = np.concatenate((user, np.zeros((*user.shape[:-1], short), dtype=np.bool_)), axis=-1)
        count: NDArray[np.int64] = np.add.reduceat(user[..., : self.ends[-1]], self.starts, axis=-1, dtype=np.int64)
        return count


def summary_from_scores(
    scores: ArrayLike,
    picks: ArrayLike,
    n_frames: int,
    change_points: ArrayLike,
    budget: float = 0.15,
    convention: ConventionName = "eccv16",
) -> NDArray[np.uint8]:
    """Return the summary for scores on given segments. For many curves of a video see `Segments`.

    Args:
        scores: (n_steps,) importance.
        picks, n_frames, change_points, budget, convention: as for `Segments.of`.

    Returns:
        (n_frames,) uint8, 1 for frames in the summary.

    Raises:
        DataError, UsageError: as for `Segments.of` and `Segments.values`.
    """
    segments = Segments.of(picks, n_frames, change_points, budget, convention)
    return segments.summary(segments.choose(scores))


def _capacity(budget: float, n_frames: int, last_end: int, rule: Convention) -> int:
    if rule.capacity == "round":
        return round(budget * n_frames)
    return math.floor(budget * (last_end + 1 if rule.capacity == "last_end" else n_frames) + 1e-9)
