"""Annotations from spans of seconds, for the formats that count in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from summdiff.data.annotations.record import Span, VideoAnnotations
from summdiff.errors import DataError

_TOUCHING = 1e-6  # seconds


def make_span(start: object, end: object, score: object) -> Span:
    """Make a span from the values in a file; `score` may be None.

    Raises:
        ValueError: a value is wrong; the message continues a sentence that names the place.
    """
    times = []
    for key, value in (("start", start), ("end", end)):
        times.append(_number(key, value))
    if not 0 <= times[0] < times[1]:
        raise ValueError(f"the part must have 0 <= start < end, got {times[0]:g} to {times[1]:g} s")
    return Span(times[0], times[1], None if score is None else _number("score", score))


def annotated(path: Path, videos: Mapping[str, Mapping[str, list[Span]]]) -> dict[str, VideoAnnotations]:
    """Make annotations from spans by video and annotator.

    Without scores, or if all are 1, the spans are summaries. Otherwise they are importance scores, in the range from
    the lowest to the highest score of the file.

    Raises:
        DataError: no video, scores for some parts only, equal scores everywhere, or overlapping scored parts.
    """
    if not videos:
        raise DataError(f"'{path}' has no annotated video.")
    scores = {span.score for annotators in videos.values() for spans in annotators.values() for span in spans}
    score_range: tuple[float, float] | None = None
    if scores - {None, 1.0}:
        known_scores = [score for score in scores if score is not None]
        if len(known_scores) < len(scores):
            raise DataError(f"'{path}': only some parts have a score: give all parts one, or none.")
        score_range = (min(known_scores), max(known_scores))
        if len(known_scores) == 1:
            raise DataError(f"'{path}': every part has the score {known_scores[0]:g}: leave the scores out.")
    result = {}
    for name, annotators in videos.items():
        if not annotators:
            raise DataError(f"'{path}': '{name}' has no annotator.")
        ordered = {
            annotator: tuple(sorted(spans)) if score_range else _plain(spans) for annotator, spans in annotators.items()
        }
        if score_range:
            for annotator, spans in ordered.items():
                for a, b in pairwise(spans):
                    if b.start < a.end - _TOUCHING:
                        raise DataError(
                            f"'{path}': '{annotator}' scores overlapping parts of '{name}', {a.start:g} to {a.end:g} s "
                            f"and {b.start:g} to {b.end:g} s."
                        )
        result[name] = VideoAnnotations(name=name, spans=ordered, score_range=score_range)
    return result


def _plain(spans: list[Span]) -> tuple[Span, ...]:
    return tuple(sorted(Span(span.start, span.end) for span in spans))


def _number(key: str, value: object) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):  # a whole number in JSON may have hundreds of digits
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"the {key} is {value!r}, not a number")
