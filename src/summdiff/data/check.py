"""Whether a file of annotated videos is what it should be, and what is in it: all problems, not only the first."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile, VideoGroup
from summdiff.data.mr_hisum import half_open, segment_ends
from summdiff.data.registry import open_dataset
from summdiff.data.video import Kind
from summdiff.errors import DataError
from summdiff.metrics.segments import ConventionName, Segments

_T = TypeVar("_T")

_WORTH_PROCESSES = 1000  # videos; fewer are checked sooner than processes start
_CHUNK = 200  # videos that a process takes at a time
_BUDGET = 0.15
# A stored summary counts as a best knapsack if no more than this share of the best value is missing: annotators scored
# frames, files have steps, so that segments' means differ a little and equally good choices are frequent. TVSum's shots
# of two seconds seen at every 15th frame cost up to 4.5 %.
_AS_GOOD = 0.05


@dataclass(frozen=True, slots=True)
class Rule:
    """How many videos keep a rule that relates their keys to each other.

    Attributes:
        videos: those that have the keys.
        kept: those that keep the rule.
        exactly: for summaries, those where the knapsack gives just what is stored, not only something as good.
    """

    videos: int = 0
    kept: int = 0
    exactly: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a file holds and what is wrong with it.

    Attributes:
        file, kind, fingerprint: name, data set and SHA-256 of the file.
        videos: groups; with_features: those that have features.
        steps, frames, hours: in total; hours None where a frame rate is missing, or frames are seconds.
        shortest, longest: steps.
        annotators: fewest and most, None without any.
        dimension, dtype: of the features, "mixed" or None where videos differ or there are none.
        segment_ends: how rows of `change_points` end, "inclusive" or "half_open" or "mixed", None without segments.
        rules: by what they say. A rule that more than half of the videos keep is taken to be meant: the others are
            problems then.
        problems: a sentence each, video and key first.
    """

    file: str
    kind: Kind
    fingerprint: str
    videos: int
    with_features: int
    steps: int
    frames: int
    hours: float | None
    shortest: int
    longest: int
    annotators: tuple[int, int] | None
    dimension: int | None
    dtype: str | None
    segment_ends: str | None
    rules: dict[str, Rule]
    problems: tuple[str, ...]

    def facts(self) -> dict[str, str]:
        """What it holds, to print."""
        features = "none"
        if self.with_features:
            features = f"{self.dimension or 'mixed'} {self.dtype}, in {self.with_features} videos"
        users = self.annotators
        return {
            "file": self.file,
            "kind": self.kind,
            "videos": f"{self.videos:,}",
            "steps": f"{self.steps:,}, {self.shortest} to {self.longest} a video",
            "frames": f"{self.frames:,}",
            "hours": "unknown, there is no frame rate" if self.hours is None else f"{self.hours:.2f}",
            "annotators": "none"
            if users is None
            else str(users[0])
            if users[0] == users[1]
            else f"{users[0]} to {users[1]}",
            "features": features,
            "segments": "none" if self.segment_ends is None else f"{self.segment_ends.replace('_', '-')} ends",
            "sha256": self.fingerprint,
        }

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        return asdict(self)


@dataclass(slots=True)
class _Found:
    """What one video holds, filled key by key."""

    name: str
    steps: int = 0
    frames: int = 0
    seconds: float | None = None
    annotators: int | None = None
    dimension: int | None = None
    dtype: str | None = None
    ends: str | None = None
    rules: dict[str, tuple[bool, bool | None]] = field(default_factory=dict)  # kept, exactly
    problems: list[str] = field(default_factory=list)


