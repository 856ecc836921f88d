"""Evaluation of systems and references on the same videos of a data set, with intervals and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from summdiff._version import __version__
from summdiff.data.h5 import AnnotatedFile
from summdiff.errors import UsageError
from summdiff.evaluation._measures import F1_OVER, KNAPSACK_AWARE, F1Over, Measure, measures_of
from summdiff.evaluation._notes import notes_on
from summdiff.evaluation._predictions import Predictions
from summdiff.evaluation._prepared import PreparedVideo, prepare
from summdiff.evaluation._references import SystemResult, reference_results, summary_result, system_result
from summdiff.evaluation._resampling import Estimate, PairedDifference, differences, intervals
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.segments import ConventionName
from summdiff.metrics.variety import diversity, spread_coverage, spread_ratio

FORMAT = "summdiff.evaluation/1"
VARIETY = (
    Measure("diversity", "diversity", False, "1 - mean pairwise IoU of the samples' summaries"),
    Measure("coverage", "coverage", True, "F1 of each annotator's summary with the best of the samples' summaries"),
    Measure("coverage_of_mean", "of the mean", True, "F1 of each annotator's summary with that of the samples' mean"),
    Measure("spread_coverage", "within 90%", True, "annotators' ranks within the samples' central 90% interval"),
    Measure("spread_ratio", "spread", False, "deviation of the samples' ranks / that of the annotators' ranks"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences of the first system minus the second, by measure."""

    first: str
    second: str
    differences: dict[str, PairedDifference]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        data: file name, kind, SHA-256 and number of videos of the data set.
        names: (V,) the videos judged, in the order of the systems' values.
        groups: (V,) domain of each video if the mean is taken over domains, else None.
        measures: the columns.
        systems, references: the rows.
        means: mean and interval by row and measure.
        variety: measures of `VARIETY`, means over videos, for each system with several samples.
        comparisons: the first system with each of the others, and with random scores.
        protocol: convention, budget, draws, seeds, resamples.
        notes: remarks to print with the numbers.
        about: metadata of each system's predictions.
    """

    data: dict[str, Any]
    names: tuple[str, ...]
    groups: tuple[str, ...] | None
    measures: tuple[Measure, ...]
    systems: tuple[SystemResult, ...]
    references: tuple[SystemResult, ...]
    means: dict[str, dict[str, Estimate]]
    variety: dict[str, dict[str, float]]
    comparisons: tuple[Comparison, ...]
    protocol: dict[str, Any]
    notes: tuple[str, ...]
    about: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        rows = []
        for row in self.systems:
            means = ", ".join(f"{name} {mean.value:.4f}" for name, mean in self.means[row.name].items())
            rows.append(f"{row.name}: {means}")
        return f"Evaluation({'; '.join(rows)}; {len(self.names)} videos of {self.data['file']})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON: values by video and means, F1 and MAP from 0 to 1."""
        rows = (*self.systems, *self.references)
        return {
            "format": FORMAT,
            "summdiff": __version__,
            "data": self.data,
            "tested": {"videos": len(self.names), "names": list(self.names)},
            "protocol": self.protocol,
            "measures": {m.name: m.about for m in self.measures},
            "notes": list(self.notes),
            "systems": {row.name: self._row(row) | {"about": self.about.get(row.name, {})} for row in self.systems},
            "references": {row.name: self._row(row) for row in self.references},
            "comparisons": [
                {"first": c.first, "second": c.second} | {name: asdict(d) for name, d in c.differences.items()}
                for c in self.comparisons
            ],
            "domains": self.domains(),
            "videos": {
                name: {row.name: {key: float(value[i]) for key, value in row.values.items()} for row in rows}
                for i, name in enumerate(self.names)
            },
        }

    def domains(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the mean over each domain's videos, by domain, row and measure; empty without domains."""
        groups = np.array(self.groups or ())
        return {
            group: {
                row.name: {key: float(value[groups == group].mean()) for key, value in row.values.items()}
                for row in (*self.systems, *self.references)
            }
            for group in sorted(set(self.groups or ()))
        }

    def _row(self, row: SystemResult) -> dict[str, Any]:
        means = {name: asdict(mean) for name, mean in self.means[row.name].items()}
        return {"means": means, "note": row.note} | (
            {"variety": self.variety[row.name]} if row.name in self.variety else {}
        )


def evaluate(
    data: AnnotatedFile,
    systems: Sequence[Predictions],
    *,
    names: Sequence[str] | None = None,
    convention: ConventionName | None = None,
    f1_over: F1Over | None = None,
    budget: float = 0.15,
    knapsack_aware: bool = False,
    draws: int | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Evaluation:
    """Judge systems and references on the videos of a data set.

    A system with several samples per video is judged by their mean; the variety of the samples is measured separately.

    Args:
        data: the data set.
        systems: predictions with different names; the first is compared with each of the others and with random scores.
        names: videos to judge, each once; None for all videos of the file.
        convention: how segments become a summary; None for the data set's own.
        f1_over: whether F1 is the mean or the largest over annotators; None for the data set's own (TVSum: mean,
            SumMe: max).
        budget: share of the frames that a summary may have, in (0, 1].
        knapsack_aware: also compute WSE, CIS, WIR and IR.
        draws: random curves per video; see `reference_results`.
        resamples: resamples of the videos for intervals and tests.
        seed: seed of the random scores and of the resampling.

    Raises:
        UsageError: no video, a video or a system's name given twice, or a budget out of range.
        DataError: a system has no scores for one of the videos, or the data lacks annotations.
    """
    chosen = tuple(data.names if names is None else names)
    if not chosen:
        raise UsageError("There are no videos to evaluate.")
    if len(set(chosen)) < len(chosen):
        raise UsageError("A video is given more than once: name each video once.")
    if not 0 < budget <= 1:
        raise UsageError(f"The budget must be a share of the video in (0, 1], got {budget:g}.")
    if len({system.name for system in systems}) < len(systems):
        raise UsageError("Two systems have the same name: give their files different names.")
    rule = convention or cast(ConventionName, data.convention or "eccv16")
    systems = [system.named_as_in(data) for system in systems]
    if f1_over is not None and data.kind not in F1_OVER:
        raise UsageError(f"{data.kind} has one reference per video: leave the protocol of F1 out.")
    videos = prepare([data.annotations(name) for name in chosen], budget, rule, f1_over)
    summarizing = {system.name for system in systems if system.are_summaries([v.video for v in videos])}
    scoring = [system for system in systems if system.name not in summarizing]
    samples = {system.name: [system.at_steps(v.video) for v in videos] for system in scoring}
    rows = tuple(
        summary_result(system.name, videos, [system.summary(v.video) for v in videos])
        if system.name in summarizing
        else _scored(system, videos, knapsack_aware=knapsack_aware)
        for system in systems
    )
    references = tuple(reference_results(videos, seed=seed, draws=draws, knapsack_aware=knapsack_aware))
    if taken := {row.name for row in rows} & {row.name for row in references}:
        raise UsageError(f"'{taken.pop()}' is the name of a reference: give the system another name.")
    groups = tuple(v.video.category for v in videos) if data.kind == "youtube_highlights" else None
    computed = {name for row in (*rows, references[0]) for name in row.values}
    measures = tuple(m for m in (*measures_of(data.kind, f1_over), *KNAPSACK_AWARE) if m.name in computed)
    return Evaluation(
        data={"file": data.path.name, "kind": data.kind, "sha256": data.fingerprint(), "videos": len(data)},
        names=chosen,
        groups=groups,
        measures=measures,
        systems=rows,
        references=references,
        means=means_of((*rows, *references), groups, resamples, seed),
        variety={
            system.name: _variety(videos, samples[system.name], [system.frames(v.video) for v in videos])
            for system in scoring
            if videos[0].has_segments and max(map(len, samples[system.name])) > 1
        },
        comparisons=tuple(
            compare(rows[0], other, groups, resamples, seed)
            for other in (*rows[1:], references[0])
            if rows[0].values.keys() & other.values.keys()
        ),
        protocol={
            "mean": "over domains of the mean over their videos" if groups else "over videos",
            "convention": rule if data.kind != "youtube_highlights" else None,
            "budget": budget,
            "f1": f"{videos[0].f1_over} over annotators" if data.kind in F1_OVER else None,
            "samples": "a system with several samples per video is judged by their mean, or by its own mean curve",
            "interval": f"95%, percentile bootstrap over videos, {resamples} resamples",
            "seed": seed,
            "random": references[0].note,
        },
        notes=notes_on(data, videos, systems, samples, budget),
        about={system.name: dict(system.about) | {"sha256": system.sha256} for system in systems},
    )


def _scored(system: Predictions, videos: Sequence[PreparedVideo], *, knapsack_aware: bool) -> SystemResult:
    """Judge a system by its mean curves; segments take the mean of their own frames if scores are per frame."""
    frames = [system.mean_frames(v.video) for v in videos]
    return system_result(
        system.name,
        videos,
        [system.mean_at_steps(v.video)[None] for v in videos],
        [None if curve is None else curve[None] for curve in frames],
        knapsack_aware=knapsack_aware,
    )


def means_of(
    rows: Sequence[SystemResult], groups: Sequence[str] | None, resamples: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """Return mean and interval by row and measure; the same videos are drawn for all."""
    table = np.stack([values for row in rows for values in row.values.values()], axis=1)
    estimates = iter(intervals(table, groups, resamples=resamples, seed=seed))
    return {row.name: {name: next(estimates) for name in row.values} for row in rows}


def compare(
    first: SystemResult, second: SystemResult, groups: Sequence[str] | None, resamples: int, seed: int
) -> Comparison:
    """Subtract the second system from the first, by measure, with intervals and tests."""
    common = [name for name in first.values if name in second.values]
    ours, theirs = (np.stack([row.values[name] for name in common], axis=1) for row in (first, second))
    by_measure = differences(ours, theirs, groups, resamples=resamples, seed=seed)
    return Comparison(first.name, second.name, dict(zip(common, by_measure, strict=True)))


def _variety(
    videos: Sequence[PreparedVideo],
    samples: Sequence[NDArray[np.float64]],
    frames: Sequence[NDArray[np.float64] | None],
) -> dict[str, float]:
    """Return the measures of `VARIETY` that apply, means over videos; segments take the `frames` if given."""
    rows = []
    for video, curves, of_frames in zip(videos, samples, frames, strict=True):
        segments = video.need_segments()
        if of_frames is not None:
            segments = segments.of_frames()
        own = curves if of_frames is None else of_frames
        summaries = segments.summary(segments.choose(own))
        of_mean = segments.summary(segments.choose(own.mean(axis=0, keepdims=True)))
        row = {
            "diversity": diversity(summaries),
            "coverage": float(f1_scores(summaries, video.user_summary).max(axis=0).mean()),
            "coverage_of_mean": float(f1_scores(of_mean, video.user_summary).mean()),
        }
        if video.video.user_scores is not None:
            row["spread_coverage"] = spread_coverage(curves, video.user_scores)
            row["spread_ratio"] = spread_ratio(curves, video.user_scores)
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
