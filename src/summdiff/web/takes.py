"""What was decided about a film, and what would be decided under another budget or other wishes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from summdiff.options import Options
from summdiff.selection import choose
from summdiff.summary import Interval, Shot, Summary, merge


@dataclass(frozen=True)
class Take:
    """One answer of the model: what was asked, and the summary that came of it."""

    options: Options
    summary: Summary


def reselect(
    summary: Summary, *, budget: float, keep: Sequence[Interval] = (), drop: Sequence[Interval] = ()
) -> Summary:
    """The summary that the same scores and shots give under another budget and other wishes.

    This is the answer while a budget is dragged: the model is not asked, only the knapsack.

    Args:
        summary: scores and shots.
        budget: largest share of the duration, in (0, 1].
        keep, drop: parts, in seconds, that are in the summary whatever they are worth, and that are not.

    Returns:
        The summary. Shots are divided where wishes divide them; their pieces keep the probability.

    Raises:
        UsageError: the budget is out of its range, or the wishes cannot be honoured within it.
    """
    video, settings = summary.video, summary.settings
    asked = Options(budget=budget, keep=tuple(keep), drop=tuple(drop))
    asked.check_wishes(video.duration)
    edges = np.array([shot.start for shot in summary.shots] + [summary.shots[-1].end])
    choice = choose(
        edges,
        summary.scores.times,
        summary.scores.mean,
        budget=asked.seconds(video.duration),
        fps=video.fps,
        value=settings["value"],
        keep=asked.keep,
        drop=asked.drop,
        shortest=settings["min_shot"],
    )
    middles = (choice.edges[:-1] + choice.edges[1:]) / 2
    before = [summary.shots[place] for place in np.searchsorted(edges, middles, side="right") - 1]
    return replace(
        summary,
        settings={**settings, "keep": [asdict(part) for part in keep], "drop": [asdict(part) for part in drop]},
        budget=asked.budget,
        shots=tuple(
            Shot(float(start), float(end), float(score), bool(chosen), shot.probability)
            for start, end, score, chosen, shot in zip(
                choice.edges[:-1], choice.edges[1:], choice.shot_scores, choice.chosen, before, strict=True
            )
        ),
        selection=merge(Interval(float(start), float(end)) for start, end in choice.parts),
        alternatives=(),
    )
