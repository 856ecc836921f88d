"""Largest change of the picture within a step, from all of its frames or from some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The largest change from one frame to the next, within a change across several frames, is at least that divided by
# their number, and seldom larger than it by more than this (scripts/measure_boundaries.py).
_AT_MOST = 1.1
# Motion across several frames changes the picture by about this power of their number times that from one to the next.
_GROWTH = 0.7


@dataclass(frozen=True, slots=True)
class Change:
    """The change from one frame to the next one that was decoded.

    Attributes:
        size: mean absolute difference, in units of white.
        after, at: seconds at which the two frames appear.
        frames: 1, or more if frames between them were left out.
    """

    size: float
    after: float
    at: float
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Boundary:
    """Beginning of a step.

    Attributes:
        at: seconds, the time of a frame.
        span: (after, until] seconds, in which it lies if frames that could be it were left out; None if it is exact.
    """

    at: float
    span: tuple[float, float] | None = None


def find_boundary(changes: Sequence[Change]) -> Boundary:
    """Return the frame at which the picture changes most.

    Args:
        changes: of a step, at least one, contiguous.

    Returns:
        The exact place if no frame was left out that could be it; else an estimate, with the span to be decoded.
    """
    sizes = np.array([change.size for change in changes])
    frames = np.array([change.frames for change in changes])
    estimates = sizes / frames**_GROWTH
    place = len(sizes) - 1 - int(estimates[::-1].argmax())  # the latest of equal changes: stills keep to the steps
    possible = np.flatnonzero(np.where(frames > 1, _AT_MOST * sizes, sizes) >= (sizes / frames).max())
    if (frames[possible] == 1).all():
        return Boundary(changes[place].at)
    return Boundary(changes[place].at, (changes[possible[0]].after, changes[possible[-1]].at))
