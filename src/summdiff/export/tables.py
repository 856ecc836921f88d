"""Shots and scores as tables.

They are two files: a row of one is a shot, a row of the other a step.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.summary import Summary


def write_shots(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write one row per shot; times are seconds of the source.

    `kept` is the number of seconds of the shot that are in the summary: less than `duration` if only a part is chosen.
    """
    rows = []
    for number, shot in enumerate(summary.shots, start=1):
        kept = math.fsum(part.duration for part in summary.parts_of(shot))
        values = (shot.start, shot.end, shot.duration, shot.score, shot.probability)
        rows.append([number, *(f"{value:.6f}" for value in values), int(shot.selected), f"{kept:.6f}"])
    _write_csv(path, ["shot", "start", "end", "duration", "score", "probability", "selected", "kept"], rows)


def write_scores(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write one row per step: its time in seconds of the source, mean importance and standard deviation."""
    scores = summary.scores
    steps = zip(scores.times, scores.mean, scores.std, strict=True)
    _write_csv(path, ["time", "mean", "std"], ([f"{value:.6f}" for value in step] for step in steps))


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    write_file(path, text.getvalue())


FORMATS = (
    Format(
        "csv",
        {"shots.csv": write_shots, "scores.csv": write_scores},
        "one row per shot; one row per step",
        opens_in="spreadsheets",
    ),
)
