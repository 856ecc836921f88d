"""Divide shots at the borders of the parts that a user wants kept or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.summary import Interval, merge


class ShotStatus(IntEnum):
    """Decision of the constraints about a shot: FREE leaves it to the score."""

    DROPPED = -1
    FREE = 0
    KEPT = 1


def apply_constraints(
    edges: NDArray[np.float64],
    keep: Sequence[Interval],
    drop: Sequence[Interval],
    *,
    shortest: float,
    frame: float,
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Divide shots where constraints begin and end, and decide about each piece.

    Args:
        edges: (S + 1,) seconds, ascending: the start of each shot and the end of the last one.
        keep, drop: parts to keep and to drop, in seconds; what lies outside the video is ignored.
        shortest: seconds. A free piece that a constraint left of a shot is dropped if it is shorter than this and not
            next to a kept piece, since a flash of video would look like a mistake.
        frame: duration of a frame in seconds. The end of a constraint is moved to a shot's edge within half a frame.

    Returns:
        (S' + 1,) edges in seconds and (S',) `ShotStatus`.

    Raises:
        UsageError: a part is both to be kept and to be dropped.
    """
    constraints = {
        ShotStatus.KEPT: _inside(keep, edges, frame),
        ShotStatus.DROPPED: _inside(drop, edges, frame),
    }
    for kept in constraints[ShotStatus.KEPT]:
        for dropped in constraints[ShotStatus.DROPPED]:
            start, end = max(kept.start, dropped.start), min(kept.end, dropped.end)
            if end - start > frame / 2:
                raise UsageError(f"{start:g} s to {end:g} s is both kept and dropped: choose one.")
    ends = [end for parts in constraints.values() for part in parts for end in (part.start, part.end)]
    divided = np.unique(np.concatenate([edges, ends]))
    status = np.full(len(divided) - 1, ShotStatus.FREE, dtype=np.int8)
    middle = (divided[:-1] + divided[1:]) / 2
    for decision, parts in constraints.items():
        for part in parts:
            status[(middle > part.start) & (middle < part.end)] = decision
    left_over = ~(np.isin(divided[:-1], edges) & np.isin(divided[1:], edges)) & (status == ShotStatus.FREE)
    kept_shots = np.concatenate(([False], status == ShotStatus.KEPT, [False]))
    beside_kept = kept_shots[:-2] | kept_shots[2:]
    status[left_over & ~beside_kept & (np.diff(divided) < shortest)] = ShotStatus.DROPPED
    return divided, status


def _inside(parts: Sequence[Interval], edges: NDArray[np.float64], frame: float) -> list[Interval]:
    """Clip parts to the video, move their ends to edges within half a frame, and join those that touch."""

    def snap(time: float) -> float:
        time = min(max(time, float(edges[0])), float(edges[-1]))
        nearest = float(edges[np.abs(edges - time).argmin()])
        return nearest if abs(nearest - time) < frame / 2 else time

    snapped = (Interval(snap(part.start), snap(part.end)) for part in parts)
    return [part for part in merge(snapped) if part.end > part.start]
