"""Checks of one video: every key, read by the readers' own functions, and rules that relate keys to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from summdiff.data.frame_rates import frame_rate
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.mr_hisum import read_segments, segment_ends
from summdiff.data.summe import read_chosen_frames
from summdiff.data.tvsum import read_user_scores
from summdiff.data.video import DatasetKind
from summdiff.data.video_group import VideoGroup
from summdiff.data.youtube_highlights import read_clips, read_match
from summdiff.errors import DataError
from summdiff.metrics.segments import ConventionName, Segments

_T = TypeVar("_T")

_BUDGET = 0.15
# A stored summary counts as a best knapsack if it lacks at most this share of the best value: annotators scored frames,
# files have steps, so segment means differ a little and equally good choices are frequent. TVSum's shots of two seconds
# sampled at every 15th frame cost up to 4.5%.
_TOLERANCE = 0.05


@dataclass(slots=True)
class VideoCheck:
    """Content and problems of one video.

    Attributes:
        seconds: duration; None without a frame rate.
        rate_source: where the frame rate is from, see `AnnotatedVideo.fps_source`.
        keys: names of its keys.
        annotators: number of annotators; None if unknown.
        dimension, dtype: of the features; None without features.
        feature_steps: rows of features that are at other frames than the steps, else 0.
        segment_ends: "inclusive" or "half_open"; None without segments.
        rules: for each rule whether it holds and, for summaries, whether it holds exactly.
        problems: one sentence each.
    """

    name: str
    steps: int = 0
    frames: int = 0
    seconds: float | None = None
    rate_source: str = ""
    keys: frozenset[str] = frozenset()
    annotators: int | None = None
    dimension: int | None = None
    dtype: str | None = None
    feature_steps: int = 0
    segment_ends: str | None = None
    rules: dict[str, tuple[bool, bool | None]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class _Checker:
    """Reads the keys of a video one by one: a problem with a key is recorded, and the next key can be read."""

    def __init__(self, group: VideoGroup, fps: float | None) -> None:
        self.group, self.fps = group, fps
        self.result = VideoCheck(group.name)

    def get(self, read: Callable[[], _T]) -> _T | None:
        """Return what `read` returns, or None after recording its error."""
        try:
            return read()
        except DataError as error:
            self.result.problems.append(str(error).removeprefix(f"'{self.group.path}', "))
            return None

    def has(self, key: str) -> bool:
        return bool(self.get(lambda: key in self.group))

    def optional(self, key: str, read: Callable[[], _T]) -> _T | None:
        """Return `get(...)`, or None if the key is missing."""
        return self.get(read) if self.has(key) else None

    def problem(self, key: str, fault: str) -> None:
        self.result.problems.append(f"{self.group.name}: '{key}' {fault}.")

    def rule(self, text: str, holds: bool, exactly: bool | None = None) -> None:
        self.result.rules[text] = (bool(holds), exactly)

    def features(self, key: str, *, values: bool) -> int | None:
        """Return the rows of the features, and record dimension and type; without `values` from the shape only."""
        shape = self.get(lambda: self.group.shape(key))
        if shape is None:
            return None
        if values:
            array = self.get(lambda: self.group.array(key, ndim=2))
            if array is None:
                return None
            self.result.dtype = str(array.dtype)
        elif len(shape) != 2 or 0 in shape:
            self.problem(key, f"has shape {shape}, expected (steps, dimension)")
            return None
        else:
            self.result.dtype = self.get(lambda: self.group.dtype(key))
        self.result.dimension = shape[1]
        return shape[0]

    def share(self, key: str, n: int | None) -> NDArray[Any] | None:
        """Return numbers that must be from 0 to 1."""
        values = self.get(lambda: self.group.array(key, ndim=1, n=n))
        if values is not None and (values.min() < 0 or values.max() > 1):
            self.problem(key, f"goes from {values.min():.3g} to {values.max():.3g}, expected 0 to 1")
        return values

    def count(self, key: str, expected: int | None, counted: str) -> None:
        """Check a number that must equal the length of another key."""
        stored = self.optional(key, lambda: self.group.array(key, ndim=0))
        if stored is not None and expected is not None and stored != expected:
            self.problem(key, f"is {stored} but '{counted}' has {expected} entries")

    def duration(self, kind: DatasetKind, frames: int | None, steps: int | None) -> None:
        rate = self.get(lambda: frame_rate(self.group, kind, frames or 0, steps or 0, given=self.fps))
        if rate is not None:
            self.result.rate_source = rate.source
            if rate.fps is not None and frames is not None:
                self.result.seconds = frames / rate.fps

    def inclusive_segments(self, n_frames: int) -> NDArray[np.int64] | None:
        """Return segments with inclusive ends, and check their lengths."""
        group = self.group
        rows = self.get(lambda: group.integers("change_points", ndim=2, n=2))
        segments = None
        if rows is not None:
            if len(rows) > 1 and segment_ends(rows, n_frames) == "half_open":
                self.result.segment_ends = "half_open"
                self.problem("change_points", "has half-open ends (rows touch each other), expected [first, last]")
            else:
                segments = self.get(lambda: group.segments(n_frames))
                self.result.segment_ends = None if segments is None else "inclusive"
        lengths = self.optional("n_frame_per_seg", lambda: group.integers("n_frame_per_seg", ndim=1))
        if lengths is not None:
            if lengths.sum() != n_frames:
                self.problem("n_frame_per_seg", f"adds up to {lengths.sum()}, but n_frames is {n_frames}")
            elif segments is not None and not np.array_equal(lengths, segments[:, 1] - segments[:, 0] + 1):
                self.problem("n_frame_per_seg", "is not the length of the 'change_points'")
        return segments


def check_video(data: AnnotatedFile, name: str, *, features: bool) -> VideoCheck:
    """Check one video.

    Args:
        data: its file.
        name: its group in the file.
        features: whether to read the features, or only their shape and type.
    """
    checker = _Checker(data.group(name), data.fps)
    _CHECKS[data.kind](checker, features=features)
    checker.result.keys = checker.group.keys
    for key in sorted(checker.group.keys):  # also those that no reader uses
        checker.get(partial(checker.group.check_stored_inside, key))
    checker.result.problems = list(dict.fromkeys(checker.result.problems))
    return checker.result


def _check_eccv16(check: _Checker, *, features: bool, summe: bool) -> None:
    """Check a video of TVSum, which must have features, or SumMe, which must have segments and summaries."""
    group, result = check.group, check.result
    n_frames = check.get(group.n_frames)
    result.frames = n_frames or 0
    own_picks = summe and not check.has("features")
    key = "features_dino" if own_picks else "features"
    rows = check.features(key, values=features) if not summe or check.has(key) else None
    picks = None if n_frames is None else check.get(lambda: group.picks(n_frames, n=None if own_picks else rows))
    if own_picks and rows is not None and n_frames is not None:
        check.get(lambda: group.picks(n_frames, key="features_dino_picks", n=rows))
        result.feature_steps = rows
    n = None if picks is None else len(picks)
    result.steps = n or 0
    check.count("n_steps", n, "picks")
    check.duration("summe" if summe else "tvsum", n_frames, n)
    gtscore = check.share("gtscore", n)
    gtsummary = check.optional("gtsummary", lambda: group.binary("gtsummary", ndim=1, n=n))
    user_scores = check.optional("user_scores", lambda: read_user_scores(group, n))
    users = None
    if n_frames is not None and (summe or check.has("user_summary")):
        users = check.get(
            lambda: read_chosen_frames(group, n_frames) if summe else group.binary("user_summary", ndim=2, n=n_frames)
        )
    annotated = user_scores if user_scores is not None else users
    result.annotators = None if annotated is None else len(annotated)
    if user_scores is not None and users is not None and len(user_scores) != len(users):
        check.problem("user_summary", f"has {len(users)} annotators but 'user_scores' has {len(user_scores)}")
        users = None
    segments = None
    if n_frames is not None and (summe or check.has("change_points")):
        segments = check.inclusive_segments(n_frames)

    if picks is None:
        return
    if gtscore is not None and user_scores is not None:
        mean = (user_scores.mean(axis=0, dtype=np.float64) - 1) / 4
        check.rule("gtscore is (mean annotator - 1) / 4", np.allclose(gtscore, mean, atol=1e-4))
    elif summe and gtscore is not None and users is not None:
        check.rule(
            "gtscore is the share of annotators who chose the frame",
            np.allclose(gtscore, users[:, picks].mean(axis=0), atol=1e-4),
        )
    if segments is None or n_frames is None:
        return
    cut = Segments.of(picks, n_frames, segments, _BUDGET, "eccv16")
    if users is not None and user_scores is not None:
        holds, exactly = _are_best_choices(cut, user_scores, cut.counts(users))
        check.rule("user_summary is a best knapsack of each annotator's scores", holds, exactly)
    if gtsummary is not None and (gtscore is not None or user_scores is not None):
        # From the mean on the annotators' scale: the 1 that (mean - 1) / 4 subtracts decides between segments.
        if user_scores is not None:
            scores = user_scores.mean(axis=0, dtype=np.float64)
            text = "gtsummary is a best knapsack of the mean annotator, at the steps"
        else:
            scores = cast(NDArray[Any], gtscore).astype(np.float64)
            text = "gtsummary is a best knapsack of gtscore, at the steps"
        segment = np.searchsorted(cut.starts, picks, side="right") - 1
        steps = np.bincount(segment, minlength=len(cut.starts))
        share = np.bincount(segment, gtsummary, len(cut.starts)) / np.maximum(steps, 1)
        share = np.where(steps > 0, share, cut.choose(scores))  # a segment without steps cannot be compared
        check.rule(text, *_are_best_choices(cut, scores[None], share[None] * cut.weights))


def _check_mr_hisum(check: _Checker, *, features: bool) -> None:
    group, result = check.group, check.result
    gtscore = check.share("gtscore", None)
    n = None if gtscore is None else len(gtscore)
    result.steps = result.frames = n or 0
    result.seconds, result.rate_source = n, "file"
    rows = check.optional("features", lambda: check.features("features", values=features))
    if rows is not None and n is not None and rows != n:
        check.problem("features", f"has {rows} rows, expected {n}, one per second")
    key = "gt_summary" if check.has("gt_summary") else "gtsummary"
    summary = check.get(lambda: group.binary(key, ndim=1, n=n))
    result.annotators = 1
    if n is None or gtscore is None:
        check.get(lambda: group.integers("change_points", ndim=2, n=2))
        return
    stored = check.get(lambda: read_segments(group, n))
    if stored is None:
        return
    segments, result.segment_ends = stored
    if summary is None:
        return
    conventions: tuple[ConventionName, ...] = ("mr_hisum", "half_open")
    for convention in conventions:
        cut = Segments.of(np.arange(n), n, segments, _BUDGET, convention)
        exactly = bool(np.array_equal(cut.summary(cut.choose(gtscore)), summary))
        holds = exactly or (
            not summary[cut.ends[-1] :].any()
            and _are_best_choices(cut, gtscore[None], cut.counts(summary[None]), tolerance=1e-6)[0]
        )
        check.rule(f"gt_summary is a best knapsack of gtscore by the convention {convention}", holds, exactly)


def _check_youtube_highlights(check: _Checker, *, features: bool) -> None:
    group, result = check.group, check.result
    match = check.get(lambda: read_match(group))
    n = None if match is None else len(match)
    result.steps = n or 0
    n_frames = check.get(group.n_frames)
    result.frames = n_frames or 0
    picks = None if n_frames is None else check.get(lambda: group.picks(n_frames, n=n))
    clips = check.get(lambda: read_clips(group, n))
    rows = check.features("features", values=features)
    if rows is not None and n is not None and rows != n:
        check.problem("features", f"has {rows} rows, expected {n}")
    check.count("n_steps", n, "match")
    check.duration("youtube_highlights", n_frames, n)
    gtscore = check.optional("gtscore", lambda: check.share("gtscore", n))
    if gtscore is not None and match is not None:
        check.rule("gtscore is (match + 1) / 2", np.allclose(gtscore, (match + 1) / 2))
    if clips is not None and picks is not None and len(clips) == len(picks):
        check.rule("picks are the first frames of the clips", np.array_equal(clips[:, 0], picks))


_CHECKS: dict[DatasetKind, Callable[..., None]] = {
    "tvsum": partial(_check_eccv16, summe=False),
    "summe": partial(_check_eccv16, summe=True),
    "mr_hisum": _check_mr_hisum,
    "youtube_highlights": _check_youtube_highlights,
}


def _are_best_choices(
    cut: Segments, scores: NDArray[Any], counts: NDArray[Any], *, tolerance: float = _TOLERANCE
) -> tuple[bool, bool]:
    """Return whether stored summaries are knapsacks of scores.

    Args:
        cut: the segments.
        scores: (U, N).
        counts: (U, S) frames of each summary in each segment.
        tolerance: share of the best value by which a summary may be worse.

    Returns:
        Whether all consist of whole segments, fit the capacity and are worth almost as much as the best; and whether
        all equal the choice of our knapsack.
    """
    lengths = cut.ends - cut.starts
    stored = counts > 0
    best = cut.choose(scores)
    exactly = bool((best == stored).all())
    whole_segments = np.isclose(counts, stored * lengths).all()
    fits = ((stored * cut.weights).sum(axis=1) <= cut.capacity).all()
    values = cut.values(scores)
    worth, most = (values * stored).sum(axis=1), (values * best).sum(axis=1)
    return bool(exactly or (whole_segments and fits and (worth >= most * (1 - tolerance) - 1e-9).all())), exactly
