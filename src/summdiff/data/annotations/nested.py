"""JSON equivalent of `table`: `{"video": {"annotator": [[start, end], [start, end, score], ...]}}`, in seconds.

An empty list means that the annotator chose nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from summdiff._untrusted import read_json
from summdiff.data.annotations.record import Span, VideoAnnotations
from summdiff.data.annotations.spans import annotated, make_span
from summdiff.errors import DataError, reason

_FORM = '{"video": {"annotator": [[start, end, score], ...]}}'


def read(path: Path) -> dict[str, VideoAnnotations]:
    """Read every video's annotations, in the order of the file."""
    try:
        content = read_json(path, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise DataError(f"'{path}', line {error.lineno}: not JSON ({error.msg}).") from error
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise DataError(f"'{path}' cannot be read as JSON: {reason(error)}.") from error
    except _TwiceError as error:
        raise DataError(f"'{path}': '{error}' occurs twice.") from error
    if not isinstance(content, dict):
        raise DataError(f"'{path}' does not have the form {_FORM}.")
    videos: dict[str, dict[str, list[Span]]] = {}
    for name, annotators in content.items():
        if not isinstance(annotators, dict):
            raise DataError(f"'{path}': '{name}' does not hold annotators; the form is {_FORM}.")
        videos[name] = {
            annotator: _spans(path, name, annotator, intervals) for annotator, intervals in annotators.items()
        }
    return annotated(path, videos)


class _TwiceError(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; refuse a repeated key, of which one value would be lost."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _TwiceError(key)
        result[key] = value
    return result


def _spans(path: Path, name: str, who: str, parts: Any) -> list[Span]:
    if not isinstance(parts, list):
        raise DataError(f"'{path}', '{name}': '{who}' has no list of parts; the form is {_FORM}.")
    spans = []
    for number, part in enumerate(parts, 1):
        if not isinstance(part, list) or not 2 <= len(part) <= 3:
            raise DataError(f"'{path}', '{name}', '{who}': part {number} is not [start, end] or [start, end, score].")
        try:
            spans.append(make_span(part[0], part[1], part[2] if len(part) == 3 else None))
        except ValueError as error:
            raise DataError(f"'{path}', '{name}', '{who}': part {number}: {error}.") from error
    return spans
