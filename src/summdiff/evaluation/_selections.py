"""Judging what a selection chooses: its pieces beside the pieces that people chose, or the seconds that they rated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import UsageError
from summdiff.evaluation._evaluate import Evaluation, compare, means_of
from summdiff.evaluation._judging import joined
from summdiff.evaluation._measures import Measure
from summdiff.evaluation._notes import notes_on_systems
from summdiff.evaluation._predictions import Predictions
from summdiff.evaluation._prepared import ValuesByMeasure
from summdiff.evaluation._references import SystemResult
from summdiff.metrics.fscore import f1_scores
from summdiff.segmentation import centered, kts
from summdiff.selection import IntervalSelection, IntervalSettings, ShotKnapsack, cut_places, descriptors

_Float = TypeVar("_Float", bound=np.floating[Any])

_MIN_SHOT, _MAX_SHOT = 2.0, 30.0  # seconds, as `summdiff summarize` limits shots
_SAME, _APART = 0.8, 10.0  # a repeat: cosine of centered features, and seconds between the two showings
_BASELINE, _PRODUCT = "shots + knapsack", "intervals, repeats discounted"
_DEFAULTS = IntervalSettings()

_AGREEMENT = {
    "summe": (
        Measure("f1_mean", "F1 mean", True, "F1 of the chosen frames with each annotator's, mean over annotators"),
        Measure("f1", "F1 best", True, "the same, largest over annotators"),
    ),
    "tvsum": (
        Measure("z", "z", False, "annotators' scores over the chosen frames, z-scored by annotator, mean over both"),
    ),
}
_FORM = (
    Measure("used", "used", True, "share of the budget that is used"),
    Measure("pieces", "pieces", False, "number of pieces"),
    Measure("seconds", "s a piece", False, "mean length of a video's pieces in seconds"),
    Measure(
        "repeated", "s repeated", False,
        f"chosen seconds that look like seconds chosen more than {_APART:g} s earlier (cosine of centered features "
        f"at least {_SAME:g})",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class SelectionVideo:
    """A video as selections see it: steps with features and scores, and the people who judge.

    Attributes:
        video: its annotations.
        starts: (N + 1,) first frame of each step, and the number of frames.
        features: (N, D) mean features of each step.
        scores: (N,) predicted importance.
        budget: seconds.
    """

    video: AnnotatedVideo
    starts: NDArray[np.int64]
    features: NDArray[np.float32]
    scores: NDArray[np.float64]
    budget: float

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.video.need_fps()

    @property
    def edges(self) -> NDArray[np.float64]:
        """(N + 1,) seconds: the start of each step and the end of the last one."""
        return self.starts / self.fps

    @cached_property
    def shots(self) -> NDArray[np.float64]:
        """(S + 1,) seconds: the start of each shot, found as `summdiff summarize` does, and the end of the last one."""
        change_points = kts(self.features, min_length=_MIN_SHOT, max_length=_MAX_SHOT, edges=self.edges, center=True)
        return self.edges[np.concatenate(([0], change_points, [len(self.scores)]))]

    @cached_property
    def costs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Costs of starting and of ending a piece at each edge: (N + 1,) and (N + 1,)."""
        return cut_places(self.features, self.edges).costs()

    @cached_property
    def looks(self) -> NDArray[np.int8]:
        """(N, K) descriptors of what the steps show."""
        return descriptors(self.features)

    @cached_property
    def likeness(self) -> NDArray[np.bool_]:
        """(N, N): whether step j, more than 10 s before step i, looks like step i."""
        unit = centered(self.features)
        earlier = self.edges[:-1, None] - self.edges[None, :-1] > _APART
        return np.asarray((unit @ unit.T >= _SAME) & earlier)

    @cached_property
    def people(self) -> NDArray[np.float64]:
        """(U, n_frames): each annotator's choice as 0 and 1 (SumMe), or scores as z-scores (TVSum)."""
        if self.video.kind == "summe":
            return self.video.need_user_summary().astype(np.float64)
        scores = self.video.need_user_scores()
        frames = np.repeat(scores, np.diff([0, *self.video.picks[1:], self.video.n_frames]), axis=1)
        deviation = frames.std(axis=1, keepdims=True)
        return np.asarray((frames - frames.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1.0))

    def at_steps(self, frames: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean over each step's frames of values (…, n_frames): (…, N)."""
        return np.add.reduceat(frames, self.starts[:-1], axis=-1) / np.diff(self.starts)

    def frames(self, parts: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the frames in parts (P, 2) of seconds: (n_frames,)."""
        chosen = np.zeros(self.video.n_frames, dtype=np.bool_)
        for start, end in np.rint(parts * self.fps).astype(int):
            chosen[start:end] = True
        return chosen

    def judge(self, chosen: NDArray[np.bool_], people: NDArray[np.float64] | None = None) -> ValuesByMeasure:
        """Return every measure of summaries (K, n_frames), (K,) each; `people` replaces all annotators."""
        people = self.people if people is None else people
        sizes = np.maximum(chosen.sum(axis=1), 1)
        if self.video.kind == "summe":
            table = f1_scores(chosen, people)
            values = {"f1_mean": table.mean(axis=1), "f1": table.max(axis=1)}
        else:
            values = {"z": chosen @ people.mean(axis=0) / sizes}
        starts = np.diff(chosen.astype(np.int8), axis=1, prepend=0) == 1
        pieces = np.maximum(starts.sum(axis=1), 1)
        shown = self.at_steps(chosen.astype(np.float64))  # share of each step
        again = (self.likeness[None] & (shown >= 0.5)[:, None]).any(axis=2)
        return values | {
            "used": sizes / self.fps / self.budget,
            "pieces": pieces.astype(np.float64),
            "seconds": sizes / self.fps / pieces,
            "repeated": (shown * again) @ np.diff(self.edges),
        }


Rule = Callable[[SelectionVideo, NDArray[np.float64]], NDArray[np.float64]]
"""Chooses parts (P, 2) in seconds of a video, under scores (N,)."""


def shots_and_knapsack(video: SelectionVideo, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose whole shots, as `summdiff summarize --select shots` does."""
    return ShotKnapsack(video.shots, video.edges[:-1], budget=video.budget, fps=video.fps).choose(scores)


def top_steps(video: SelectionVideo, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose the steps of highest score, whatever their places; the last one is cut to fit the budget."""
    order = np.argsort(-scores, kind="stable")
    before = np.concatenate(([0.0], np.cumsum(np.diff(video.edges)[order])))[:-1]
    order = order[before < video.budget]
    starts = video.edges[order]
    return np.stack([starts, np.minimum(video.edges[order + 1], starts + video.budget - before[: len(order)])], axis=1)


def intervals(
    video: SelectionVideo, scores: NDArray[np.float64], *, settings: IntervalSettings = _DEFAULTS
) -> NDArray[np.float64]:
    """Choose intervals as `summdiff summarize` does by default."""
    selection = IntervalSelection(
        video.edges, *video.costs, budget=video.budget, fps=video.fps, looks=video.looks, settings=settings
    )
    return selection.choose(scores)


_RULES: dict[str, Rule] = {
    _BASELINE: shots_and_knapsack,
    "top steps": top_steps,
    "intervals": partial(intervals, settings=IntervalSettings(discount=0.0)),
    _PRODUCT: intervals,
}
_GRID = tuple(
    IntervalSettings(shortest=shortest, longest=longest, smoothing=smoothing, discount=discount)
    for shortest, longest, smoothing, discount in product((2.0, 3.0), (10.0, 15.0, 20.0), (0.0, 1.0, 2.0), (0.0, 0.9))
)


def evaluate_selections(
    data: AnnotatedFile,
    system: Predictions,
    *,
    names: Sequence[str] | None = None,
    budget: float = 0.15,
    rate: float = 1.0,
    draws: int = 100,
    resamples: int = 10_000,
    seed: int = 0,
) -> Evaluation:
    """Judge what each selection chooses by the same scores, beside random pieces, people and upper bounds.

    Args:
        data: SumMe or TVSum, with features.
        system: scores of the videos.
        names: videos to judge, each once; None for all videos of the file.
        budget: share of the frames that a summary may have, in (0, 1].
        rate: steps per second among which to choose; features and scores of a step are averaged. A video with fewer
            steps keeps its own.
        draws: random summaries per video.
        resamples: resamples of the videos for intervals and tests.
        seed: seed of the random summaries and of the resampling.

    Raises:
        UsageError: another kind of data, no video, or a budget or rate out of range.
        DataError: the system has no scores for one of the videos, or the data lacks features or annotations.
    """
    if data.kind not in _AGREEMENT:
        raise UsageError(f"Selections are judged on SumMe and TVSum, whose people chose or rated; not on {data.kind}.")
    chosen = tuple(data.names if names is None else names)
    if not chosen:
        raise UsageError("There are no videos to evaluate.")
    system = system.named_as_in(data)
    if not 0 < budget <= 1:
        raise UsageError(f"The budget must be a share of the video in (0, 1], got {budget:g}.")
    if not 0 < rate < np.inf:
        raise UsageError(f"The rate must be a positive number of steps per second, got {rate:g}.")
    videos = [_prepared(data, name, system, budget, rate) for name in chosen]
    choices = {name: [v.frames(rule(v, v.scores)) for v in videos] for name, rule in _RULES.items()}
    rows = [
        SystemResult(name, joined([v.judge(c[None]) for v, c in zip(videos, summaries, strict=True)]))
        for name, summaries in choices.items()
    ]
    if len(videos) > 1:
        rows.append(_by_other_videos(videos))
    references = list(_references(videos, choices[_PRODUCT], draws, seed))
    agreement = [measure.name for measure in _AGREEMENT[data.kind]]
    baseline, *others = (replace(row, values={name: row.values[name] for name in agreement}) for row in rows)
    return Evaluation(
        data={"file": data.path.name, "kind": data.kind, "sha256": data.fingerprint(), "videos": len(data)},
        names=chosen,
        groups=None,
        measures=(*_AGREEMENT[data.kind], *_FORM),
        systems=tuple(rows),
        references=tuple(references),
        means=means_of((*rows, *references), None, resamples, seed),
        variety={},
        comparisons=tuple(compare(row, baseline, None, resamples, seed) for row in others),
        protocol={
            "judged": "selections",
            "scores": {"name": system.name, "sha256": system.sha256}
            | {key: system.about[key] for key in ("model", "selection", "sampling") if key in system.about},
            "mean": "over videos",
            "budget": budget,
            "rate": rate,
            "interval": f"95%, percentile bootstrap over videos, {resamples} resamples",
            "seed": seed,
        },
        notes=notes_on_systems(data, [system], chosen),
    )


def _prepared(data: AnnotatedFile, name: str, system: Predictions, budget: float, rate: float) -> SelectionVideo:
    """Read a video, and average its features and scores over steps of 1 / rate seconds."""
    video, judged = data[name], data.annotations(name)
    fps = video.need_fps()
    if rate >= video.rate:
        starts = video.picks.copy()
        starts[0] = 0
    else:
        starts = np.rint(np.arange(0, video.n_frames, fps / rate)).astype(np.int64)
        starts = starts[starts < video.n_frames]
    starts = np.append(starts, video.n_frames)
    return SelectionVideo(
        video=judged,
        starts=starts,
        features=_averaged(video.need_features(), video.picks, starts),
        scores=_averaged(system.mean_at_steps(judged), judged.picks, starts),
        budget=budget * video.n_frames / fps,
    )


def _averaged(values: NDArray[_Float], picks: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[_Float]:
    """Return the means over the frames from each start to the next of values (n, …) that hold from pick to pick."""
    if np.array_equal(picks[1:], starts[1:-1]):
        return values
    frames = np.repeat(values, np.diff([0, *picks[1:], starts[-1]]), axis=0)
    sums = np.add.reduceat(frames, starts[:-1], axis=0)
    lengths = np.diff(starts).reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray(sums / lengths, dtype=values.dtype)


def _by_other_videos(videos: Sequence[SelectionVideo]) -> SystemResult:
    """Judge intervals on each video with the settings of `_GRID` that agree best with people on all other videos."""
    tried = [
        joined([v.judge(v.frames(intervals(v, v.scores, settings=settings))[None]) for v in videos])
        for settings in _GRID
    ]
    table = np.stack([values[_AGREEMENT[videos[0].video.kind][0].name] for values in tried])  # (settings, V)
    best = best_on_others(table)
    chosen = Counter(_GRID[place] for place in best).most_common()
    listed = "; ".join(
        f"{count} videos: shortest {s.shortest:g} s, longest {s.longest:g} s, smoothing {s.smoothing:g} s, discount "
        f"{s.discount:g}"
        for s, count in chosen
    )
    return SystemResult(
        "intervals, settings by the other videos",
        {name: np.array([tried[place][name][i] for i, place in enumerate(best)]) for name in tried[0]},
        f"the best of {len(_GRID)} settings on all other videos ({listed})",
    )


def best_on_others(table: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each of V videos the row of a table (G, V) that is best on the mean of all other videos: (V,)."""
    return np.asarray((table.sum(axis=1, keepdims=True) - table).argmax(axis=0))


def _references(
    videos: Sequence[SelectionVideo], choices: Sequence[NDArray[np.bool_]], draws: int, seed: int
) -> Iterator[SystemResult]:
    """Yield what to compare with: random pieces, people among themselves, and selections by people's own mean.

    Args:
        videos: V videos.
        choices: the product's summaries, (n_frames,) each, whose lengths the random pieces have.
        draws: random summaries per video.
        seed: of the random summaries.
    """
    rng = np.random.default_rng(seed)
    random = [_mean(v.judge(random_pieces(c, draws, rng))) for v, c in zip(videos, choices, strict=True)]
    note = f"as long as the pieces of '{_PRODUCT}', at random places; mean of {draws} draws per video"
    yield SystemResult("random pieces", joined(random), note)
    rated = videos[0].video.kind == "tvsum"
    note = "the selection by one annotator's scores" if rated else "each annotator's own pieces"
    people = [_among_themselves(video) for video in videos]
    yield SystemResult("people among themselves", joined(people), f"{note}, judged by the others")
    for name in (_BASELINE, "intervals"):
        best = [v.judge(v.frames(_RULES[name](v, _scaled(v.at_steps(v.people.mean(axis=0)))))[None]) for v in videos]
        yield SystemResult(f"{name}, by people's own mean", joined(best), "an upper bound for any scores")


def _among_themselves(video: SelectionVideo) -> ValuesByMeasure:
    """Judge each annotator by the others: means, (1,) each."""
    results = []
    for i, person in enumerate(video.people):
        own = person > 0 if video.video.kind == "summe" else video.frames(intervals(video, video.at_steps(person)))
        results.append(video.judge(own[None], np.delete(video.people, i, axis=0)))
    return _mean(joined(results))


def random_pieces(chosen: NDArray[np.bool_], draws: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Place the pieces of a summary (n_frames,) at random, in random order and without overlap: (draws, n_frames)."""
    bounds = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    lengths = bounds[:, 1] - bounds[:, 0]
    free = len(chosen) - int(lengths.sum())
    placed = np.zeros((draws, len(chosen)), dtype=np.bool_)
    for row in placed:
        start = 0
        gaps = np.diff(np.sort(rng.integers(0, free + 1, size=len(lengths))), prepend=0)
        for gap, length in zip(gaps, rng.permutation(lengths), strict=True):
            row[start + gap : start + gap + length] = True
            start += gap + length
    return placed


def _mean(values: ValuesByMeasure) -> ValuesByMeasure:
    """Return the mean of each measure's values: (1,)."""
    return {name: value.mean(keepdims=True) for name, value in values.items()}


def _scaled(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale a curve to [0, 1]: the value of a shot is not negative."""
    return np.asarray((curve - curve.min()) / (float(np.ptp(curve)) or 1.0))
