"""Workers as processes of this machine: a video that kills its worker does not take the others along."""

from __future__ import annotations

import time
from functools import partial
from multiprocessing.connection import Connection

from summdiff._pool import Exited, WorkerProcesses
from summdiff._runtime import usable_cores
from summdiff.archive.job import Work
from summdiff.archive.serving import serve
from summdiff.archive.workers import Died, Event, Finished, Missing, Moved, Ready
from summdiff.errors import SummdiffError

_REPORT_SECONDS = 0.5


class LocalWorkers(WorkerProcesses):
    """See `summdiff.archive.workers.Workers`.

    Args:
        work: what they do.
        count: how many, from 1.
        threads: of each; None shares out the cores that this process may use.
    """

    def __init__(self, work: Work, count: int, *, threads: int | None = None) -> None:
        super().__init__(partial(_serve_all, work), threads=threads or max(1, usable_cores() // count))
        self.count = count

    def wait(self, seconds: float) -> list[Event]:
        return [
            Died(worker, message.how) if isinstance(message, Exited) else message[0](worker, *message[1:])
            for worker, message in self.receive(seconds)
        ]


def _serve_all(work: Work, connection: Connection) -> None:
    """Run in a worker: send each event's type and values."""
    last = 0.0

    def report(stage: str, done: float, total: float) -> None:
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
        connection.send((Finished, serve(work, order, report)))
