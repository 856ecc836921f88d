"""Evaluation of systems and references on the same videos of a data set, with intervals and comparisons."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from summdiff._version import __version__
from summdiff.data.frame_rates import rate_note
from summdiff.data.h5 import AnnotatedFile
from summdiff.errors import UsageError
from summdiff.evaluation._judging import F1_OVER, KNAPSACK_AWARE, F1Over, Measure, PreparedVideo, measures_of, prepare
from summdiff.evaluation._predictions import Predictions, seen_in_training
from summdiff.evaluation._references import SystemResult, reference_results, summary_result, system_result
from summdiff.evaluation._resampling import Estimate, PairedDifference, differences, intervals
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.segments import ConventionName
from summdiff.metrics.variety import diversity, spread_coverage, spread_ratio

FORMAT = "summdiff.evaluation/1"
_Samples = Mapping[str, Sequence[NDArray[np.float64]]]  # by system, (M, N) for each video

_BUDGET = 0.15  # of the annotators' summaries in the files
_NAMED = 3  # systems named in a note
_FEW = 10  # videos; with fewer, a percentile bootstrap covers clearly less than 95%

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
        notes=notes_on_systems(data, systems, chosen)
        + _notes_on_data(data, videos)
        + _notes_on_protocol(videos)
        + _notes_on_length(videos, budget)
        + _notes_on_form(videos, systems, summarizing)
        + _notes_on_zero(videos, samples)
        + _notes_on_spread(videos, samples),
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


def notes_on_systems(data: AnnotatedFile, systems: Sequence[Predictions], names: Sequence[str]) -> tuple[str, ...]:
    """Return what a reader must know of the videos and of the systems' training."""
    notes = [f"{len(names)} of the {len(data)} videos in the file were tested."]
    if len(names) < _FEW:
        notes.append("With so few videos the intervals are too narrow (with one video there is none): do not use them.")
    if data.attribute("synthetic"):
        notes.append("THE DATA IS SYNTHETIC: these numbers say nothing about real videos.")
    said = [(system.name, *sentence) for system in systems for sentence in _origin(system, data, names)]
    return (*notes, *_joined(said, len(systems)))


def _notes_on_data(data: AnnotatedFile, videos: Sequence[PreparedVideo]) -> tuple[str, ...]:
    """Say which measures the data does not allow, and where its frame rates come from."""
    notes = []
    if videos[0].has_rate and data.kind != "summe" and (rates := rate_note(v.video for v in videos)):
        notes.append(rates)
    if not videos[0].has_segments and data.kind != "youtube_highlights":
        notes.append("No F1: the file has no 'change_points' or no 'user_summary'.")
    if not videos[0].has_ranks:
        notes.append("No tau and rho: the file lacks the annotators' scores; give them with --annotations.")
    if not videos[0].has_rate and data.kind != "summe":
        notes.append("No MAP: its shots last five seconds, and the frame rate is unknown: give it with --fps.")
    if data.kind == "youtube_highlights":
        empty = sum(bool(v.video.match is not None and not (v.video.match > 0).any()) for v in videos)
        if empty:
            notes.append(f"{empty} videos have no matching clip; their average precision counts as 0.")
    return tuple(notes)


