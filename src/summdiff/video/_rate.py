"""The frame rate of a video, from the times of its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

# Rates that editors, SMPTE timecode and edit decision lists support.
STANDARD_RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
# Containers round times: Matroska to the millisecond, others to their tick. Such a frame still counts as on the grid.
ROUNDING_SECONDS = 1.5e-3
_EXACT_SECONDS = 1e-7  # the rounding of large floats is smaller, that of containers larger
_MOST_SHARE = 0.5  # of the steps from frame to frame that have the usual length


@dataclass(frozen=True, slots=True)
class Rate:
    """The frame rate of a video.

    Attributes:
        usual: frames per second by the most common interval; the average if no interval is common.
        phases: seconds at which the grid of frames begins in each piece, for frames that lie on n / `usual` up to the
            rounding of the container; None if they do not.
    """

    usual: Fraction
    phases: tuple[float, ...] | None


def measure_rate(pieces: Sequence[NDArray[np.float64]], nominal: Fraction, tick: Fraction) -> Rate:
    """Measure the frame rate of a video.

    Args:
        pieces: seconds (N,) at which the frames of each piece are shown, ascending.
        nominal: frames per second that the container states.
        tick: seconds to which the container rounds.
    """
    steps = np.concatenate([np.diff(times) for times in pieces] or [np.empty(0)])
    if not len(steps) or np.median(steps) <= 0:
        return Rate(nominal, None)
    middle = float(np.median(steps))
    usual_steps = steps[np.abs(steps - middle) <= max(2 * ROUNDING_SECONDS, middle / 10)]
    if len(usual_steps) < _MOST_SHARE * len(steps):
        average = len(steps) / float(steps.sum())
        return Rate(Fraction(average).limit_denominator(1001) or nominal, None)
    measured = 1 / float(usual_steps.mean())
    for rate in _candidates(nominal, measured):
        phases = [grid_phase(times, rate, float(tick)) for times in pieces]
        if all(phase is not None for phase in phases):
            return Rate(rate, tuple(phase for phase in phases if phase is not None))
    nearest = min(STANDARD_RATES, key=lambda rate: abs(rate - measured))
    close = abs(float(nearest) - measured) <= measured / 200
    return Rate(nearest if close else Fraction(measured).limit_denominator(1001) or nominal, None)


def _candidates(nominal: Fraction, measured: float) -> Iterator[Fraction]:
    """Yield rates near a measured one: standard ones, the stated rate, a whole one, and the measured rate itself."""
    close = abs(float(nominal) - measured) <= measured / 20
    expected = float(nominal) if close else measured  # of a short film the measured rate is inexact
    yield from sorted(
        (rate for rate in STANDARD_RATES if abs(float(rate) - measured) <= measured / 20),
        key=lambda rate: abs(float(rate) - expected),
    )
    if close:
        yield nominal
    if round(measured) > 0:
        yield Fraction(round(measured))
    yield Fraction(measured).limit_denominator(1001)


def grid_phase(times: NDArray[np.float64], rate: Fraction, tick: float) -> float | None:
    """Return the time of the first frame on a grid of this rate; None if frames are not on it, or mostly far apart."""
    if not rate or not len(times):
        return None if not rate else 0.0
    places = np.rint((times - times[0]) * float(rate))
    off = times - places / float(rate)
    tolerance = min(max(tick, ROUNDING_SECONDS), 1 / (4 * float(rate)))
    steps = np.diff(places)
    on_grid = (off.max() - off.min()) / 2 <= tolerance and (steps >= 1).all()
    if not on_grid or (steps == 1).sum() < _MOST_SHARE * len(steps):
        return None
    return float((off.max() + off.min()) / 2)


def is_rounded(pieces: Sequence[NDArray[np.float64]], rate: Fraction) -> bool:
    """Whether a container rounds the times of frames that lie on a grid."""
    for times in pieces:
        off = times - np.rint((times - times[0]) * float(rate)) / float(rate)
        if off.max() - off.min() > _EXACT_SECONDS:
            return True
    return False
