"""The interface of workers, and the workers of this machine."""

from __future__ import annotations

import errno
import time
import traceback
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Literal, Protocol

from summdiff._pool import Exited, WorkerProcesses
from summdiff._runtime import usable_cores
from summdiff.archive.jobs import JobOutcome, OnProgress, Order, Work
from summdiff.archive.manifest import write_receipt
from summdiff.errors import SummdiffError

_REPORT_SECONDS = 0.5
# Not caused by the video: all later ones would fail too.
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded its models."""

    worker: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Progress of a worker's video, `done` of `total` in a stage; seconds of video while looking and cutting."""

    worker: int
    stage: str
    done: float
    total: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker has finished its video, successfully or not."""

    worker: int
    outcome: JobOutcome


@dataclass(frozen=True, slots=True)
class Died:
    """A worker exited unexpectedly; `how` completes "The worker …"."""

    worker: int
    how: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A worker cannot load its models."""

    worker: int
    error: str


WorkerEvent = Ready | Moved | Finished | Died | Missing


class Workers(Protocol):
    """Workers that are started, sent one video at a time, and killed at any time.

    Attributes:
        count: most workers at a time.
    """

    @property
    def count(self) -> int: ...

    def start(self) -> int:
        """Start a worker and return its number, which is never used again."""

    def send(self, worker: int, order: Order) -> None:
        """Send a video to a worker that is `Ready` or has `Finished`."""

    def wait(self, seconds: float) -> list[WorkerEvent]:
        """Return events; wait at most `seconds` for the first."""

    def kill(self, worker: int) -> None:
        """Kill a worker; afterwards it sends no events and writes nothing."""

    def kill_all(self) -> None:
        """Kill all workers."""


class ThisProcess:
    """A single worker that is this process.

    An unexpected error is raised. A full disk fails one video only: the next may be smaller, and without a manifest
    the same command would not continue.

    Args:
        work: the work on each video.
        on_progress: receives the progress of the current video.
    """

    count = 1

    def __init__(self, work: Work, on_progress: OnProgress) -> None:
        self._work, self._on_progress = work, on_progress
        self._order: Order | None = None

    def start(self) -> int:
        self._work.load()
        return 0

    def send(self, worker: int, order: Order) -> None:
        self._order = order

    def wait(self, seconds: float) -> list[WorkerEvent]:
        if self._order is None:
            return [Ready(0)]
        order, self._order = self._order, None
        try:
            record = self._work(order.job, replace=order.replace, on_progress=self._on_progress)
        except SummdiffError as error:
            return [Finished(0, JobOutcome("video", error=str(error)))]
        return [Finished(0, JobOutcome("done", record=record))]

    def kill(self, worker: int) -> None:
        raise NotImplementedError("this process has no time limit")

    def kill_all(self) -> None:
        pass


class LocalWorkers(WorkerProcesses):
    """Processes of this machine: a video that kills its worker does not stop the others. See `Workers`.

    Args:
        work: the work on each video.
        count: number of workers, from 1.
        threads: threads per worker; None for an equal share of the cores that this process may use.
    """

    def __init__(self, work: Work, count: int, *, threads: int | None = None) -> None:
        super().__init__(partial(_serve, work), threads=threads or max(1, usable_cores() // count))
        self.count = count

    def send(self, worker: int, order: Order) -> None:
        super().send(worker, order.absolute())

    def wait(self, seconds: float) -> list[WorkerEvent]:
        return [
            Died(worker, message.how) if isinstance(message, Exited) else message[0](worker, *message[1:])
            for worker, message in self.receive(seconds)
        ]


def _serve(work: Work, connection: Connection) -> None:
    """Process one video after the other in a worker; send each event's class and values."""
    last = 0.0

    def on_progress(stage: str, done: float, total: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_SECONDS or not last:
            last = now
            connection.send((Moved, stage, done, total))

    try:
        work.load()
    except SummdiffError as error:
        connection.send((Missing, str(error)))
        return
    connection.send((Ready,))
    while True:
        order = connection.recv()
        last = 0.0
        connection.send((Finished, process_video(work, order, on_progress)))


def process_video(work: Work, order: Order, on_progress: OnProgress) -> JobOutcome:
    """Process one video and return the outcome, also after an error."""
    try:
        record = work(order.job, replace=order.replace, on_progress=on_progress)
        if order.receipts is not None:
            write_receipt(order.receipts, order.job, order.version, record)
    except SummdiffError as error:
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK_FULL
        return JobOutcome("stop" if full else "video", error=str(error))
    except OSError as error:
        kind: Literal["stop", "bug"] = "stop" if error.errno in _DISK_FULL else "bug"
        return JobOutcome(kind, error=_describe(error), trace=traceback.format_exc())
    except Exception as error:  # from a decoder or a library: the next video may well work
        return JobOutcome("bug", error=_describe(error), trace=traceback.format_exc())
    return JobOutcome("done", record=record)


def _describe(error: Exception) -> str:
    return f"Unexpected error ({type(error).__name__}: {error})."
