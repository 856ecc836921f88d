"""Speech recognition over the stretches of speech of a video."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from summdiff.audio import LEVEL_SECONDS as _LEVEL_SECONDS
from summdiff.audio import Sound, speech_samples
from summdiff.transcript import Transcript, Word, sentences_of, spread
from summdiff.words.contract import Phrase, SpeechEngine

_JOINED_SECONDS = 0.5  # a shorter pause does not end a stretch
_LONGEST_SECONDS = 12.0  # of a stretch, unless there is no pause in it
_HARD_LIMIT_SECONDS = 20.0  # where there is none, it is divided at the quietest moment
_MARGIN_SECONDS = 0.15  # of sound before and after the speech
_LEAST_CONFIDENCE = 0.65  # stretches below are no words: music, noise, or another language
_LEAST_SHARE = 0.5  # of the speech that must be understood

Spans = list[tuple[float, float]]


def recognize(
    path: str | os.PathLike[str],
    sound: Sound,
    engine: SpeechEngine,
    *,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> Transcript:
    """Recognize the speech of a video.

    Stretches that the engine is not sure of are left out: music, noise, other languages.

    Args:
        path: a local video file.
        sound: what was heard in it.
        engine: the speech recognition.
        on_progress: called with the seconds of the video that are done.

    Returns:
        The transcript. It has no sentences if less than half of the speech was understood; its confidence tells.

    Raises:
        VideoError: the video cannot be read.
    """
    stretches = stretches_of(sound)
    framed = [_with_margin(i, stretches) for i in range(len(stretches))]
    words: list[Word] = []
    heard: list[tuple[float, float]] = []  # seconds of speech and confidence of each stretch
    for spans, frame, samples in zip(stretches, framed, speech_samples(path, framed), strict=True):
        phrase = engine(samples)
        heard.append((sum(end - start for start, end in spans), phrase.confidence if phrase.text else 0.0))
        if phrase.confidence >= _LEAST_CONFIDENCE:
            for word in _timed(phrase, spans, frame):
                start = max(word.start, words[-1].end if words else 0.0)  # an engine's own times may overlap
                words.append(replace(word, start=start, end=max(start, word.end)))
        on_progress(frame[1])
    seconds, confidence = np.array(heard).reshape(-1, 2).T
    total = float(seconds.sum())
    understood = float(seconds[confidence >= _LEAST_CONFIDENCE].sum())
    return Transcript(
        source=engine.id,
        sentences=sentences_of(words) if total and understood >= _LEAST_SHARE * total else (),
        language=engine.language,
        confidence=round(float(seconds @ confidence) / total, 4) if total else None,
    )


def stretches_of(sound: Sound) -> list[Spans]:
    """Group the segments of speech into stretches for an engine: at most 12 s, divided at the longest pauses.

    Returns:
        The segments of each stretch, as start and end in seconds.
    """
    stretches: list[Spans] = []
    for start, end in sound.segments().tolist():
        if stretches and start - stretches[-1][-1][1] <= _JOINED_SECONDS:
            stretches[-1] += _short_enough(sound, start, end)
        else:
            stretches.append(_short_enough(sound, start, end))
    return [part for spans in stretches for part in _divided(spans)]


def _divided(spans: Spans) -> list[Spans]:
    if spans[-1][1] - spans[0][0] <= _LONGEST_SECONDS or len(spans) == 1:
        return [spans]
    middle = (spans[0][0] + spans[-1][1]) / 2
    # The longest pause, but rather one near the middle: both parts should have words around each other.
    reach = (spans[-1][1] - spans[0][0]) / 2
    gaps = [
        (after[0] - before[1]) * (1.2 - abs((before[1] + after[0]) / 2 - middle) / reach)
        for before, after in pairwise(spans)
    ]
    at = int(np.argmax(gaps)) + 1
    return _divided(spans[:at]) + _divided(spans[at:])


def _short_enough(sound: Sound, start: float, end: float) -> Spans:
    """Return a segment, divided at its quietest moments if it is too long for an engine."""
    if end - start <= _HARD_LIMIT_SECONDS:
        return [(start, end)]
    level = sound.decibels()
    smooth = np.convolve(level, np.full(5, 0.2), mode="same")
    first, last = ((np.array([start, end]) - sound.start) / _LEVEL_SECONDS).astype(int)
    third = (last - first) // 3
    quietest = first + third + int(smooth[first + third : last - third].argmin())
    middle = sound.start + quietest * _LEVEL_SECONDS
    return _short_enough(sound, start, middle) + _short_enough(sound, middle, end)


def _with_margin(i: int, stretches: list[Spans]) -> tuple[float, float]:
    """Return start and end of a stretch with some of the pauses around it."""
    start, end = stretches[i][0][0], stretches[i][-1][1]
    before = stretches[i - 1][-1][1] if i else -np.inf
    after = stretches[i + 1][0][0] if i + 1 < len(stretches) else np.inf
    return max(start - _MARGIN_SECONDS, (before + start) / 2), min(end + _MARGIN_SECONDS, (end + after) / 2)


def _timed(phrase: Phrase, spans: Spans, frame: tuple[float, float]) -> tuple[Word, ...]:
    """Return the words of a phrase in seconds of the video."""
    if phrase.words:
        return tuple(
            replace(word, start=round(word.start + frame[0], 3), end=round(word.end + frame[0], 3))
            for word in phrase.words
        )
    return spread(phrase.text.split(), spans)
