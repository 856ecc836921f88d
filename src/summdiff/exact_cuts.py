"""Exact frames for the cuts that a summary uses: found by decoding around them, after the parts are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from summdiff.summary import Interval, Summary
from summdiff.video import find_cuts

_DECIMALS = 6  # to which times are rounded in JSON


def choose_exactly(summary: Summary, choose: Callable[[Summary], Summary]) -> tuple[Summary, Summary]:
    """Choose parts until no coarse cut is used.

    The cuts that a choice uses are moved to their exact frames, which may change what fits the budget, so that the
    choice is made again.

    Args:
        summary: gives shots, places and coarse cuts.
        choose: returns a summary with a selection, from one with shots and places.

    Returns:
        What was chosen, and `summary` with the cuts moved that were found on the way.

    Raises:
        VideoError: the video cannot be read.
    """
    while True:
        chosen = choose(summary)
        moves = _moves(chosen)
        if not moves:
            return chosen, summary
        summary = _moved(summary, moves)


def with_exact_cuts(summary: Summary) -> Summary:
    """Move the cuts that a summary uses to their exact frames, if its video is there; the choice stays.

    Raises:
        VideoError: the video cannot be read.
    """
    while summary.coarse_cuts and Path(summary.video.path).is_file() and (moves := _moves(summary)):
        summary = _moved(summary, moves)
    return summary


def _moves(summary: Summary) -> dict[float, float]:
    """Return the exact times of the coarse cuts that a summary uses, by the times where they were taken to be."""
    used = {_key(time) for time in _used_times(summary)}
    cuts = [cut for cut in summary.coarse_cuts if _key(cut.at) in used]
    if not cuts:
        return {}
    times = find_cuts(summary.video.path, [(cut.after, cut.until) for cut in cuts])
    return {_key(cut.at): time for cut, time in zip(cuts, times, strict=True)}


def _used_times(summary: Summary) -> Iterable[float]:
    """Yield the ends of all parts, and the borders of the chosen shots."""
    for parts in (summary.selection, *(other.selection for other in summary.alternatives)):
        for part in parts:
            yield from (part.start, part.end)
    for shot in summary.shots:
        if shot.selected:
            yield from (shot.start, shot.end)


def _moved(summary: Summary, moves: Mapping[float, float]) -> Summary:
    """Return the summary with cuts moved, except where they would leave the order of the places or shots."""
    borders = [shot.start for shot in summary.shots] + [summary.shots[-1].end]
    lists = [borders] if summary.places is None else [borders, list(summary.places.edges)]
    kept = {old: new for old, new in moves.items() if all(_fits(times, old, new) for times in lists)}

    def move(time: float) -> float:
        return kept.get(_key(time), time)

    def parts(intervals: Sequence[Interval]) -> tuple[Interval, ...]:
        return tuple(Interval(move(part.start), move(part.end)) for part in intervals)

    places = summary.places
    if places is not None:
        places = replace(places, edges=tuple(round(move(edge), _DECIMALS) for edge in places.edges))
    return replace(
        summary,
        shots=tuple(replace(shot, start=move(shot.start), end=move(shot.end)) for shot in summary.shots),
        selection=parts(summary.selection),
        alternatives=tuple(replace(other, selection=parts(other.selection)) for other in summary.alternatives),
        places=places,
        coarse_cuts=tuple(cut for cut in summary.coarse_cuts if _key(cut.at) not in moves),
    )


def _fits(times: Sequence[float], old: float, new: float) -> bool:
    """Whether ascending times still ascend after one of them is moved."""
    return all(
        (before < new if _key(after) == old else True) and (new < after if _key(before) == old else True)
        for before, after in pairwise(times)
    )


def _key(time: float) -> float:
    return round(time, _DECIMALS)
