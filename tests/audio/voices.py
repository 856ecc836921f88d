"""A made voice that the voice activity detector takes for speech: vowels in a row, by formant synthesis."""

import numpy as np
from scipy.signal import lfilter

RATE = 16_000
FORMANTS = np.array([(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)])
BANDWIDTHS = (80, 100, 140)
PITCH, SYLLABLES = 180.0, 6.0  # per second


def phrase(seconds):
    """Return a phrase (S,) float32 at 16 kHz: six vowels per second, with a voice of 180 Hz."""
    rng, n, block = np.random.default_rng(1), round(seconds * RATE), RATE // 100
    time = np.arange(n) / RATE
    periods = np.cumsum(PITCH * np.exp(0.15 * np.sin(2 * np.pi * 0.6 * time + 1))) / RATE
    source = lfilter([1], [1, -0.9], np.diff(periods % 1, prepend=0) < -0.5) + 0.003 * rng.normal(size=n)
    vowels = FORMANTS[rng.integers(0, len(FORMANTS), int(seconds * SYLLABLES) + 2)]
    voice = np.zeros(n)
    for formant, bandwidth in enumerate(BANDWIDTHS):
        state = np.zeros(2)
        for start in range(0, n, block):
            at = np.interp(start / RATE * SYLLABLES, np.arange(len(vowels)), vowels[:, formant])
            r = np.exp(-np.pi * bandwidth / RATE)
            filtered, state = lfilter(
                [1 - r], [1, -2 * r * np.cos(2 * np.pi * at / RATE), r * r], source[start : start + block], zi=state
            )
            voice[start : start + block] += filtered
    voice *= np.clip(np.abs(np.sin(np.pi * SYLLABLES * time)), 0.4, 1)
    return (0.4 * voice / np.abs(voice).max()).astype(np.float32)


def speech(phrases, seconds):
    """Return a track of `seconds` with phrases from start to end, given as (start, end) in seconds; else silence."""
    track = np.zeros(round(seconds * RATE), dtype=np.float32)
    longest = phrase(max(end - start for start, end in phrases))
    for start, end in phrases:
        first, last = round(start * RATE), round(end * RATE)
        track[first:last] = longest[: last - first]
    return track
