"""One evaluation: systems and references on the same videos of a data set, with intervals and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from summdiff import __version__
from summdiff.data.h5 import AnnotatedFile
from summdiff.errors import UsageError
from summdiff.evaluation.from_model import seen_in_training
from summdiff.evaluation.measures import KNAPSACK_AWARE, Judged, Measure, measures_of
from summdiff.evaluation.predictions import Predictions
from summdiff.evaluation.references import Row, reference_rows, system_row
from summdiff.evaluation.resampling import Difference, Mean, differences, intervals
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.segments import ConventionName
from summdiff.metrics.variety import diversity, spread_coverage, spread_ratio

FORMAT = "summdiff.evaluation/1"
_FEW = 10  # videos; below, a percentile bootstrap covers clearly less than it says

VARIETY = (
    Measure("diversity", "diversity", False, "1 - mean pairwise IoU of the samples' summaries"),
    Measure("coverage", "coverage", True, "F1 of each annotator's summary with the best of the samples'"),
    Measure("coverage_of_mean", "of the mean", True, "the same for the one summary of the samples' mean"),
    Measure("spread_coverage", "within 90 %", True, "annotators' ranks within the samples' central 90 % interval"),
    Measure("spread_ratio", "spread", False, "deviation of the samples' ranks over that of the annotators' ranks"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first system less another, measure by measure."""

    first: str
    second: str
    differences: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        data: file, kind, SHA-256, videos in the file.
        names: the videos judged, in the order of the rows' values.
        groups: (V,) domain of each where the mean is one over domains, else None.
        measures: the columns.
        systems, references: the rows.
        means: for each row its mean and interval by measure.
        variety: for each system with several samples its measures of `VARIETY` as means over videos.
        comparisons: the first system with each of the others, and with random scores.
        protocol: convention, budget, draws, seeds, resamples.
        notes: what has to be said beside the numbers.
        about: what each system says of itself.
    """

    data: dict[str, Any]
    names: tuple[str, ...]
    groups: tuple[str, ...] | None
    measures: tuple[Measure, ...]
    systems: tuple[Row, ...]
    references: tuple[Row, ...]
    means: dict[str, dict[str, Mean]]
    variety: dict[str, dict[str, float]]
    comparisons: tuple[Comparison, ...]
    protocol: dict[str, Any]
    notes: tuple[str, ...]
    about: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON holds it: values as they are (F1 and MAP from 0 to 1), by video and as means."""
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
        """For each domain, row and measure the mean over the domain's videos; empty where there are no domains."""
        groups = np.array(self.groups or ())
        return {
            group: {
                row.name: {key: float(value[groups == group].mean()) for key, value in row.values.items()}
                for row in (*self.systems, *self.references)
            }
            for group in sorted(set(self.groups or ()))
        }

    def _row(self, row: Row) -> dict[str, Any]:
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
    budget: float = 0.15,
    knapsack_aware: bool = False,
    draws: int | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Evaluation:
    """Judge systems on the videos of a data set, beside the references.

    A system with several samples of a video is judged by their mean; its samples' variety is measured apart.

    Args:
        data: the data set.
        systems: predictions with different names; the first is compared with each of the others and with chance.
        names: videos to judge, each once; None for all of the file.
        convention: how segments become a summary; None for the data set's own.
        budget: share of the frames that a summary may have, in (0, 1].
        knapsack_aware: with WSE, CIS, WIR and IR too.
        draws: of random scores for each video; see `reference_rows`.
        resamples: of the videos, for intervals and tests.
        seed: of the random scores and of the resampling.

    Raises:
        UsageError: no video, a video or a system's name given twice, or a budget out of range.
        DataError: a system has no scores for one of the videos, or the data lacks what it is judged by.
    """
    chosen = tuple(data.names if names is None else names)
    if not chosen:
        raise UsageError("There is no video to evaluate.")
    if len(set(chosen)) < len(chosen):
        raise UsageError("A video is given more than once; each counts once in a mean over videos.")
    if not 0 < budget <= 1:
        raise UsageError(f"The budget must be a share of the video in (0, 1], got {budget:g}.")
    if len({system.name for system in systems}) < len(systems):
        raise UsageError("Two systems have the same name; give their files different names.")
    rule = convention or cast(ConventionName, data.convention or "eccv16")
    videos = Judged.many([data.annotations(name) for name in chosen], budget, rule)
    curves = {system.name: [system.at_steps(v.video) for v in videos] for system in systems}

    rows = tuple(
        system_row(
            system.name,
            videos,
            [system.mean_at_steps(v.video)[None] for v in videos],
            knapsack_aware=knapsack_aware,
        )
        for system in systems
    )
    references = tuple(reference_rows(videos, seed=seed, draws=draws, knapsack_aware=knapsack_aware))
    if taken := {row.name for row in rows} & {row.name for row in references}:
        raise UsageError(f"'{taken.pop()}' is the name of a reference row: give the system another.")
    groups = tuple(v.video.category for v in videos) if data.kind == "youtube_highlights" else None
    there = {*references[0].values}
    measures = tuple(m for m in (*measures_of(data.kind), *KNAPSACK_AWARE) if m.name in there)
    return Evaluation(
        data={"file": data.path.name, "kind": data.kind, "sha256": data.fingerprint(), "videos": len(data)},
        names=chosen,
        groups=groups,
        measures=measures,
        systems=rows,
        references=references,
        means=_means((*rows, *references), groups, resamples, seed),
        variety={
            name: _variety(videos, samples)
            for name, samples in curves.items()
            if videos[0].has_segments and max(map(len, samples)) > 1
        },
        comparisons=tuple(_compare(rows[0], other, groups, resamples, seed) for other in (*rows[1:], references[0])),
        protocol={
            "mean": "over domains of the mean over their videos" if groups else "over videos",
            "convention": rule if data.kind != "youtube_highlights" else None,
            "budget": budget,
            "samples": "a system with several samples of a video is judged by their mean, or by its own mean curve",
            "interval": f"95 %, percentile bootstrap over videos, {resamples} resamples",
            "seed": seed,
            "random": references[0].note,
        },
        notes=_notes(data, videos, systems, chosen) + _below_zero(videos, curves) + _of_spread(videos, curves),
        about={system.name: dict(system.about) | {"sha256": system.sha256} for system in systems},
    )


