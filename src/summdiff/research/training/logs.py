"""What a run says of itself: `log.csv`, TensorBoard, and whoever watches."""

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
Row = dict[str, float]


class Watcher:
    """Is told of a run as it goes; this one does nothing with it. Can be pickled, for runs in other processes."""

    def labelled(self, label: str) -> Self:
        """The same for one of several runs."""
        return self

    def say(self, sentence: str) -> None:
        """Something that has to be known."""

    def close(self) -> None:
        """The run is over, however it ended."""

    def begin(self, done: int, total: int) -> None:
        """`done` of `total` steps lie behind, after a resumption more than none."""

    def step(self, done: int, total: int, loss: float) -> None:
        """One more step is done."""

    def epoch(self, row: Row) -> None:
        """An epoch is done, with a validation or without; `row` is that of the log."""


class Logs:
    """The files of a run's logs. Used as a context manager around the loop."""

    def __init__(self, directory: Path, *, epochs_done: int, enabled: bool = True) -> None:
        """Go on after so many epochs; TensorBoard drops what an interrupted run wrote beyond. Disabled writes nothing.

        Raises:
            OutputError: the folder cannot be written.
        """
        self._path = directory / LOG
        self._board = None
        if enabled:
            purge = {"purge_step": epochs_done} if epochs_done else {}
            # Files are named by the second, and one that is there would be written over.
            own = f".{os.getpid()}.{epochs_done}"
            self._board = SummaryWriter(str(directory / BOARD), filename_suffix=own, **purge)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()

    def write(self, rows: Sequence[Row], measured: Mapping[str, float]) -> None:
        """All rows so far, the last one new; `measured` goes to TensorBoard only, as it differs by machine."""
        if self._board is None:
            return
        write_table(self._path, rows)
        row = rows[-1]
        for name, value in {**row, **measured}.items():
            if name != "epoch":
                self._board.add_scalar(name, value, int(row["epoch"]))
        self._board.flush()


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Rows as CSV; a row without a value has an empty cell.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
