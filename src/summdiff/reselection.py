"""Choose the shots of a summary: for the first time, and again under another budget or other constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from summdiff.errors import DataError
from summdiff.options import Options
from summdiff.selection import Choice, ShotKnapsack, alternatives
from summdiff.summary import Alternative, Interval, Scores, Shot, Summary, VideoInfo, merge


@dataclass(frozen=True, slots=True)
class ChosenShots:
    """Fields of a `Summary` that follow from its scores: all shots, the selection and further selections."""

    shots: tuple[Shot, ...]
    selection: tuple[Interval, ...]
    alternatives: tuple[Alternative, ...]


def choose_shots(
    edges: ArrayLike, scores: Scores, video: VideoInfo, options: Options, *, samples: ArrayLike | None = None
) -> ChosenShots:
    """Choose the shots that fit the budget, honor `keep` and `drop`, and are worth most by the mean curve.

    Args:
        edges: (S + 1,) seconds, ascending: the start of each shot and the end of the last one.
        scores: importance of N steps.
        video: gives duration and frame rate.
        options: budget, value of a shot, constraints, shortest shot, number of alternatives and their loss.
        samples: (M, N) sampled curves, which give the shots' probabilities and the alternatives. Without them
            probabilities are 0 and there are no alternatives.

    Raises:
        UsageError: the constraints cannot be met within the budget.
    """
    shots = ShotKnapsack(
        edges,
        scores.times,
        budget=options.seconds(video.duration),
        fps=video.fps,
        value=options.value,
        keep=options.keep,
        drop=options.drop,
        shortest=options.min_shot,
    )
    choice = shots.choose(scores.mean)
    probabilities = np.zeros(len(choice.chosen)) if samples is None else shots.probability(samples)
    others = (
        []
        if samples is None
        else alternatives(shots, choice, scores.mean, samples, count=options.alternatives, loss=options.loss)
    )
    return ChosenShots(
        shots=tuple(
            Shot(float(start), float(end), float(score), bool(chosen), float(probability))
            for start, end, score, chosen, probability in zip(
                choice.edges[:-1], choice.edges[1:], choice.shot_scores, choice.chosen, probabilities, strict=True
            )
        ),
        selection=_selection(choice),
        alternatives=tuple(
            Alternative(
                selection=_selection(other.choice),
                shots=tuple(map(int, np.flatnonzero(other.choice.chosen))),
                expected=other.expected,
                overlap=other.overlap,
            )
            for other in others
        ),
    )


def reselect(
    summary: Summary,
    *,
    budget: float | None = None,
    duration: float | None = None,
    keep: Sequence[Interval] | None = None,
    drop: Sequence[Interval] | None = None,
) -> Summary:
    """Choose again from the scores and shots of a summary, in milliseconds and without model or video.

    The scores stay as they are. To let the model condition them on other constraints, summarize the video again.

    Args:
        summary: gives scores and shots.
        budget: largest share of the video's duration, in (0, 1]; None for that of the summary.
        duration: the same in seconds; takes the place of `budget`.
        keep, drop: parts, in seconds, that must be in the summary, and that must not; None for those of the summary.

    Returns:
        The summary without alternatives, since these need the samples. Shots are divided where constraints begin and
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
    )
    options.check_constraints(video.duration)
    edges = np.array([shot.start for shot in summary.shots] + [summary.shots[-1].end])
    chosen = choose_shots(edges, summary.scores, video, options)
    middles = [(shot.start + shot.end) / 2 for shot in chosen.shots]
    whole_shots = [summary.shots[place] for place in np.searchsorted(edges, middles, side="right") - 1]
    return replace(
        summary,
        settings={**summary.settings, **constraint_settings(options, video.duration)},
        budget=options.seconds(video.duration) / video.duration,
        shots=tuple(
            replace(piece, probability=shot.probability) for piece, shot in zip(chosen.shots, whole_shots, strict=True)
        ),
        selection=chosen.selection,
        alternatives=(),
    )


def constraint_settings(options: Options, duration: float) -> dict[str, list[dict[str, float]]]:
    """Return `keep` and `drop` as they stand in `Summary.settings`, for a video of `duration` seconds."""
    return {
        name: [{"start": part.start, "end": min(part.end, duration)} for part in parts]
        for name, parts in (("keep", options.keep), ("drop", options.drop))
    }


def _stored_options(summary: Summary) -> Options:
    """Return the options that decided the selection of a summary."""
    settings = summary.settings
    if not summary.shots or not summary.scores.times:
        raise DataError("The summary has no shots or no scores to choose from.")
    try:
        shortest = float(settings.get("min_shot", 0.0))
        return Options(
            budget=summary.budget,
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


def _selection(choice: Choice) -> tuple[Interval, ...]:
    return merge(Interval(float(start), float(end)) for start, end in choice.parts)