def _origin(system: Predictions, data: AnnotatedFile, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what to say about a system's training: the predicate for one system, and for several."""
    trained = seen_in_training(system.about, data, names)
    if trained:
        text = f"TRAINED ON {len(trained)} of these videos: the numbers say nothing about new ones."
        yield f"WAS {text}", f"WERE {text}"
    validated = seen_in_training(system.about, data, names, "validated_on")
    if validated:
        text = f"VALIDATED ON {len(validated)} of these videos: the numbers may be too high."
        yield f"WAS {text}", f"WERE {text}"
    if trained is None and "cross-validation" not in system.about:
        form = " in the form 'tvsum/video_1'" if system.about.get("trained_on") else ""
        yield (
            f"does not say which videos it was trained on{form}.",
            f"do not say which videos they were trained on{form}.",
        )
    selection = system.about.get("selection", "not stated")
    yield f"was selected by: {selection}.", f"were selected by: {selection}."


def _joined(said: Sequence[tuple[str, str, str]], systems: int) -> list[str]:
    """Join the systems of which the same is said into one sentence."""
    names: dict[tuple[str, str], list[str]] = {}
    for name, *predicate in said:
        names.setdefault((predicate[0], predicate[1]), []).append(name)
    sentences = []
    for (one, several), who in names.items():
        if len(who) == 1:
            sentences.append(f"{who[0]} {one}")
        elif len(who) <= _NAMED:
            sentences.append(f"{', '.join(who[:-1])} and {who[-1]} {several}")
        elif len(who) == systems:
            sentences.append(f"All {systems} systems {several}")
        else:
            sentences.append(f"{', '.join(who[:_NAMED])} and {len(who) - _NAMED} other systems {several}")
    return sentences


def _notes_on_protocol(videos: Sequence[PreparedVideo]) -> tuple[str, ...]:
    """Name the protocol of F1, by which data sets differ."""
    usual, used = F1_OVER.get(videos[0].video.kind), videos[0].f1_over
    if usual is None or videos[0].video.user_summary is None:
        return ()
    text = "F1 is the largest over annotators" if used == "max" else "F1 is the mean over annotators"
    other = "mean" if used == "max" else "max"
    usually = f"as usual for {videos[0].video.kind}; --protocol {other} changes it"
    return (f"{text}, {usually if used == usual else f'NOT the usual {usual} of {videos[0].video.kind}'}.",)


def _notes_on_length(videos: Sequence[PreparedVideo], budget: float) -> tuple[str, ...]:
    """Warn of a budget that differs from the length of the summaries to compare with."""
    if not videos[0].has_segments:
        return ()
    share = float(np.mean([v.totals.mean() / v.video.n_frames for v in videos]))
    if abs(budget - _BUDGET) < 1e-9 or abs(budget - share) < 0.02:
        return ()
    return (
        f"F1 compares summaries of {100 * budget:g}% of the frames with the file's, which have {100 * share:.1f}% on "
        "average: results are not comparable with those at 15%.",
    )


def _notes_on_form(
    videos: Sequence[PreparedVideo], systems: Sequence[Predictions], summarizing: Collection[str]
) -> tuple[str, ...]:
    """Say which systems are ready summaries, with their lengths, and which have scores of frames."""
    notes: list[str] = []
    framed = []
    for system in systems:
        if system.name in summarizing:
            shares = [100 * float(system.summary(v.video).mean()) for v in videos]
            only = "" if videos[0].video.kind == "summe" else " Only F1 applies (--scores reads them as scores)."
            notes.append(
                f"{system.name} has ready 0/1 summaries, judged as they are: {np.mean(shares):.1f}% of the frames on "
                f"average, at most {max(shares):.1f}%.{only}"
            )
            other = sum(system.curves[v.video.name].shape[1] != v.video.n_frames for v in videos)
            if other:
                notes.append(
                    f"{system.name}: {other} summaries have another length than their video; they were cut or filled "
                    "with 0."
                )
        elif any(v.video.n_frames == system.curves[v.video.name].shape[1] != len(v.video.picks) for v in videos):
            uses = ["a step's score is the mean of its frames"] if videos[0].video.kind != "summe" else []
            uses += ["a segment's value the mean of its own frames"] if videos[0].has_segments else []
            text = f"a score per frame: {', '.join(uses)}."
            framed.append((system.name, f"has {text}", f"have {text}"))
    return (*notes, *_joined(framed, len(systems)))


def _notes_on_zero(
    videos: Sequence[PreparedVideo], samples: Mapping[str, Sequence[NDArray[np.float64]]]
) -> tuple[str, ...]:
    """Warn of negative scores: unlike rank correlation, F1 depends on where the scores have their zero."""
    if not videos[0].has_segments:
        return ()
    counts = {name: sum(bool((c.mean(axis=0) < 0).any()) for c in curves) for name, curves in samples.items()}
    below = []
    for name, count in counts.items():
        text = (
            f"scores below 0 in {count} videos: the knapsack takes no segment worth 0 or less, so F1 depends on where "
            "the tool puts 0. Use scores from 0 up."
        )
        if count:
            below.append((name, f"has {text}", f"have {text}"))
    return tuple(_joined(below, len(samples)))


def _notes_on_spread(
    videos: Sequence[PreparedVideo], samples: Mapping[str, Sequence[NDArray[np.float64]]]
) -> tuple[str, ...]:
    """State the largest `spread_coverage` to expect: few samples cannot span the range of all annotators."""
    counts = sorted({len(c) for curves in samples.values() for c in curves} - {1})
    if not counts or not videos[0].has_segments or videos[0].video.user_scores is None:
        return ()
    reached = ", ".join(f"{90 * (count - 1) / (count + 1):.0f}% with {count}" for count in counts)
    return (f"Within 90%: samples that vary exactly as the annotators do reach about {reached} samples.",)
