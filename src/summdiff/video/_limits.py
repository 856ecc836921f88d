"""Rate limits of the encoded parts of a cut, beside those that are copied."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from summdiff.video._copy import CopyPlan, Stretch
from summdiff.video._cut import TickPart
from summdiff.video._encode import RateLimit
from summdiff.video._index import FrameIndex
from summdiff.video._size import Encoding, SourceRates

_SPARE = 0.95  # there is no second attempt beside copies
_MOSTLY = 0.75
_LIMITED_SECONDS = 4  # a shorter stretch that is limited begins with a poor picture


def share_beside_copies(
    parts: Sequence[TickPart], plan: CopyPlan, index: FrameIndex, rates: SourceRates, most: float
) -> float:
    """Return the bits left for what is encoded between copies, divided by those that look like the source.

    0 if nothing is copied.

    Args:
        parts, plan: what is written, and how.
        index, rates: of the source.
        most: bits of all pictures.
    """
    if len(rates.frames) != len(index.ticks):
        return 1.0
    copied = encoded = first_pictures = 0.0
    for part in parts:
        for stretch in plan.stretches(part.alone_from, part.alone_until):
            first, last = np.searchsorted(index.ticks, (stretch.start, stretch.end))
            bits = float(rates.frames[first:last].sum())
            if stretch.group is not None:
                copied += bits
            else:
                encoded += bits
                first_pictures += rates.key_frame * (stretch.start not in index.key_ticks)
    if not copied:
        return 0.0
    if copied >= _MOSTLY * (copied + encoded):  # to encode all of it again would save little and cost quality and time
        most = max(most, copied + encoded)
    return _SPARE * (most - copied) / max(encoded + first_pictures, 1.0)


def encoded_stretches(parts: Sequence[TickPart], plan: CopyPlan | None, time_base: Fraction) -> tuple[float, int]:
    """Return the seconds that are encoded, and the number of stretches between copies that they form."""
    ticks = stretches = 0
    follows_copy = True
    for part in parts:
        ticks += 2 * (part.alone_from - part.start)
        whole = [Stretch(part.alone_from, part.alone_until, None)]
        for stretch in plan.stretches(part.alone_from, part.alone_until) if plan is not None else whole:
            if stretch.group is None:
                ticks += stretch.end - stretch.start
                stretches += follows_copy
            follows_copy = stretch.group is not None
    return float(ticks * time_base), stretches


def rate_limit(encoding: Encoding, seconds: float, stretches: int) -> RateLimit | None:
    """Return the limit for what is encoded; None where its stretches are too short for one.

    Args:
        encoding: rates.
        seconds, stretches: see `encoded_stretches`.
    """
    if encoding.pictures is None or (not encoding.strict and seconds < _LIMITED_SECONDS * stretches):
        return None
    return RateLimit.on_average(
        encoding.pictures, first_picture=encoding.first_picture, seconds=seconds, stretches=stretches
    )
