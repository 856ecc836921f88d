"""Loudness and probability of speech of a video's sound, at a steady rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.audio._silero import FRAME_SAMPLES, SAMPLE_RATE

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
LEVELS_PER_FRAME = 2
LEVEL_SECONDS = FRAME_SECONDS / LEVELS_PER_FRAME
_LEVELS_PER_DECIBEL = 2
_SILENCE = 255

# Silero VAD's own defaults for turning probabilities into segments (`get_speech_timestamps`).
_SPEECH_BEGINS, _SPEECH_ENDS = 0.5, 0.35  # probabilities
_SHORTEST_SILENCE, _SHORTEST_SPEECH = 0.1, 0.25  # seconds


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of a video in frames of 32 ms; no frame where there is no sound.

    Attributes:
        start: seconds from the first displayed picture to the start of the first frame.
        speech: (F,) uint8, probability of speech in each frame, in 255ths.
        loudness: (2 F,) uint8, level of each half frame in half decibels below full scale; 255 is silence.

    Raises:
        ValueError: an array has another shape or type, or the start is not finite.
    """

    start: float
    speech: NDArray[np.uint8]
    loudness: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if not np.isfinite(self.start):
            raise ValueError(f"start must be finite, not {self.start}.")
        for name, per_frame in (("speech", 1), ("loudness", LEVELS_PER_FRAME)):
            array, shape = getattr(self, name), (per_frame * len(self.speech),)
            if array.dtype != np.uint8 or array.shape != shape:
                raise ValueError(f"{name} must be {shape} uint8, not {array.shape} {array.dtype}.")

    @classmethod
    def none(cls) -> Sound:
        """Return the sound of a video without any."""
        return cls(0.0, np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.uint8))

    def decibels(self) -> NDArray[np.float64]:
        """Return the level of each half frame relative to full scale: (2 F,), from -127.5 to 0."""
        return np.asarray(self.loudness / -_LEVELS_PER_DECIBEL)

    def segments(self) -> NDArray[np.float64]:
        """Return the segments of speech: (K, 2) seconds of start and end, in order.

        Speech begins where its probability reaches 0.5 and ends where it falls below 0.35 for at least 0.1 s; shorter
        segments than 0.25 s are left out. These are the rules and settings of Silero VAD.
        """
        probability = self.speech / 255
        decided = (probability >= _SPEECH_BEGINS) | (probability < _SPEECH_ENDS)
        # Between the two thresholds a frame is what the last decided frame is.
        last = np.maximum.accumulate(np.where(decided, np.arange(len(probability)), -1))
        speaks = (last >= 0) & (probability[last] >= _SPEECH_BEGINS)
        edges = np.flatnonzero(np.diff(speaks, prepend=False, append=False)).reshape(-1, 2)
        gaps = (edges[1:, 0] - edges[:-1, 1]) * FRAME_SECONDS >= _SHORTEST_SILENCE
        begins = edges[np.insert(gaps, 0, True)[: len(edges)], 0]
        ends = edges[np.append(gaps, True)[: len(edges)], 1]
        long_enough = (ends - begins) * FRAME_SECONDS >= _SHORTEST_SPEECH
        return np.asarray(self.start + FRAME_SECONDS * np.stack((begins, ends), axis=1)[long_enough])


def levels(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the values of `Sound.loudness` for frames (F, 512): (2 F,), by their root mean square."""
    power = np.square(samples.reshape(-1, FRAME_SAMPLES // LEVELS_PER_FRAME)).mean(axis=1, dtype=np.float64)
    below = -10 * _LEVELS_PER_DECIBEL * np.log10(np.maximum(power, 1e-30))
    return np.asarray(np.clip(np.round(below), 0, _SILENCE), dtype=np.uint8)