def _means(rows: Sequence[Row], groups: Sequence[str] | None, resamples: int, seed: int) -> dict[str, dict[str, Mean]]:
    """Mean and interval of each row and measure; the same videos are drawn for all."""
    table = np.stack([values for row in rows for values in row.values.values()], axis=1)
    found = iter(intervals(table, groups, resamples=resamples, seed=seed))
    return {row.name: {name: next(found) for name in row.values} for row in rows}


def _compare(first: Row, second: Row, groups: Sequence[str] | None, resamples: int, seed: int) -> Comparison:
    ours, theirs = (np.stack(list(row.values.values()), axis=1) for row in (first, second))
    found = differences(ours, theirs, groups, resamples=resamples, seed=seed)
    return Comparison(first.name, second.name, dict(zip(first.values, found, strict=True)))


def _variety(videos: Sequence[Judged], samples: Sequence[NDArray[np.float64]]) -> dict[str, float]:
    """Measures of `VARIETY` that apply, means over videos."""
    rows = []
    for video, curves in zip(videos, samples, strict=True):
        segments = video.segments
        summaries = segments.summary(segments.choose(curves))
        of_mean = segments.summary(segments.choose(curves.mean(axis=0, keepdims=True)))
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


def _notes(
    data: AnnotatedFile, videos: Sequence[Judged], systems: Sequence[Predictions], names: Sequence[str]
) -> tuple[str, ...]:
    notes = [f"{len(names)} distinct videos were tested, of {len(data)} in the file."]
    if len(names) < _FEW:
        notes.append(
            "So few videos give intervals that are too narrow (of one video none at all): do not rely on them."
        )
    if data.attribute("synthetic"):
        notes.append("THE DATA IS SYNTHETIC: these numbers say nothing of real videos.")
    for system in systems:
        seen = seen_in_training(system.about, data, names)
        if seen:
            notes.append(
                f"{system.name} WAS TRAINED ON {len(seen)} of these videos: its numbers say nothing of new videos."
            )
        elif seen is None and "cross-validation" not in system.about:
            unclear = ", as 'tvsum/video_1' would" if system.about.get("trained_on") else ""
            notes.append(f"{system.name} does not say which videos it was trained on{unclear}.")
        notes.append(f"{system.name} was selected by: {system.about.get('selection', 'not stated')}.")
    if not videos[0].has_segments and data.kind != "youtube_highlights":
        notes.append("No F1: the file has no 'change_points' or no 'user_summary'.")
    if not videos[0].has_ranks:
        notes.append("No tau and rho: the file has no annotators' scores; give them with --annotations.")
    if not videos[0].has_rate and data.kind != "summe":
        notes.append("No MAP: the file does not say the frame rate, and its shots last five seconds.")
    if data.kind == "youtube_highlights":
        empty = sum(bool(v.video.match is not None and not (v.video.match > 0).any()) for v in videos)
        if empty:
            notes.append(f"{empty} videos have no clip that matches; their average precision counts as 0.")
    return tuple(notes)


def _below_zero(videos: Sequence[Judged], curves: Mapping[str, Sequence[NDArray[np.float64]]]) -> tuple[str, ...]:
    """F1 is not free of the scores' zero, as rank correlation is: say where that matters."""
    if not videos[0].has_segments:
        return ()
    counts = {name: sum(bool((samples.mean(axis=0) < 0).any()) for samples in each) for name, each in curves.items()}
    return tuple(
        f"{name} has scores below 0 in {count} videos: the knapsack takes no segment worth 0 or less, so F1 depends on "
        "where a tool puts its 0; scores from 0 up compare."
        for name, count in counts.items()
        if count
    )


def _of_spread(videos: Sequence[Judged], curves: Mapping[str, Sequence[NDArray[np.float64]]]) -> tuple[str, ...]:
    """What `spread_coverage` is to be read against: few samples cannot span what all annotators do."""
    counts = sorted({len(samples) for each in curves.values() for samples in each} - {1})
    if not counts or not videos[0].has_segments or videos[0].video.user_scores is None:
        return ()
    reached = ", ".join(f"{90 * (count - 1) / (count + 1):.0f} % of {count}" for count in counts)
    return (f"Within 90 %: samples that vary just as the annotators do would reach about {reached} samples.",)
