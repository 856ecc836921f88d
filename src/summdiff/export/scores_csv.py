"""Importance over time as a table: one row a step."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write time (seconds of the source), mean and standard deviation over samples of each step."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["time", "mean", "std"])
        scores = summary.scores
        for row in zip(scores.times, scores.mean, scores.std, strict=True):
            table.writerow([f"{value:.6f}" for value in row])
