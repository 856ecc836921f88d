"""The user's own table: CSV with the header `video,annotator,start,end` and optionally `score`.

Times are in seconds. A line is a part of the video that an annotator chose or, with `score`, its importance; see
`spans.annotated`. Annotators who chose nothing need the JSON format (`nested`), as they have no line here.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from summdiff._untrusted import read_table
from summdiff.data.annotations.record import Span, VideoAnnotations
from summdiff.data.annotations.spans import annotated, make_span
from summdiff.errors import DataError

_COLUMNS = ("video", "annotator", "start", "end")
_HEADER = ",".join(_COLUMNS) + "[,score]"


def read(path: Path) -> dict[str, VideoAnnotations]:
    """Read every video's annotations, in the order of first mention."""
    videos: dict[str, dict[str, list[Span]]] = {}
    with io.StringIO(read_table(path), newline="") as text:
        rows = csv.reader(text)
        try:
            header = [cell.strip().lower() for cell in next(rows, [])]
            # An unknown column may be a misspelled `score`, without which the file has another meaning.
            if set(header) - {"score"} != set(_COLUMNS) or len(set(header)) != len(header):
                raise DataError(f"'{path}', line 1: the header is '{','.join(header)}', expected '{_HEADER}'.")
            for row in rows:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(header):
                    raise DataError(f"'{path}', line {rows.line_num}: {len(row)} cells, expected {len(header)}.")
                cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
                for key in ("video", "annotator"):
                    if not cells[key]:
                        raise DataError(f"'{path}', line {rows.line_num}: no {key}.")
                try:
                    span = make_span(cells["start"], cells["end"], cells.get("score") or None)
                except ValueError as error:
                    raise DataError(f"'{path}', line {rows.line_num}: {error}.") from error
                videos.setdefault(cells["video"], {}).setdefault(cells["annotator"], []).append(span)
        except csv.Error as error:
            raise DataError(f"'{path}', line {rows.line_num}: {error}.") from error
    return annotated(path, videos)
