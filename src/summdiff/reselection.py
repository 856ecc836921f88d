"""Choose the parts of a summary: for the first time, and again under another budget or other constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import DataError, UsageError
from summdiff.options import Options
from summdiff.selection import (
    CutPlaces,
    IntervalSelection,
    SelectionMethod,
    ShotKnapsack,
    alternatives,
    apply_constraints,
    mean_scores,
)
from summdiff.summary import Alternative, Interval, Places, Scores, Shot, Summary, VideoInfo, merge

_ROUNDING_SECONDS = 1e-3  # a smaller overlap of a part and a shot comes from rounding


@dataclass(frozen=True, slots=True)
class ChosenParts:
    """Fields of a `Summary` that follow from its scores: all shots, the selection and further selections."""

    shots: tuple[Shot, ...]
    selection: tuple[Interval, ...]
    alternatives: tuple[Alternative, ...]


def choose_parts(
    edges: ArrayLike,
    scores: Scores,
    video: VideoInfo,
    options: Options,
    *,
    places: Places | None = None,
    samples: ArrayLike | None = None,
) -> ChosenParts:
    """Choose the parts that fit the budget, honor `keep` and `drop`, and are worth most by the mean curve.

    Args:
        edges: (S + 1,) seconds, ascending: the start of each shot and the end of the last one.
        scores: importance of N steps.
        video: gives duration and frame rate.
        options: what to select, budget, constraints, number of alternatives and their loss.
        places: where parts may start and end, needed to select intervals.
        samples: (M, N) sampled curves, which give the shots' probabilities and the alternatives. Without them
            probabilities are 0 and there are no alternatives.

    Raises:
        UsageError: the constraints cannot be met within the budget.
        DataError: intervals are to be selected, but there are no places.
    """
    shot_edges = np.asarray(edges, dtype=np.float64)
    method = _method(shot_edges, scores, video, options, places)
    divided, _ = apply_constraints(
        shot_edges, options.keep, options.drop, shortest=0.0, frame=1 / video.cuts_per_second
    )
    parts = method.choose(scores.mean)
    selection = _intervals_of(parts)
    curves = np.empty((0, len(scores.mean))) if samples is None else np.atleast_2d(np.asarray(samples, np.float64))
    coarse = method.coarse()
    chosen = [chosen_shots(divided, _intervals_of(coarse.choose(curve))) for curve in curves]
    others = alternatives(method, parts, scores.mean, curves, count=options.alternatives, loss=options.loss)
    return ChosenParts(
        shots=tuple(
            Shot(float(start), float(end), float(score), bool(selected), float(probability))
            for start, end, score, selected, probability in zip(
                divided[:-1],
                divided[1:],
                mean_scores(divided, np.asarray(scores.times), np.asarray(scores.mean)),
                chosen_shots(divided, selection),
                np.mean(chosen, axis=0) if chosen else np.zeros(len(divided) - 1),
                strict=True,
            )
        ),
        selection=selection,
        alternatives=tuple(
            Alternative(
                selection=_intervals_of(other.parts),
                shots=tuple(map(int, np.flatnonzero(chosen_shots(divided, _intervals_of(other.parts))))),
                expected=other.expected,
                overlap=other.overlap,
            )
            for other in others
        ),
    )


def _method(
    shot_edges: NDArray[np.float64], scores: Scores, video: VideoInfo, options: Options, places: Places | None
) -> SelectionMethod:
    budget = options.seconds(video.duration)
    if options.select == "shots":
        return ShotKnapsack(
            shot_edges,
            scores.times,
            budget=budget,
            fps=video.cuts_per_second,
            value=options.value,
            keep=options.keep,
            drop=options.drop,
            shortest=options.min_shot,
            blank=scores.blank,
        )
    if places is None or len(places.edges) != len(scores.mean) + 1:
        raise DataError("The summary lacks the places where its parts may start and end: summarize the video again.")
    looks = np.frombuffer(places.looks, dtype=np.int8).reshape(len(scores.mean), -1)
    return IntervalSelection(
        places.edges,
        places.start_cost,
        places.end_cost,
        budget=budget,
        fps=video.cuts_per_second,
        looks=looks if looks.size else None,
        keep=options.keep,
        drop=options.drop,
        blank=scores.blank,
    )


def shot_borders(summary: Summary) -> NDArray[np.float64]:
    """Return (S + 1,) seconds: the start of each shot of a summary and the end of the last one."""
    return np.array([*(shot.start for shot in summary.shots), *(shot.end for shot in summary.shots[-1:])])


def chosen_shots(edges: NDArray[np.float64], parts: Sequence[Interval]) -> NDArray[np.bool_]:
    """Return which shots, given by their edges (S + 1,), are chosen in whole or in part: (S,)."""
    chosen = np.zeros(len(edges) - 1, dtype=np.bool_)
    for part in parts:
        chosen |= (edges[:-1] < part.end - _ROUNDING_SECONDS) & (edges[1:] > part.start + _ROUNDING_SECONDS)
    return chosen


def reselect(
    summary: Summary,
    *,
    budget: float | None = None,
    duration: float | None = None,
    keep: Sequence[Interval] | None = None,
    drop: Sequence[Interval] | None = None,
    samples: ArrayLike | None = None,
    alternatives: int = 0,
) -> Summary:
    """Choose again from the scores and places or shots of a summary, in milliseconds and without model or video.

    The scores stay as they are. To let the model condition them on other constraints, summarize the video again.

    Args:
        summary: gives scores, shots and the places where parts may start and end.
        budget: largest share of the video's duration, in (0, 1]; None for that of the summary.
        duration: the same in seconds; takes the place of `budget`.
        keep, drop: parts, in seconds, that must be in the summary, and that must not; None for those of the summary.

        samples: (M, N) curves that the model sampled for this summary; alternatives need them.
        alternatives: largest number of alternatives.

    Returns:
        The summary. Shots are divided where constraints begin and
        end; the pieces keep the probability of their shot.

    Raises:
        UsageError: a value is out of range, or the constraints cannot be met within the budget.
        DataError: the summary has no scores or shots, or its settings are damaged.
    """
    video, stored = summary.video, _stored_options(summary)
    options = replace(
        stored,
        budget=stored.budget if budget is None else budget,
        duration=duration,
        keep=stored.keep if keep is None else tuple(keep),
        drop=stored.drop if drop is None else tuple(drop),
        alternatives=alternatives,
    )
    options.check_constraints(video.duration)
    edges = shot_borders(summary)
    chosen = choose_parts(
        edges, summary.scores, video, options, places=summary.places, samples=samples if alternatives else None
    )
    middles = [(shot.start + shot.end) / 2 for shot in chosen.shots]
    whole_shots = [summary.shots[place] for place in np.searchsorted(edges, middles, side="right") - 1]
    return replace(
        summary,
        settings={**_without_order(summary.settings), **constraint_settings(options, video.duration)},
        budget=options.seconds(video.duration) / video.duration,
        shots=tuple(
            replace(piece, probability=shot.probability) for piece, shot in zip(chosen.shots, whole_shots, strict=True)
        ),
        selection=chosen.selection,
        alternatives=chosen.alternatives,
    )


def with_parts(summary: Summary, parts: Sequence[Interval]) -> Summary:
    """Return the summary with parts that a person cut by hand as its selection; the scores stay.

    Args:
        summary: gives scores and shots.
        parts: in the order in which they are played; parts that overlap are joined, in the order of the film.

    Raises:
        UsageError: there is no part, or one lies outside the video.
    """
    duration = summary.video.duration
    for part in parts:
        if not 0 <= part.start < part.end <= duration + _ROUNDING_SECONDS:
            raise UsageError(
                f"A part needs 0 <= start < end <= {duration:g} s, not {part.start:g} s to {part.end:g} s."
            )
    if not parts:
        raise UsageError("A summary needs at least one part.")
    selection, order = _in_film_order(parts)
    edges = shot_borders(summary)
    return replace(
        summary,
        settings={**summary.settings, "order": list(order)},
        budget=min(1.0, sum(part.duration for part in selection) / duration),
        shots=tuple(
            replace(shot, selected=bool(chosen))
            for shot, chosen in zip(summary.shots, chosen_shots(edges, selection), strict=True)
        ),
        selection=selection,
        alternatives=(),
    )


def _in_film_order(parts: Sequence[Interval]) -> tuple[tuple[Interval, ...], tuple[int, ...]]:
    """Return parts in the order of the film, and the positions in which they are played; () if that is the same."""
    played: list[Interval] = []
    for part in parts:  # what follows in the film and in the summary is one part
        if played and abs(played[-1].end - part.start) < _ROUNDING_SECONDS:
            played[-1] = Interval(played[-1].start, part.end)
        else:
            played.append(part)
    ordered = sorted(range(len(played)), key=lambda place: played[place].start)
    in_film = tuple(played[place] for place in ordered)
    overlaps = any(before.end > after.start + _ROUNDING_SECONDS for before, after in pairwise(in_film))
    if overlaps or ordered == list(range(len(played))):
        return merge(parts), ()
    return in_film, tuple(sorted(range(len(ordered)), key=lambda place: ordered[place]))


def places_of(cuts: CutPlaces, looks: NDArray[np.int8]) -> Places:
    """Return what choosing, now and again, needs to know of N steps beside their scores, with descriptors (N, K)."""
    start_cost, end_cost = cuts.costs()
    return Places(rounded(cuts.edges), rounded(start_cost, 4), rounded(end_cost, 4), looks.tobytes())


def rounded(values: ArrayLike, decimals: int = 6) -> tuple[float, ...]:
    """Round values (N,) as in JSON, so that a summary read from a file chooses again what was chosen first."""
    return tuple(round(float(value), decimals) for value in np.asarray(values))


def constraint_settings(options: Options, duration: float) -> dict[str, list[dict[str, float]]]:
    """Return `keep` and `drop` as they stand in `Summary.settings`, for a video of `duration` seconds."""
    return {
        name: [{"start": part.start, "end": min(part.end, duration)} for part in parts]
        for name, parts in (("keep", options.keep), ("drop", options.drop))
    }


def _without_order(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "order"}


def _stored_options(summary: Summary) -> Options:
    """Return the options that decided the selection of a summary."""
    settings = summary.settings
    if not summary.shots or not summary.scores.times:
        raise DataError("The summary has no shots or no scores to choose from.")
    try:
        shortest = float(settings.get("min_shot", 0.0))
        return Options(
            budget=summary.budget,
            select=settings.get("select", "shots"),  # the only way before 0.2
            value=settings.get("value", "sum"),
            min_shot=shortest,
            max_shot=max(shortest, Options.max_shot),
            keep=_intervals(settings.get("keep", ())),
            drop=_intervals(settings.get("drop", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The summary's settings are damaged: {error!r}.") from error


def _intervals(parts: Any) -> tuple[Interval, ...]:
    return tuple(Interval(float(part["start"]), float(part["end"])) for part in parts)


def _intervals_of(parts: NDArray[np.float64]) -> tuple[Interval, ...]:
    return merge(Interval(float(start), float(end)) for start, end in parts)
