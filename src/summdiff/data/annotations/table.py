"""A table of one's own: CSV with a header `video,annotator,start,end` and, where importance was given, `score`.

Times are in seconds. A line says that an annotator would keep that part of the video or, with `score`, how important it
is; see `spans.annotated`. An annotator who chose nothing in a video has no line, so JSON must be used to say so.
"""

from __future__ import annotations

import csv
from pathlib import Path

from summdiff.data.annotations.record import Span, VideoAnnotations
from summdiff.data.annotations.spans import annotated, checked
from summdiff.errors import DataError

_COLUMNS = ("video", "annotator", "start", "end")
_HEADER = ",".join(_COLUMNS) + "[,score]"


def read(path: Path) -> dict[str, VideoAnnotations]:
    """Every video's annotations in the order of first mention."""
    videos: dict[str, dict[str, list[Span]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        try:
            header = [cell.strip().lower() for cell in next(rows, [])]
            # A column that is not known may be a misspelt one, and without its scores a file means something else.
            if set(header) - {"score"} != set(_COLUMNS) or len(set(header)) != len(header):
                raise DataError(f"'{path}', line 1: the header is '{','.join(header)}', expected '{_HEADER}'.")
            for row in rows:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(header):
                    raise DataError(
                        f"'{path}', line {rows.line_num}: {len(row)} cells where {len(header)} are expected."
                    )
                cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
                for key in ("video", "annotator"):
                    if not cells[key]:
                        raise DataError(f"'{path}', line {rows.line_num}: there is no {key}.")
                try:
                    span = checked(cells["start"], cells["end"], cells.get("score") or None)
                except ValueError as error:
                    raise DataError(f"'{path}', line {rows.line_num}: {error}.") from error
                videos.setdefault(cells["video"], {}).setdefault(cells["annotator"], []).append(span)
        except csv.Error as error:
            raise DataError(f"'{path}', line {rows.line_num}: {error}.") from error
    return annotated(path, videos)
