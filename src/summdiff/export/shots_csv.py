"""All shots as a table: one row a shot, for spreadsheets and scripts.

Scores and shots are two tables in two files, since a row of the one is a step and a row of the other a shot: in one
file, either would have to repeat the other, and no spreadsheet could sum a column of it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write a row a shot: number, times, score, probability, whether it was chosen, and seconds that are kept.

    A shot may be chosen in part only, so `kept` can be less than `duration`. All times are seconds of the source.
    """
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["shot", "start", "end", "duration", "score", "probability", "selected", "kept"])
        for number, shot in enumerate(summary.shots, start=1):
            kept = math.fsum(
                max(0.0, min(part.end, shot.end) - max(part.start, shot.start)) for part in summary.selection
            )
            table.writerow(
                [
                    number,
                    *(f"{seconds:.6f}" for seconds in (shot.start, shot.end, shot.duration)),
                    f"{shot.score:.6f}",
                    f"{shot.probability:.6f}",
                    int(shot.selected),
                    f"{kept:.6f}",
                ]
            )
