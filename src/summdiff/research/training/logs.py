"""The log of a training run: `log.csv`, TensorBoard, and callbacks for progress."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tensorboardX import SummaryWriter

from summdiff.atomic import written_whole

LOG = "log.csv"
BOARD = "tensorboard"
LogRow = dict[str, float]


class Callbacks:
    """Training callbacks; the base class ignores every event. Must be picklable for runs in other processes."""

    def with_label(self, label: str) -> Self:
        """Return callbacks for one of several runs."""
        return self

    def message(self, sentence: str) -> None:
        """Show a message to the user."""

    def close(self) -> None:
        """Clean up after the run, however it ended."""

    def on_start(self, done: int, total: int) -> None:
        """Start at step `done` of `total`; `done` is above 0 in a resumed run."""

    def on_step(self, done: int, total: int, loss: float) -> None:
        """Count one more step."""

    def on_epoch(self, row: LogRow) -> None:
        """Finish an epoch; `row` is its row in the log, with validation values if it was validated."""


class Logs:
    """Write a run's log files; a context manager around the loop."""

    def __init__(self, directory: Path, *, epochs_done: int, enabled: bool = True) -> None:
        """Continue the logs after `epochs_done` epochs; TensorBoard drops later rows of an interrupted run.

        Raises:
            OutputError: the folder cannot be written.
        """
        self._path = directory / LOG
        self._board = None
        if enabled:
            purge = {"purge_step": epochs_done} if epochs_done else {}
            # Files are named by the second, and an existing one would be overwritten.
            suffix = f".{os.getpid()}.{epochs_done}"
            self._board = SummaryWriter(str(directory / BOARD), filename_suffix=suffix, **purge)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()

    def write(self, rows: Sequence[LogRow], measured: Mapping[str, float]) -> None:
        """Write all rows; only the last is new. `measured` depends on the machine and goes to TensorBoard only."""
        if self._board is None:
            return
        write_table(self._path, rows)
        row = rows[-1]
        for name, value in {**row, **measured}.items():
            if name != "epoch":
                self._board.add_scalar(name, value, int(row["epoch"]))
        self._board.flush()


def write_table(path: Path, rows: Sequence[LogRow]) -> None:
    """Write rows as CSV; a missing value is an empty cell.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
