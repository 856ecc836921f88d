"""Remarks that are printed with the numbers of an evaluation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from summdiff.data.frame_rates import rate_note
from summdiff.data.h5 import AnnotatedFile
from summdiff.evaluation._measures import F1_OVER
from summdiff.evaluation._predictions import Predictions, seen_in_training
from summdiff.evaluation._prepared import PreparedVideo

Samples = Mapping[str, Sequence[NDArray[np.float64]]]  # by system, (M, N) for each video

_BUDGET = 0.15  # of the annotators' summaries in the files
_NAMED = 3  # systems named in a note
_FEW = 10  # videos; with fewer, a percentile bootstrap covers clearly less than 95%


def notes_on(
    data: AnnotatedFile,
    videos: Sequence[PreparedVideo],
    systems: Sequence[Predictions],
    samples: Samples,
    budget: float,
) -> tuple[str, ...]:
    """Return what a reader must know of data, systems and protocol.

    Args:
        data: the data set.
        videos: the videos judged.
        systems: all systems; those without `samples` are ready summaries.
        samples: curves at the steps of the videos.
        budget: share of the frames that a summary may have.
    """
    return (
        *notes_on_systems(data, systems, [v.video.name for v in videos]),
        *_notes_on_data(data, videos),
        *_notes_on_protocol(videos),
        *_notes_on_length(videos, budget),
        *_notes_on_form(videos, systems, {system.name for system in systems} - samples.keys()),
        *_notes_on_zero(videos, samples),
        *_notes_on_spread(videos, samples),
    )


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


def _notes_on_zero(videos: Sequence[PreparedVideo], samples: Samples) -> tuple[str, ...]:
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


def _notes_on_spread(videos: Sequence[PreparedVideo], samples: Samples) -> tuple[str, ...]:
    """State the largest `spread_coverage` to expect: few samples cannot span the range of all annotators."""
    counts = sorted({len(c) for curves in samples.values() for c in curves} - {1})
    if not counts or not videos[0].has_segments or videos[0].video.user_scores is None:
        return ()
    reached = ", ".join(f"{90 * (count - 1) / (count + 1):.0f}% with {count}" for count in counts)
    return (f"Within 90%: samples that vary exactly as the annotators do reach about {reached} samples.",)
