"""Summaries as JSON text of the schema `summdiff.summary/1` (docs/summary.schema.json)."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import reprlib
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

from summdiff._untrusted import parse_json, read_text
from summdiff.errors import DataError, reason
from summdiff.summary import MAX_TRANSITION, Alternative, CoarseCut, Interval, Places, Scores, Shot, Summary, VideoInfo
from summdiff.transcript import Sentence, Transcript, Word

SCHEMA = "summdiff.summary/1"
_SURROGATES = re.compile("[\ud800-\udfff]")


def to_json(summary: Summary, *, indent: int | None = 1) -> str:
    """Return a summary as JSON text, with floats rounded to six decimals."""
    document = {
        "schema": SCHEMA,
        "video": asdict(summary.video),
        "model": summary.model,
        "settings": summary.settings,
        "budget": summary.budget,
        "seed": summary.seed,
        "scores": asdict(summary.scores),
        "shots": [
            {**asdict(shot), "selected_duration": math.fsum(part.duration for part in summary.parts_of(shot))}
            for shot in summary.shots
        ],
        "selection": [asdict(part) for part in summary.selection],
        "selected_duration": summary.selected_duration,
        "alternatives": [asdict(alternative) for alternative in summary.alternatives],
        "warnings": list(summary.warnings),
        "timings": summary.timings,
        "places": None if summary.places is None else _places_document(summary.places),
        "transcript": None if summary.transcript is None else transcript_document(summary.transcript),
        "coarse_cuts": {
            name: [getattr(cut, name) for cut in summary.coarse_cuts] for name in CoarseCut.__dataclass_fields__
        },
    }
    document = _rounded(document) | {"budget": summary.budget}  # rounded, it could lose a millisecond of a long film
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    # Bytes of a file name that are not UTF-8 are stored as lone surrogates, which JSON can only hold escaped.
    return _SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def from_json(source: str | os.PathLike[str]) -> Summary:
    """Read a summary from JSON text or from a file.

    Args:
        source: the path of a `.summary.json` file, or the JSON text itself (a string that starts with "{").

    Raises:
        DataError: the file cannot be read, or the text is not a summary of this schema.
    """
    if isinstance(source, str) and source.lstrip().startswith("{"):
        text, name = source, "the JSON text"
    else:
        name = f"'{os.fspath(source)}'"
        try:
            text = read_text(source)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{name} cannot be read as a summary: {reason(error)}.") from error
    try:
        document = parse_json(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise DataError(f"{name} is not valid JSON: {reason(error)}.") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise DataError(f"{name} is not a summary: its schema is {_short(schema)}, expected '{SCHEMA}'.")
    try:
        return _from_document(document)
    except KeyError as error:
        raise DataError(f"{name} is not a valid summary of schema '{SCHEMA}': {error} is missing.") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is not a valid summary of schema '{SCHEMA}': {error}.") from error


def _from_document(document: dict[str, Any]) -> Summary:
    """Build a summary from parsed JSON.

    Raises:
        KeyError, TypeError, ValueError: a value is missing, has another type, or is out of range.
    """
    video, scores = _object(document["video"], "video"), _object(document["scores"], "scores")
    rotation = _integer(video["rotation"], "rotation")
    curves = {key: tuple(_number(x, key) for x in _list(scores[key], key)) for key in ("times", "mean", "std")}
    if len({len(curve) for curve in curves.values()}) > 1:
        raise ValueError("times, mean and std differ in length")
    if rotation not in (0, 90, 180, 270):
        raise ValueError(f"rotation is {rotation}, not 0, 90, 180 or 270")
    summary = Summary(
        video=VideoInfo(
            path=_string(video["path"], "path"),
            duration=_number(video["duration"], "duration", above=0.0),
            fps=_number(video["fps"], "fps", above=0.0),
            width=_integer(video["width"], "width"),
            height=_integer(video["height"], "height"),
            rotation=rotation,
            has_audio=_boolean(video["has_audio"], "has_audio"),
        ),
        model=_object(document["model"], "model"),
        settings=_object(document["settings"], "settings"),
        budget=_number(document["budget"], "budget", above=0.0),
        seed=_integer(document["seed"], "seed"),
        scores=Scores(**curves, blank=_steps(_list(scores.get("blank", []), "blank"), len(curves["times"]))),
        shots=tuple(
            Shot(
                *_ends(shot, "a shot"),
                score=_number(shot["score"], "score"),
                selected=_boolean(shot["selected"], "selected"),
                probability=_number(shot["probability"], "probability"),
            )
            for shot in _list(document["shots"], "shots")
        ),
        selection=_intervals(document["selection"], "selection"),
        alternatives=tuple(
            Alternative(
                selection=_intervals(_object(alternative, "an alternative")["selection"], "selection"),
                shots=tuple(_integer(number, "shots") for number in _list(alternative["shots"], "shots")),
                expected=_number(alternative["expected"], "expected"),
                overlap=_number(alternative["overlap"], "overlap"),
            )
            for alternative in _list(document["alternatives"], "alternatives")
        ),
        warnings=tuple(_string(text, "warnings") for text in _list(document["warnings"], "warnings")),
        timings={key: _number(value, "timings") for key, value in _object(document["timings"], "timings").items()},
    )
    if document.get("places") is not None:
        summary = replace(summary, places=_places(_object(document["places"], "places"), len(curves["times"])))
    if document.get("transcript") is not None:
        summary = replace(summary, transcript=transcript_of(document["transcript"]))
    if document.get("coarse_cuts") is not None:
        summary = replace(summary, coarse_cuts=_coarse_cuts(_object(document["coarse_cuts"], "coarse_cuts")))
    _check_finite({"model": summary.model, "settings": summary.settings})
    if not 0 <= _number(summary.settings.get("transition", 0.0), "transition") <= MAX_TRANSITION:
        raise ValueError(f"transition is {summary.transition:g}, not 0 to {MAX_TRANSITION:g} s")
    if summary.order and sorted(summary.order) != list(range(len(summary.selection))):
        raise ValueError(f"order is {_short(list(summary.order))}, not the positions of {len(summary.selection)} parts")
    return summary


def _places_document(places: Places) -> dict[str, Any]:
    return {**asdict(places), "looks": base64.b64encode(places.looks).decode("ascii")}


def _steps(numbers: list[Any], count: int) -> tuple[int, ...]:
    """Return indices of some of `count` steps, which must ascend."""
    steps = tuple(_integer(number, "blank") for number in numbers)
    if any(not before < step < count for before, step in pairwise((-1, *steps))):
        raise ValueError("blank must be ascending numbers of steps")
    return steps


def _places(document: dict[str, Any], n: int) -> Places:
    """Build the places between and around N steps from parsed JSON; raises as `_from_document`."""
    rows = {
        name: tuple(_number(x, name) for x in _list(document[name], name))
        for name in ("edges", "start_cost", "end_cost")
    }
    looks = base64.b64decode(_string(document["looks"], "looks"), validate=True)
    if any(len(row) != n + 1 for row in rows.values()) or len(looks) % n:
        raise ValueError(f"places do not belong to {n} steps")
    if any(after <= before for before, after in pairwise(rows["edges"])):
        raise ValueError("edges of places do not ascend")
    if min(rows["start_cost"] + rows["end_cost"]) < 0:
        raise ValueError("a cost of places is negative")
    return Places(**rows, looks=looks)


def _coarse_cuts(document: dict[str, Any]) -> tuple[CoarseCut, ...]:
    """Build coarse cuts from parsed JSON; raises as `_from_document`."""
    columns = [[_number(x, name) for x in _list(document[name], name)] for name in CoarseCut.__dataclass_fields__]
    cuts = tuple(CoarseCut(*row) for row in zip(*columns, strict=True))
    if any(not 0 <= cut.after <= cut.at <= cut.until for cut in cuts):
        raise ValueError("a coarse cut lies outside its span")
    if any(later.at <= cut.at for cut, later in pairwise(cuts)):
        raise ValueError("coarse cuts do not ascend")
    return cuts


def transcript_document(transcript: Transcript) -> dict[str, Any]:
    """Return a transcript as it stands in JSON: each sentence with the start and end of each of its words."""
    return {
        "source": transcript.source,
        "language": transcript.language,
        "confidence": transcript.confidence,
        "sentences": [
            {
                "start": sentence.start,
                "end": sentence.end,
                "text": sentence.text,
                "times": [time for word in sentence.words for time in (word.start, word.end)],
                "score": sentence.score,
                "match": sentence.match,
            }
            for sentence in transcript.sentences
        ],
    }


def transcript_of(value: Any) -> Transcript:
    """Build a transcript from parsed JSON.

    Raises:
        KeyError, TypeError, ValueError: a value is missing, has another type, or is out of range.
    """
    document = _object(value, "transcript")
    sentences = []
    for item in _list(document["sentences"], "sentences"):
        sentence = _object(item, "a sentence")
        times = [_number(time, "times") for time in _list(sentence["times"], "times")]
        text = _string(sentence["text"], "text")
        texts = text.split()
        if text != " ".join(texts):
            raise ValueError("the words of a sentence are not separated by single spaces")
        if not texts or len(times) != 2 * len(texts) or min(times) < 0 or any(b < a for a, b in pairwise(times)):
            raise ValueError("the times of a sentence do not belong to its words")
        words = (Word(times[2 * i], times[2 * i + 1], text) for i, text in enumerate(texts))
        sentences.append(
            Sentence(tuple(words), _optional(sentence.get("score"), "score"), _optional(sentence.get("match"), "match"))
        )
    return Transcript(
        source=_string(document["source"], "source"),
        sentences=tuple(sentences),
        language=_string(document["language"], "language"),
        confidence=_optional(document["confidence"], "confidence"),
    )


def _optional(value: Any, name: str) -> float | None:
    return None if value is None else _number(value, name)


def _short(value: Any) -> str:
    return reprlib.repr(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _number(value: Any, name: str, *, above: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {_short(value)}")
    if not (abs(value) < 1e18 and value > above):  # sums of such numbers are still finite
        raise ValueError(f"{name} is {_short(value)}, out of range")
    return float(value)


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError(f"{name} must be an integer from 0 to 2**63 - 1, got {_short(value)}")
    return value


def _boolean(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, got {_short(value)}")
    return value


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {_short(value)}")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list, got {_short(value)}")
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object, got {_short(value)}")
    return value


def _ends(value: Any, name: str) -> tuple[float, float]:
    """Return start and end of an interval of a video."""
    part = _object(value, name)
    start, end = _number(part["start"], "start"), _number(part["end"], "end")
    empty_shot = start == end and name == "a shot"  # shorter than a microsecond before it was rounded
    if not (0 <= start < end or (start >= 0 and empty_shot)):
        raise ValueError(f"{name} goes from {start:g} s to {end:g} s")
    return start, end


def _intervals(value: Any, name: str) -> tuple[Interval, ...]:
    parts = tuple(Interval(*_ends(part, f"a part of {name}")) for part in _list(value, name))
    if not parts:
        raise ValueError(f"{name} is empty")
    return parts


def _check_finite(value: Any) -> None:
    """Raise a ValueError where a number inside is infinite: JSON parses 1e999 as infinity, but cannot write it."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is out of range")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_finite(item)


def _rounded(value: Any) -> Any:
    """Round floats to six decimals: microseconds, and 1e-6 of a score."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
