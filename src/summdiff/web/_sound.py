"""The waveform of a stretch of a video, and the segments in which somebody speaks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from pydantic import BaseModel, Field

from summdiff.audio import Sound
from summdiff.audio.sound import FRAME_SECONDS, LEVELS_PER_FRAME
from summdiff.web._edits import Span

_LEVEL_SECONDS = FRAME_SECONDS / LEVELS_PER_FRAME
_QUIETEST_DECIBELS = -54.0  # drawn as 0


class SoundView(BaseModel):
    """Loudness and speech of a stretch of a video."""

    levels: list[int] = Field(description="loudest moment of each of equal stretches, 0 to 100; empty without sound")
    speech: list[Span] = Field(description="segments of speech")


def view_sound(sound: Sound | None, start: float, end: float, count: int) -> SoundView:
    """Describe the sound in [start, end) seconds with at most `count` levels."""
    if sound is None or not len(sound.speech) or end <= start:
        return SoundView(levels=[], speech=[])
    decibels = sound.decibels()
    count = max(1, min(count, round((end - start) / _LEVEL_SECONDS)))
    edges = np.floor((np.linspace(start, end, count + 1) - sound.start) / _LEVEL_SECONDS).astype(int)
    edges = edges.clip(0, len(decibels))
    loudest = [decibels[a : max(b, a + 1)].max(initial=-np.inf) for a, b in pairwise(edges)]
    levels = np.clip(100 * (1 - np.array(loudest) / _QUIETEST_DECIBELS), 0, 100)
    speech = [(float(a), float(b)) for a, b in sound.segments() if b > start and a < end]
    return SoundView(levels=[round(level) for level in levels], speech=speech)