def check(
    path: str | os.PathLike[str],
    kind: str | None = None,
    *,
    features: bool = True,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Look at every key of every video.

    Args:
        path: the file.
        kind: its data set; found out where None.
        features: whether to read the features too; without, only their shapes are looked at, which is much quicker.
        processes: that read at the same time; where None one, or as many as there are processors for a large file.
        on_progress: told how many videos are done and how many there are.

    Raises:
        DataError: the file cannot be opened, or its kind is unknown.
    """
    data = open_dataset(path, kind)
    found: list[_Found] = []
    for video in _look_at_all(data, features=features, processes=processes):
        found.append(video)
        on_progress(len(found), len(data))
    fingerprint = data.fingerprint()
    data.close()
    rules, broken = _rules(found)
    problems = [problem for video in found for problem in video.problems] + broken
    dimensions = {video.dimension for video in found} - {None}
    if len(dimensions) > 1:
        sizes = sorted(cast(set[int], dimensions))
        counts = ", ".join(f"{size} in {sum(video.dimension == size for video in found)}" for size in sizes)
        problems.append(f"'features' have different dimensions: {counts} videos.")
    seconds = [video.seconds for video in found]
    users = [video.annotators for video in found if video.annotators is not None]
    return Report(
        file=data.path.name,
        kind=data.kind,
        fingerprint=fingerprint,
        videos=len(found),
        with_features=sum(video.dimension is not None for video in found),
        steps=sum(video.steps for video in found),
        frames=sum(video.frames for video in found),
        hours=None if None in seconds else sum(cast(list[float], seconds)) / 3600,
        shortest=min(video.steps for video in found),
        longest=max(video.steps for video in found),
        annotators=(min(users), max(users)) if users else None,
        dimension=cast(int, dimensions.pop()) if len(dimensions) == 1 else None,
        dtype=_common([video.dtype for video in found]),
        segment_ends=_common([video.ends for video in found]),
        rules=rules,
        problems=tuple(problems),
    )


def _look_at_all(data: AnnotatedFile, *, features: bool, processes: int | None) -> Iterator[_Found]:
    """Each video, in order."""
    if processes is None:
        processes = (os.cpu_count() or 1) if len(data) >= _WORTH_PROCESSES else 1
    if processes == 1:
        yield from _look_at_some(data, data.names, features=features)
        return
    parts = [data.names[first : first + _CHUNK] for first in range(0, len(data), _CHUNK)]
    # Spawned: the caller may have threads, whose locks a forked child would never get.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(processes, len(parts)), mp_context=context) as pool:
        for some in pool.map(partial(_look_at_some, data, features=features), parts):
            yield from some


def _look_at_some(data: AnnotatedFile, names: Sequence[str], *, features: bool) -> list[_Found]:
    return [_look_at(data, name, features=features) for name in names]


def _look_at(data: AnnotatedFile, name: str, *, features: bool) -> _Found:
    found = _Found(name)
    try:
        group = data.group(name)
    except DataError as error:
        found.problems.append(str(error).removeprefix(f"'{data.path}', "))
        return found
    look = _Look(group, found)
    _LOOKS[data.kind](look, features=features)
    return found


class _Look:
    """One video's group; a problem with a key is written down, and the next key can be looked at."""

    def __init__(self, group: VideoGroup, found: _Found) -> None:
        self.group, self.found = group, found

    def get(self, read: Callable[[], _T]) -> _T | None:
        """What `read` gives, or None after it found a problem."""
        try:
            return read()
        except DataError as error:
            self.found.problems.append(str(error).removeprefix(f"'{self.group.path}', "))
            return None

    def optional(self, key: str, read: Callable[[], _T]) -> _T | None:
        """The same where there is such a key, else None."""
        return self.get(read) if self.get(lambda: key in self.group) else None

    def wrong(self, key: str, what: str) -> None:
        self.found.problems.append(f"{self.group.name}: '{key}' {what}.")

    def rule(self, text: str, kept: bool, exactly: bool | None = None) -> None:
        self.found.rules[text] = (bool(kept), exactly)

    def features(self, key: str, *, values: bool) -> int | None:
        """Number of rows of the features, of which dimension and type are written down."""
        shape = self.get(lambda: self.group.shape(key))
        if shape is None:
            return None
        if values:
            read = self.get(lambda: self.group.array(key, ndim=2))
            if read is None:
                return None
            self.found.dtype = str(read.dtype)
        elif len(shape) != 2 or 0 in shape:
            self.wrong(key, f"has shape {shape} where (steps, dimension) is expected")
            return None
        else:
            self.found.dtype = self.get(lambda: self.group.dtype(key))
        self.found.dimension = shape[1]
        return shape[0]

    def share(self, key: str, n: int | None) -> NDArray[Any] | None:
        """A list of numbers that must be from 0 to 1."""
        values = self.get(lambda: self.group.array(key, ndim=1, n=n))
        if values is not None and (values.min() < 0 or values.max() > 1):
            self.wrong(key, f"goes from {values.min():.3g} to {values.max():.3g} where 0 to 1 is expected")
        return values

    def count(self, key: str, expected: int | None, of: str) -> None:
        """A number that must be what another key says."""
        stored = self.optional(key, lambda: self.group.array(key, ndim=0))
        if stored is not None and expected is not None and stored != expected:
            self.wrong(key, f"is {stored} but '{of}' has {expected} entries")

    def rate(self, frames: int | None) -> None:
        """Frame rate and duration."""
        fps = self.get(self.group.fps)
        if fps is not None and frames is not None:
            self.found.seconds = frames / fps

    def inclusive_segments(self, n_frames: int) -> NDArray[np.int64] | None:
        """Segments with inclusive ends, and their lengths."""
        group = self.group
        rows = self.get(lambda: group.integers("change_points", ndim=2, n=2))
        segments = None
        if rows is not None:
            if len(rows) > 1 and segment_ends(rows, n_frames) == "half_open":
                self.found.ends = "half_open"
                self.wrong("change_points", "has half-open ends, rows touch each other; expected [first, last]")
            else:
                segments = self.get(lambda: group.segments(n_frames))
                self.found.ends = None if segments is None else "inclusive"
        lengths = self.optional("n_frame_per_seg", lambda: group.integers("n_frame_per_seg", ndim=1))
        if lengths is not None:
            if lengths.sum() != n_frames:
                self.wrong("n_frame_per_seg", f"adds up to {lengths.sum()} where n_frames is {n_frames}")
            elif segments is not None and not np.array_equal(lengths, segments[:, 1] - segments[:, 0] + 1):
                self.wrong("n_frame_per_seg", "is not the length of the 'change_points'")
        return segments


def _look_at_eccv16(look: _Look, *, features: bool, summe: bool) -> None:
    """TVSum, which must have features, and SumMe, which must have segments and summaries."""
    group, found = look.group, look.found
    n_frames = look.get(group.n_frames)
    found.frames = n_frames or 0
    own_grid = summe and not look.get(lambda: "features" in group)
    key = "features_dino" if own_grid else "features"
    rows = None
    if not summe or look.get(lambda: key in group):
        rows = look.features(key, values=features)
    picks = None if n_frames is None else look.get(lambda: group.picks(n_frames, n=None if own_grid else rows))
    if own_grid and rows is not None and n_frames is not None:
        look.get(lambda: group.picks(n_frames, key="features_dino_picks", n=rows))
    n = None if picks is None else len(picks)
    found.steps = n or 0
    look.count("n_steps", n, "picks")
    look.rate(n_frames)
    gtscore = look.share("gtscore", n)
    gtsummary = look.optional("gtsummary", lambda: group.binary("gtsummary", ndim=1, n=n))
    user_scores = look.optional("user_scores", lambda: group.array("user_scores", ndim=2, n=n))
    if user_scores is not None and (user_scores.min() < 1 or user_scores.max() > 5):
        look.wrong("user_scores", f"goes from {user_scores.min():g} to {user_scores.max():g} where 1 to 5 is expected")
    users = None
    if n_frames is not None and (summe or look.get(lambda: "user_summary" in group)):
        users = look.get(lambda: _user_summary(group, n_frames, summe=summe))
    rated = user_scores if user_scores is not None else users
    found.annotators = None if rated is None else len(rated)
    if user_scores is not None and users is not None and len(user_scores) != len(users):
        look.wrong("user_summary", f"has {len(users)} annotators but 'user_scores' has {len(user_scores)}")
        users = None
    segments = None
    if n_frames is not None and (summe or look.get(lambda: "change_points" in group)):
        segments = look.inclusive_segments(n_frames)

    if picks is None:
        return
    if gtscore is not None and user_scores is not None:
        mean = (user_scores.mean(axis=0, dtype=np.float64) - 1) / 4
        look.rule("gtscore is (mean annotator - 1) / 4", np.allclose(gtscore, mean, atol=1e-4))
    elif summe and gtscore is not None and users is not None:
        look.rule(
            "gtscore is the share of annotators who chose the frame",
            np.allclose(gtscore, users[:, picks].mean(axis=0), atol=1e-4),
        )
    if segments is None or n_frames is None:
        return
    cut = Segments.of(picks, n_frames, segments, _BUDGET, "eccv16")
    if users is not None and user_scores is not None:
        kept, exactly = _best_choices(cut, user_scores, cut.counts(users))
        look.rule("user_summary is a best knapsack of each annotator's scores", kept, exactly)
    if gtsummary is not None and (gtscore is not None or user_scores is not None):
        # From the mean on the annotators' own scale: the 1 that (mean - 1) / 4 takes away decides between segments.
        if user_scores is not None:
            scores = user_scores.mean(axis=0, dtype=np.float64)
            text = "gtsummary is a best knapsack of the mean annotator, at the steps"
        else:
            scores = cast(NDArray[Any], gtscore).astype(np.float64)
            text = "gtsummary is a best knapsack of gtscore, at the steps"
        segment = np.searchsorted(cut.starts, picks, side="right") - 1
        shown = np.bincount(segment, minlength=len(cut.starts))
        share = np.bincount(segment, gtsummary, len(cut.starts)) / np.maximum(shown, 1)
        share = np.where(shown > 0, share, cut.choose(scores))  # no step falls into it: nothing to compare
        look.rule(text, *_best_choices(cut, scores[None], share[None] * cut.weights))


def _look_at_mr_hisum(look: _Look, *, features: bool) -> None:
    group, found = look.group, look.found
    gtscore = look.share("gtscore", None)
    n = None if gtscore is None else len(gtscore)
    found.steps = found.frames = n or 0
    found.seconds = n
    rows = look.optional("features", lambda: look.features("features", values=features))
    if rows is not None and n is not None and rows != n:
        look.wrong("features", f"has {rows} rows where {n} are expected, one a second")
    key = "gt_summary" if look.get(lambda: "gt_summary" in group) else "gtsummary"
    summary = look.get(lambda: group.binary(key, ndim=1, n=n))
    found.annotators = 1
    segments = look.get(lambda: group.integers("change_points", ndim=2, n=2))
    if segments is None or n is None or gtscore is None:
        return
    found.ends = segment_ends(segments, n)
    if found.ends is None:
        look.wrong("change_points", f"does not cut seconds 0 to {n} into contiguous segments")
        return
    if summary is None:
        return
    segments = half_open(segments, found.ends)
    conventions: tuple[ConventionName, ...] = ("mr_hisum", "half_open")
    for convention in conventions:
        cut = Segments.of(np.arange(n), n, segments, _BUDGET, convention)
        made = cut.summary(cut.choose(gtscore))
        exactly = bool(np.array_equal(made, summary))
        kept = exactly or (
            not summary[cut.ends[-1] :].any()
            and _best_choices(cut, gtscore[None], cut.counts(summary[None]), missing=1e-6)[0]
        )
        look.rule(f"gt_summary is a best knapsack of gtscore by the convention {convention}", kept, exactly)


def _look_at_youtube_highlights(look: _Look, *, features: bool) -> None:
    group, found = look.group, look.found
    match = look.get(lambda: group.integers("match", ndim=1))
    n = None if match is None else len(match)
    found.steps = n or 0
    if match is not None and np.abs(match).max() > 1:
        look.wrong("match", "has values other than -1, 0 and 1")
    n_frames = look.get(group.n_frames)
    found.frames = n_frames or 0
    picks = None if n_frames is None else look.get(lambda: group.picks(n_frames, n=n))
    clips = look.get(lambda: group.array("clips", ndim=2, n=2, rows=n))
    if clips is not None and (clips[:, 1] < clips[:, 0]).any():
        look.wrong("clips", "has clips that end before they start")
    rows = look.features("features", values=features)
    if rows is not None and n is not None and rows != n:
        look.wrong("features", f"has {rows} rows where {n} are expected")
    look.count("n_steps", n, "match")
    look.rate(n_frames)
    gtscore = look.optional("gtscore", lambda: look.share("gtscore", n))
    if gtscore is not None and match is not None:
        look.rule("gtscore is (match + 1) / 2", np.allclose(gtscore, (match + 1) / 2))
    if clips is not None and picks is not None and len(clips) == len(picks):
        look.rule("picks are the first frames of the clips", np.array_equal(clips[:, 0], picks))


_LOOKS: dict[Kind, Callable[..., None]] = {
    "tvsum": partial(_look_at_eccv16, summe=False),
    "summe": partial(_look_at_eccv16, summe=True),
    "mr_hisum": _look_at_mr_hisum,
    "youtube_highlights": _look_at_youtube_highlights,
}


def _user_summary(group: VideoGroup, n_frames: int, *, summe: bool) -> NDArray[np.uint8]:
    """Annotators' summaries; SumMe's are numbers of segments in the original, where any but 0 is a chosen frame."""
    if not summe:
        return group.binary("user_summary", ndim=2, n=n_frames)
    stored = group.integers("user_summary", ndim=2, n=n_frames)
    if stored.min() < 0:
        raise group.wrong("user_summary", "has values below 0")
    return (stored > 0).astype(np.uint8)


def _best_choices(
    cut: Segments, scores: NDArray[Any], counts: NDArray[Any], *, missing: float = _AS_GOOD
) -> tuple[bool, bool]:
    """Whether the frames that summaries (U, …) have in each segment, `counts` (U, S), are knapsacks of scores (U, N).

    Returns:
        Whether all are of whole segments, within the capacity and worth almost as much as the best; and whether all are
        the very choice of our knapsack.
    """
    lengths = cut.ends - cut.starts
    stored = counts > 0
    best = cut.choose(scores)
    exactly = bool((best == stored).all())
    whole = np.isclose(counts, stored * lengths).all()
    fits = ((stored * cut.weights).sum(axis=1) <= cut.capacity).all()
    values = cut.values(scores)
    worth, most = (values * stored).sum(axis=1), (values * best).sum(axis=1)
    return bool(exactly or (whole and fits and (worth >= most * (1 - missing) - 1e-9).all())), exactly


def _rules(found: Sequence[_Found]) -> tuple[dict[str, Rule], list[str]]:
    """How many videos keep each rule, and a sentence for those that break one that most keep."""
    rules: dict[str, Rule] = {}
    for video in found:
        for text, (kept, exactly) in video.rules.items():
            rule = rules.get(text, Rule(exactly=None if exactly is None else 0))
            rules[text] = replace(
                rule,
                videos=rule.videos + 1,
                kept=rule.kept + kept,
                exactly=None if exactly is None else (rule.exactly or 0) + exactly,
            )
    # Of several conventions for one key the best is taken to be meant.
    best: dict[str, str] = {}
    for text, rule in rules.items():
        family = text.partition(" by the convention ")[0]
        if family not in best or rule.kept > rules[best[family]].kept:
            best[family] = text
    broken = []
    for text in best.values():
        rule = rules[text]
        if rule.videos / 2 < rule.kept < rule.videos:
            key, _, what = text.partition(" ")
            broken += [
                f"{video.name}: '{key}' is unlike the other videos', where it {what}."
                for video in found
                if text in video.rules and not video.rules[text][0]
            ]
    return rules, broken


def _common(values: Sequence[str | None]) -> str | None:
    """The one value that videos have, "mixed" if there are several, None without any."""
    some = {value for value in values if value is not None}
    return next(iter(some)) if len(some) == 1 else "mixed" if some else None
