"""TVSum's `ydata-tvsum50-anno.tsv`: one line per annotator and video, grouped by video.

    <youtube id> \\t <category> \\t <score of the first frame>,<score of the second>,...

Scores are whole numbers from 1 to 5, one per frame.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import read_table
from summdiff.data.annotations.record import VideoAnnotations
from summdiff.errors import DataError

SCORE_RANGE = (1.0, 5.0)


class _Line(NamedTuple):
    number: int
    name: str
    category: str
    scores: NDArray[np.float32]


def read(path: Path) -> dict[str, VideoAnnotations]:
    """Read every video's annotations, in the order of the file."""
    text = read_table(path).split("\n")
    lines = [_parse(path, number, line) for number, line in enumerate(text, 1) if line.strip()]
    if not lines:
        raise DataError(f"'{path}' is empty: expected lines of YouTube id, category and scores.")
    videos: dict[str, VideoAnnotations] = {}
    for name, run in groupby(lines, key=lambda line: line.name):
        rows = list(run)
        first = rows[0]
        if name in videos:
            raise DataError(f"'{path}', line {first.number}: '{name}' occurs again after other videos.")
        for row in rows[1:]:
            if len(row.scores) != len(first.scores):
                raise DataError(
                    f"'{path}', line {row.number}: '{name}' has {len(row.scores)} scores, but the line before "
                    f"has {len(first.scores)}."
                )
        videos[name] = VideoAnnotations(
            name=name,
            n_frames=len(first.scores),
            scores=np.stack([row.scores for row in rows]),
            score_range=SCORE_RANGE,
            category=first.category,
        )
    counts = {name: video.annotators for name, video in videos.items()}
    most = max(counts.values())
    for name, count in counts.items():
        if count != most:  # the last one, if the file was cut off between lines
            raise DataError(f"'{path}': '{name}' has {count} annotators, other videos have {most}.")
    return videos


def _parse(path: Path, number: int, line: str) -> _Line:
    fields = [field.strip().strip('"') for field in line.rstrip("\r\n").split("\t")]
    if len(fields) != 3 or not all(fields):
        raise DataError(f"'{path}', line {number}: expected YouTube id, category and scores, separated by tabs.")
    try:
        scores = np.fromiter(map(int, fields[2].split(",")), dtype=np.float32)
    except ValueError as error:
        raise DataError(f"'{path}', line {number}: the scores are not whole numbers separated by commas.") from error
    if scores.min() < SCORE_RANGE[0] or scores.max() > SCORE_RANGE[1]:
        wrong = scores[(scores < SCORE_RANGE[0]) | (scores > SCORE_RANGE[1])][0]
        raise DataError(f"'{path}', line {number}: '{fields[0]}' has a score of {wrong:g}, not 1 to 5.")
    return _Line(number, fields[0], fields[1], scores)
