"""Importance by sound alone, for videos whose picture stands still: podcasts, and music with a cover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from summdiff.audio.sound import FRAME_SECONDS, LEVELS_PER_FRAME, Sound

_WINDOW_SECONDS = 9.0  # a moment is as important as what is around it
_QUIETEST_DECIBELS = -60.0
_SPEECH_WEIGHT = 0.6
_LEAST_SPEECH = 0.05  # share of the film; below it the film is music


def importance_of_sound(sound: Sound, times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the importance of steps at these times (N,), in [0, 1]: more where people speak, and where it is louder.

    Args:
        sound: the sound of the video.
        times: seconds (N,) at which the steps begin, ascending.
    """
    ends = np.append(times[1:], times[-1] + (times[1] - times[0] if len(times) > 1 else 1.0))
    loudness = _means(np.maximum(sound.decibels(), _QUIETEST_DECIBELS), sound.start, times, ends, LEVELS_PER_FRAME)
    low, high = np.nanquantile(loudness, (0.05, 0.95)) if np.isfinite(loudness).any() else (0.0, 0.0)
    value = np.clip((np.nan_to_num(loudness, nan=low) - low) / max(high - low, 1e-6), 0.0, 1.0)
    speech = np.nan_to_num(_means(sound.speech / 255, sound.start, times, ends, 1))
    if speech.mean() >= _LEAST_SPEECH:
        value = _SPEECH_WEIGHT * speech + (1 - _SPEECH_WEIGHT) * value
    width = max(1, round(_WINDOW_SECONDS / float(np.median(ends - times))) | 1)
    window = np.hanning(width + 2)[1:-1]
    smooth = np.convolve(value, window, "same") / np.convolve(np.ones_like(value), window, "same")
    return np.asarray(smooth[: len(times)] if width <= len(times) else value, dtype=np.float32)


def _means(
    values: NDArray[np.float64],
    start: float,
    begins: NDArray[np.float64],
    ends: NDArray[np.float64],
    per_frame: int,
) -> NDArray[np.float64]:
    """Return the mean of evenly spaced values within each [begin, end) (N,); NaN where there is none."""
    places = [np.clip(np.rint((at - start) / FRAME_SECONDS * per_frame), 0, len(values)) for at in (begins, ends)]
    first, last = (place.astype(np.int64) for place in places)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    with np.errstate(invalid="ignore"):
        return np.asarray((sums[last] - sums[first]) / np.where(last > first, last - first, np.nan))
