"""Rate limits of the encoded parts of a cut, beside those that are copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from summdiff.video._copy import CopyPlan
from summdiff.video._cut import TickPart
from summdiff.video._encode import RateLimit, buffer_seconds
from summdiff.video._index import FrameIndex
from summdiff.video._size import Encoding, SourceRates

_SPARE = 0.95  # for what a trial does not see; beside copies there is no second attempt
_MOSTLY = 0.75
_LIMITED_SECONDS = 4  # a shorter run that is limited begins with a poor picture
_RUN_SECONDS = 8.0
_BUFFERS = 16  # in a run: each takes a full one on top of its rate


@dataclass(frozen=True, slots=True)
class PictureBudget:
    """Bits that encoded pictures may take, beside what they take in the source.

    Attributes:
        bits: that they may take together.
        key_frames: how many of them are key frames.
        others: bits of all others in the source.
    """

    bits: float
    key_frames: float
    others: float

    def like_source(self, rates: SourceRates) -> float:
        """Return the bits with which they would look like the source."""
        return self.others + self.key_frames * rates.key_frame


def budget_beside_copies(
    parts: Sequence[TickPart], plan: CopyPlan, index: FrameIndex, rates: SourceRates, most: float
) -> PictureBudget:
    """Return the budget of what is encoded between copies.

    Args:
        parts, plan: what is written, and how.
        index, rates: of the source.
        most: bits of all pictures.
    """
    copied = encoded = others = 0.0
    key_frames = 0
    for part in parts:
        for stretch in plan.stretches(part.alone_from, part.alone_until):
            first, last = np.searchsorted(index.ticks, (stretch.start, stretch.end))
            bits = float(rates.frames[first:last].sum())
            if stretch.group is not None:
                copied += bits
                continue
            keys = np.isin(index.ticks[first:last], index.key_ticks)
            encoded += bits
            others += float(rates.frames[first:last][~keys].sum())
            key_frames += int(keys.sum()) + (stretch.start not in index.key_ticks)
    if not copied:
        return PictureBudget(0.0, key_frames, others)
    if copied >= _MOSTLY * (copied + encoded):  # to encode all of it again would save little and cost quality and time
        most = max(most, copied + encoded)
    return PictureBudget(_SPARE * (most - copied), key_frames, others)


def budget_alone(
    parts: Sequence[TickPart], index: FrameIndex, rates: SourceRates, encoding: Encoding, seconds: float
) -> PictureBudget:
    """Return the budget of parts that are all encoded: their share of the source's bits.

    Args:
        parts: what is written.
        index, rates: of the source.
        encoding: with a limit of the rate.
        seconds: length of the parts.
    """
    spans = [np.searchsorted(index.ticks, (part.start, part.end)) for part in parts]
    bits = float(sum(rates.frames[first:last].sum() for first, last in spans))
    keys = float(sum(np.isin(index.ticks[first:last], index.key_ticks).sum() for first, last in spans))
    share = min((encoding.pictures or 0.0) / max(rates.pictures, 1.0), 1.0)
    key_frames = len(parts) + seconds / encoding.key_interval
    return PictureBudget(_SPARE * share * bits, key_frames, max(bits - keys * rates.key_frame, 0.0))


def limits_rate(encoding: Encoding, seconds: float, runs: int) -> bool:
    """Whether the rate of what is encoded is limited: not where its runs are too short.

    Args:
        encoding: rates.
        seconds: length of what is encoded.
        runs: number of its runs between copies.
    """
    return encoding.pictures is not None and (encoding.strict or seconds >= _LIMITED_SECONDS * runs)


def run_seconds(encoding: Encoding, *, limited: bool) -> float:
    """Return the least length of runs that are encoded side by side, each from a full buffer on."""
    if not limited or encoding.pictures is None:
        return _RUN_SECONDS
    return max(_RUN_SECONDS, _BUFFERS * buffer_seconds(encoding.pictures, encoding.first_picture))


def rate_limit(encoding: Encoding, seconds: float, runs: int, *, limited: bool) -> RateLimit | None:
    """Return the limit for runs that are encoded; None for no limit."""
    if not limited or encoding.pictures is None:
        return None
    return RateLimit.on_average(
        encoding.pictures, first_picture=encoding.first_picture, seconds=seconds, stretches=runs
    )
