"""Predictions in NumPy's formats and as tables: arrays by video, unchecked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from summdiff._untrusted import Budget, parse_json, read_arrays, read_table
from summdiff.errors import DataError, reason


def read_npy(file: Path, budget: Budget) -> NDArray[Any]:
    """Read the array of a NumPy file within a budget.

    Raises:
        DataError: it is damaged, too large, or holds objects.
    """
    try:
        return read_arrays(file, budget)[""]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"'{file}' cannot be read as NumPy array: {reason(error)}.") from error


def read_npz(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the metadata, JSON text under `about`, and the arrays of a NumPy archive.

    Raises:
        DataError: it is damaged, too large, or holds objects.
    """
    try:
        raw: dict[str, Any] = read_arrays(file)
        about = parse_json(str(raw.pop("about", "{}")))
    except (OSError, ValueError) as error:
        raise DataError(f"'{file}' cannot be read as NumPy archive: {reason(error)}.") from error
    return about if isinstance(about, dict) else {}, raw


def read_csv(file: Path, keys: Sequence[str]) -> dict[str, list[float]]:
    """Read a table with a row per score or a row per video.

    Args:
        file: the file.
        keys: headings of the column of scores, beside `video`; the first one that the file has counts. Without such
            a header each row is a video's name and its scores.

    Raises:
        DataError: a row does not have this form.
    """
    try:
        with io.StringIO(read_table(file), newline="") as content:
            rows = csv.reader(content)
            try:
                return _scores(rows, keys)
            except (ValueError, IndexError, csv.Error) as error:
                raise DataError(
                    f"'{file}', line {rows.line_num}: {error}; needed are columns `video` and `score`, or a row per "
                    "video, its name and its scores."
                ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"'{file}' cannot be read: {reason(error)}.") from error


def _scores(rows: Iterator[list[str]], keys: Sequence[str]) -> dict[str, list[float]]:
    first = next(rows, [])
    columns = [cell.strip().lower() for cell in first]
    column = next((columns.index(key) for key in keys if key in columns), None)
    scores: dict[str, list[float]] = {}
    if column is not None and "video" in columns:
        video = columns.index("video")
        for row in filter(None, rows):
            scores.setdefault(row[video].strip(), []).append(float(row[column]))
        return scores
    while first or (first := next(rows, [])):
        name = first[0].strip()
        _check_new(name, scores)
        scores[name] = [float(cell) for cell in first[1:] if cell.strip()]
        first = []
    return scores


def _check_new(name: str, scores: dict[str, list[float]]) -> None:
    if name in scores:
        raise ValueError(f"'{name}' has a row already")
