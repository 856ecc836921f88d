"""Shots divided where a user wants something kept or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import Interval, merge


class Fate(IntEnum):
    """What becomes of a shot whatever its score."""

    DROPPED = -1
    FREE = 0
    KEPT = 1


def divide(
    edges: NDArray[np.float64],
    keep: Sequence[Interval],
    drop: Sequence[Interval],
    *,
    shortest: float,
    frame: float,
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Divide shots where wishes begin and end, and say what becomes of each piece.

    Args:
        edges: (S + 1,) seconds, ascending.
        keep, drop: the wishes; what lies outside the video counts for nothing.
        shortest: seconds; what a wish leaves of a shot is dropped with it if it is shorter and does not touch what is
            kept: nobody asked for a flash.
        frame: seconds; a wish's end that is closer to an edge than half of it is that edge.

    Returns:
        (S' + 1,) seconds and (S',) `Fate`.

    Raises:
        UsageError: a part is both to be kept and to be dropped.
    """
    wishes = {
        Fate.KEPT: _inside(keep, edges, frame),
        Fate.DROPPED: _inside(drop, edges, frame),
    }
    for kept in wishes[Fate.KEPT]:
        for dropped in wishes[Fate.DROPPED]:
            if min(kept.end, dropped.end) - max(kept.start, dropped.start) > frame / 2:
                raise UsageError(
                    f"{max(kept.start, dropped.start):g} s to {min(kept.end, dropped.end):g} s is both to be kept and "
                    "to be dropped: decide on one."
                )
    ends = [end for found in wishes.values() for part in found for end in (part.start, part.end)]
    divided = np.unique(np.concatenate([edges, ends]))
    fate = np.full(len(divided) - 1, Fate.FREE, dtype=np.int8)
    middle = (divided[:-1] + divided[1:]) / 2
    for kind, found in wishes.items():
        for part in found:
            fate[(middle > part.start) & (middle < part.end)] = kind
    left_over = ~(np.isin(divided[:-1], edges) & np.isin(divided[1:], edges)) & (fate == Fate.FREE)
    beside_kept = np.concatenate((fate[1:] == Fate.KEPT, [False])) | np.concatenate(([False], fate[:-1] == Fate.KEPT))
    fate[left_over & ~beside_kept & (np.diff(divided) < shortest)] = Fate.DROPPED
    return divided, fate


def _inside(parts: Sequence[Interval], edges: NDArray[np.float64], frame: float) -> list[Interval]:
    """Parts within the video, joined where they touch, their ends moved onto edges that are all but there."""

    def at(time: float) -> float:
        time = min(max(time, float(edges[0])), float(edges[-1]))
        nearest = float(edges[np.abs(edges - time).argmin()])
        return nearest if abs(nearest - time) < frame / 2 else time

    moved = (Interval(at(part.start), at(part.end)) for part in parts)
    return [part for part in merge(moved) if part.end > part.start]
