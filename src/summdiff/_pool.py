"""Worker processes: spawned, connected by a pipe, and gone when the process that started them is gone.

`WorkerProcesses` starts, hears and kills single workers; `TaskPool` runs one function on many values with them.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Self, TypeVar

from summdiff._runtime import limit_threads
from summdiff.errors import SummdiffError, WorkerError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Exited:
    """A worker exited unexpectedly.

    Attributes:
        how: completes "The worker …", for instance "was killed by SIGKILL".
    """

    how: str


class WorkerProcesses:
    """Processes that each run `main(connection)` until the other end of the connection is closed.

    They are spawned: a forked child would wait for locks that threads of its parent hold. They ignore Ctrl+C, which a
    terminal sends to all its processes, so that the parent decides what happens to them.

    Args:
        main: what a worker runs; pickled.
        threads: threads of each worker; None for as many as it takes.
        nested: whether workers may start processes of their own. Python then waits for them when it exits.

    Attributes:
        terminated: whether `terminate` was called.
    """

    def __init__(self, main: Callable[[Connection], None], *, threads: int | None = None, nested: bool = False) -> None:
        self._main, self._threads, self._nested = main, threads, nested
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[int, tuple[Any, Connection]] = {}
        self._next = 0
        self.terminated = False

    def start(self) -> int:
        """Start a worker and return its number, which is never used again."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_run_worker, args=(theirs, self._threads), name="summdiff-worker", daemon=not self._nested
        )
        process.start()
        theirs.close()  # the worker holds the only other end: its exit ends what can be read here
        worker, self._next = self._next, self._next + 1
        self._running[worker] = (process, ours)
        with suppress(OSError):
            ours.send(self._main)
        return worker

    def send(self, worker: int, message: Any) -> None:
        """Send a worker a message. One that has exited is reported by `receive`."""
        with suppress(OSError):
            self._running[worker][1].send(message)

    def receive(self, seconds: float | None = None) -> list[tuple[int, Any]]:
        """Wait for messages, at most so many seconds, and return each with the number of its worker.

        The last message of a worker that exits by itself is `Exited`.
        """
        workers: dict[Any, int] = {connection: worker for worker, (_, connection) in self._running.items()}
        messages: list[tuple[int, Any]] = []
        for connection in wait(list(workers), timeout=seconds):
            worker = workers[connection]
            try:
                while self._running[worker][1].poll():
                    messages.append((worker, self._running[worker][1].recv()))
            except (EOFError, OSError):
                messages.append((worker, Exited(_describe_exit(self._join(worker)))))
        return messages

    def terminate(self) -> None:
        """Send each worker one SIGTERM, on which a training run saves its state; further calls do nothing."""
        if not self.terminated:
            self.terminated = True
            for process, _ in self._running.values():
                process.terminate()

    def kill(self, worker: int) -> None:
        """Kill a worker; when this returns it writes no more."""
        self._running[worker][0].kill()
        self._join(worker)

    def kill_all(self) -> None:
        """Kill all workers."""
        for process, _ in self._running.values():
            process.kill()
        self.join_all()

    def join_all(self) -> None:
        """Close the connections, on which idle workers exit, and wait until all workers have exited."""
        for _, connection in self._running.values():
            connection.close()
        for worker in list(self._running):
            self._join(worker)

    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [process.pid for process, _ in self._running.values()]

    def _join(self, worker: int) -> int:
        """Wait for a worker's exit; its exit code."""
        process, connection = self._running.pop(worker)
        process.join()
        connection.close()
        return int(process.exitcode)


class TaskPool(Generic[_Task, _Result]):
    """Runs one function on many values in worker processes, while it is entered.

    Leaving it terminates workers that are still busy and waits for them.

    Args:
        function: called in a worker with each value; it, the values and the results are pickled.
        processes: most workers at a time.
        threads, nested: see `WorkerProcesses`.
    """

    def __init__(
        self,
        function: Callable[[_Task], _Result],
        processes: int,
        *,
        threads: int | None = None,
        nested: bool = False,
    ) -> None:
        self._workers = WorkerProcesses(partial(_run_tasks, function), threads=threads, nested=nested)
        self._processes = processes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.terminate()
        self._workers.join_all()

    def terminate(self) -> None:
        """Start no further task, and see `WorkerProcesses.terminate`."""
        self._workers.terminate()

    def run(
        self,
        tasks: Sequence[_Task],
        on_start: Callable[[Sequence[int], int], None] = lambda running, waiting: None,
    ) -> Iterator[tuple[int, _Result]]:
        """Yield the index and the result of each task as they finish.

        Args:
            tasks: the values.
            on_start: called with the indices of the running tasks and the number of waiting ones, whenever they change.

        Raises:
            WorkerError: a worker exited unexpectedly, or `terminate` was called before the last task began.
            Exception: whatever the function raises.
        """
        waiting = deque(range(len(tasks)))
        running: dict[int, int] = {}
        idle: list[int] = []
        while waiting or running:
            if self._workers.terminated and not running:
                raise WorkerError(f"The workers were stopped with {len(waiting)} tasks to go.")
            while waiting and len(running) < self._processes and not self._workers.terminated:
                worker = idle.pop() if idle else self._workers.start()
                running[worker] = waiting.popleft()
                self._workers.send(worker, tasks[running[worker]])
            on_start(list(running.values()), len(waiting))
            for worker, message in self._workers.receive():
                if isinstance(message, Exited):
                    if worker in idle:
                        idle.remove(worker)
                        continue
                    raise WorkerError(f"Worker process {worker + 1} {message.how}; is there enough memory?")
                result, error = message
                if error is not None:
                    raise error
                idle.append(worker)
                yield running.pop(worker), result


def _run_worker(connection: Connection, threads: int | None) -> None:
    """Run in a worker from its start to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if threads is not None:
        limit_threads(threads)
    threading.Thread(target=_exit_with_parent, name="summdiff-parent", daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has closed the connection
        main = connection.recv()  # unpickling it imports modules, which look at the number of threads
        main(connection)


def _exit_with_parent() -> None:
    """Exit when the parent has been killed: the next run must not find workers that still write."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _run_tasks(function: Callable[[Any], Any], connection: Connection) -> None:
    """Answer each task with its result and None, or None and the exception."""
    while True:
        task = connection.recv()
        answer: tuple[Any, Exception | None]
        try:
            answer = function(task), None
        except Exception as error:
            answer = None, _picklable(error)
        connection.send(answer)


def _picklable(error: Exception) -> Exception:
    """Return the exception, or its text if it cannot be pickled and rebuilt; a bug carries the worker's traceback."""
    try:
        rebuilt = copy.copy(error)  # by the same calls as unpickling
        pickle.dumps(rebuilt)
    except Exception:
        rebuilt = RuntimeError(f"{type(error).__name__}: {error}")
    if not isinstance(error, SummdiffError):
        rebuilt.add_note("".join(traceback.format_exception(error)))
    return rebuilt


def _describe_exit(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"
