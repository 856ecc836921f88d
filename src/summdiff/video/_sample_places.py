"""Places of decoded sound on the clock of its file."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from av.audio.frame import AudioFrame

from summdiff.video._container import LONGEST_STILL_SECONDS, Clock

# Timestamps of audio jitter (Matroska rounds to milliseconds): smaller gaps are not gaps.
_JITTER_SECONDS = 0.02


class SamplePlaces:
    """Gives the frames of a sound track, in order, the index of their first sample.

    Timestamps are repaired: jitter is ignored, and after a break in the clock the sound goes on, as in `FrameDecoder`.

    Args:
        clock: gives the time of index 0.
        rate: samples per second.
    """

    def __init__(self, clock: Clock, rate: int) -> None:
        self._clock, self._rate = clock, rate
        self._expected: int | None = None  # index of the next sample, if samples are contiguous
        self._shift = 0  # samples to add to the container's timestamps
        self._time_base: Fraction | None = None
        self._line = 0, 0, 1  # index of a timestamp in this time base: (a · timestamp + b) / c

    def forget(self) -> None:
        """Let the next frame be anywhere, as after a seek."""
        self._expected = None

    def __call__(self, frame: AudioFrame, count: int) -> int:
        """Return the index of the first of the frame's `count` samples."""
        at = self._expected
        if frame.pts is not None and frame.time_base is not None:
            stated = self._index(frame.pts, frame.time_base) + self._shift
            if at is None:
                at = stated
            elif abs(stated - at) > _JITTER_SECONDS * self._rate:
                if -self._rate <= stated - at <= LONGEST_STILL_SECONDS * self._rate:
                    at = stated
                else:  # a break in the clock
                    self._shift += at - stated
        at = at or 0
        self._expected = at + count
        return at

    def _index(self, timestamp: int, time_base: Fraction) -> int:
        """Return the index of a timestamp, in whole numbers: with fractions it would take longer than decoding."""
        if time_base != self._time_base:
            self._time_base = time_base
            step, zero = time_base * self._rate, self._clock.seconds(0, time_base) * self._rate
            unit = lcm(step.denominator, zero.denominator)
            self._line = int(step * unit), int(zero * unit), unit
        a, b, c = self._line
        return (2 * (a * timestamp + b) + c) // (2 * c)
