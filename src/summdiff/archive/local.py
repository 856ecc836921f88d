"""Workers as processes of this machine, each with its share of the threads.

Processes and not threads, since one that a video kills must not take the others along; spawned and not forked, since a
forked PyTorch may hang on locks of threads that the child does not have.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from summdiff._runtime import limit_threads, usable_cores
from summdiff.archive.job import Work
from summdiff.archive.serving import Order, Outcome, serve
from summdiff.archive.workers import Died, Event, Finished, Missing, Moved, Ready
from summdiff.errors import SummdiffError

_REPORT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Process:
    process: Any  # a SpawnProcess
    connection: Connection


class LocalWorkers:
    """See `summdiff.archive.workers.Workers`.

    Args:
        work: what they do.
        count: how many, from 1.
        threads: of each; None shares out the cores that this process may use.
    """

    def __init__(self, work: Work, count: int, *, threads: int | None = None) -> None:
        self.count = count
        self._work = work
        self._threads = threads or max(1, usable_cores() // count)
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[int, _Process] = {}
        self._next = 0

    def start(self) -> int:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve_all, args=(theirs, self._work, self._threads), name="summdiff-worker", daemon=True
        )
        process.start()
        theirs.close()  # so that the end of the process is the end of what can be read
        worker, self._next = self._next, self._next + 1
        self._running[worker] = _Process(process, ours)
        return worker

    def give(self, worker: int, order: Order) -> None:
        with suppress(OSError):  # it died meanwhile, which `wait` will say
            self._running[worker].connection.send(order)

    def wait(self, seconds: float) -> list[Event]:
        heard: dict[Any, int] = {each.connection: worker for worker, each in self._running.items()}
        events: list[Event] = []
        for connection in wait(list(heard), timeout=seconds):
            worker = heard[connection]
            events += self._read(worker, self._running[worker].connection)
        return events

    def stop(self, worker: int) -> None:
        each = self._running.pop(worker)
        each.process.kill()
        each.process.join()
        each.connection.close()

    def close(self) -> None:
        for each in self._running.values():
            each.process.kill()
        for worker in list(self._running):
            self.stop(worker)

    def pids(self) -> list[int]:
        """Process ids of those that run."""
        return [each.process.pid for each in self._running.values()]

    def _read(self, worker: int, connection: Connection) -> list[Event]:
        events: list[Event] = []
        try:
            while connection.poll():
                what, *rest = connection.recv()
                events.append(_EVENTS[what](worker, *rest))
        except (EOFError, OSError):
            each = self._running.pop(worker)
            each.process.join()
            each.connection.close()
            events.append(Died(worker, _how(each.process.exitcode)))
        return events


_EVENTS: dict[str, Any] = {"ready": Ready, "moved": Moved, "finished": Finished, "missing": Missing}


def _how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def _serve_all(connection: Connection, work: Work, threads: int) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the parent sees to it
    limit_threads(threads)
    threading.Thread(target=_die_with_the_parent, name="summdiff-parent", daemon=True).start()
    last = 0.0

    def report(stage: str, done: float, total: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_SECONDS or not last:
            last = now
            connection.send(("moved", stage, done, total))

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has gone
        try:
            work.load()
        except SummdiffError as error:
            connection.send(("missing", str(error)))
            return
        connection.send(("ready",))
        while True:
            order = connection.recv()
            last = 0.0
            outcome: Outcome = serve(work, order, report)
            connection.send(("finished", outcome))


def _die_with_the_parent() -> None:
    """A worker whose parent was killed would write beside the run that is started next."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
