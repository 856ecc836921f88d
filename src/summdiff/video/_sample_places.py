"""Places of decoded sound on the clock of its file."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from av.audio.frame import AudioFrame

from summdiff.video._clock import Clock

# Timestamps of audio jitter (Matroska rounds to milliseconds): smaller gaps are not gaps.
_JITTER_SECONDS = 0.02
_BACK_SECONDS = 1.0  # a larger step back of the sound alone is a wrong timestamp


class SampleClock:
    """Converts the timestamps of repaired packets to indices of samples.

    Args:
        clock: gives the time of index 0.
        rate: samples per second.
    """

    def __init__(self, clock: Clock, rate: int) -> None:
        self._clock, self._rate = clock, rate
        self._longest = max(clock.longest_silence * rate, 1)
        self._shift = 0  # samples to add, behind wrong timestamps
        self._time_base: Fraction | None = None
        self._line = 0, 0, 1  # index of a timestamp in this time base: (a · timestamp + b) / c

    def __call__(self, frame: AudioFrame, expected: int | None) -> int | None:
        """Return the index of a frame's first sample; None if it states no time.

        Args:
            frame: of the sound.
            expected: its index if nothing is missing before it, and the true one if its timestamp is wrong; None
                where anything may follow, as after a seek.
        """
        if frame.pts is None or frame.time_base is None:
            return expected
        stated = self._index(frame.pts, frame.time_base) + self._shift
        if expected is not None and not -_BACK_SECONDS * self._rate <= stated - expected <= self._longest:
            self._shift += expected - stated
            return expected
        return stated

    def _index(self, timestamp: int, time_base: Fraction) -> int:
        """Return the index of a timestamp, in whole numbers: with fractions it would take longer than decoding."""
        if time_base != self._time_base:
            self._time_base = time_base
            step, zero = time_base * self._rate, self._clock.seconds(0, time_base) * self._rate
            unit = lcm(step.denominator, zero.denominator)
            self._line = int(step * unit), int(zero * unit), unit
        a, b, c = self._line
        return (2 * (a * timestamp + b) + c) // (2 * c)


class SamplePlaces:
    """Gives the frames of a sound track, in order, the index of their first sample; jitter of timestamps is ignored.

    Args:
        clock: gives the time of index 0.
        rate: samples per second.
    """

    def __init__(self, clock: Clock, rate: int) -> None:
        self._stated, self._jitter = SampleClock(clock, rate), _JITTER_SECONDS * rate
        self._expected: int | None = None  # index of the next sample, if samples are contiguous

    def __call__(self, frame: AudioFrame, count: int) -> int:
        """Return the index of the first of the frame's `count` samples."""
        stated = self._stated(frame, self._expected) or 0
        near = self._expected is not None and abs(stated - self._expected) <= self._jitter
        at = self._expected if near and self._expected is not None else stated
        self._expected = at + count
        return at
