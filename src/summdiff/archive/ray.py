"""Workers as actors of a Ray cluster.

This uses Ray core, not Ray Data, which has no time limit per row, retries a row that kills its actor for ever or fails
the whole job, and reports finished rows only at the end. Here a video takes minutes, may kill its worker, and needs its
own outcome. An actor offers that: one call per video, an error when the actor dies, and no hidden retries. All other
code is shared with the workers of one machine.

Every node must have summdiff and see the videos and the results under the same paths.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from summdiff._runtime import limit_threads
from summdiff.archive.jobs import JobOutcome, Order, Work
from summdiff.archive.workers import Died, Finished, Missing, Moved, Ready, WorkerEvent, process_video
from summdiff.errors import ArchiveError, SummdiffError, UsageError

_ASK_SECONDS = 2.0  # between two questions for progress
_BUSY_SECONDS = 0.05
_CONNECT_SECONDS = 10.0


class _Actor:
    """A worker on the cluster. One of its two threads processes a video, the other one reports progress."""

    def __init__(self, work: Work, threads: int) -> None:
        limit_threads(threads)
        self._work = work
        self._moved: tuple[str, float, float] = ("", 0.0, 0.0)

    def load(self) -> str:
        """Load models; return the error message, "" without error."""
        try:
            self._work.load()
        except SummdiffError as error:
            return str(error)
        return ""

    def do(self, order: Order) -> JobOutcome:
        """Process one video."""
        self._moved = ("", 0.0, 0.0)
        return process_video(self._work, order, self._report)

    def moved(self) -> tuple[str, float, float]:
        """Return stage, done and total of the current video."""
        return self._moved

    def pid(self) -> int:
        """Return the process id."""
        return os.getpid()

    def _report(self, stage: str, done: float, total: float) -> None:
        self._moved = (stage, done, total)


@dataclass(slots=True)
class _Handle:
    """An actor and its pending calls."""

    actor: Any
    call: Any  # reference of `load` or `do`; None while idle
    loading: bool = True
    asked: Any = None  # reference of `moved`
    last_asked: float = 0.0


class RayWorkers:
    """See `summdiff.archive.workers.Workers`.

    Args:
        work: the work on each video.
        count: number of workers; None for one per CPU of the cluster.
        threads: threads of each, and CPUs that the cluster reserves for it.

    Raises:
        UsageError: Ray is not installed.
        ArchiveError: no cluster can be reached.
    """

    def __init__(self, work: Work, count: int | None, *, threads: int = 1) -> None:
        try:
            ray: Any = import_module("ray")  # untyped, so that mypy finds the same without it
        except ImportError as error:
            raise UsageError("--engine ray needs Ray: install it with pip install 'summdiff[ray]'.") from error
        self._ray = ray
        if not ray.is_initialized():
            _join(ray, os.environ.get("RAY_ADDRESS") or "auto")
        self.count = count or max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        self._work, self._threads = work, threads
        # No restarts or retries: the runner handles the death of an actor. Spread over the nodes, so that all disks and
        # networks are used.
        self._class = ray.remote(
            num_cpus=threads, max_restarts=0, max_task_retries=0, max_concurrency=2, scheduling_strategy="SPREAD"
        )(_Actor)
        self._running: dict[int, _Handle] = {}
        self._next = 0

    def start(self) -> int:
        actor = self._class.remote(self._work, self._threads)
        worker, self._next = self._next, self._next + 1
        self._running[worker] = _Handle(actor, actor.load.remote())
        return worker

    def send(self, worker: int, order: Order) -> None:
        handle = self._running[worker]
        handle.call = handle.actor.do.remote(order.absolute())

    def wait(self, seconds: float) -> list[WorkerEvent]:
        until = time.monotonic() + seconds
        while True:
            self._ask()
            calls = {handle.call: worker for worker, handle in self._running.items() if handle.call is not None}
            progress_calls = {
                handle.asked: worker for worker, handle in self._running.items() if handle.asked is not None
            }
            pending = [*calls, *progress_calls]
            timeout = max(0.0, until - time.monotonic())
            if not pending:
                time.sleep(min(timeout, _BUSY_SECONDS))
                return []
            ready, _ = self._ray.wait(pending, num_returns=1, timeout=timeout)
            if ready:  # take all that are ready
                ready, _ = self._ray.wait(pending, num_returns=len(pending), timeout=0)
            events: list[WorkerEvent] = []
            for reference in ready:
                worker = calls.get(reference, progress_calls.get(reference, -1))
                if worker in self._running:
                    events += self._heard(worker, self._running[worker], reference)
            if events or time.monotonic() >= until:
                return events

    def kill(self, worker: int) -> None:
        handle = self._running.pop(worker)
        self._ray.kill(handle.actor)
        if handle.call is not None:  # `kill` returns before the actor is gone; its call ends with it
            self._ray.wait([handle.call], timeout=10)

    def kill_all(self) -> None:
        for handle in self._running.values():
            self._ray.kill(handle.actor)
        for handle in self._running.values():
            if handle.call is not None:
                self._ray.wait([handle.call], timeout=10)
        self._running.clear()

    def pids(self) -> list[int]:
        """Return the process ids of the actors, on any node."""
        return list(self._ray.get([handle.actor.pid.remote() for handle in self._running.values()]))

    def _ask(self) -> None:
        now = time.monotonic()
        for handle in self._running.values():
            busy = handle.call is not None and not handle.loading and handle.asked is None
            if busy and now - handle.last_asked >= _ASK_SECONDS:
                handle.asked, handle.last_asked = handle.actor.moved.remote(), now

    def _heard(self, worker: int, each: _Handle, reference: Any) -> list[WorkerEvent]:
        """Turn an answer into events."""
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            del self._running[worker]
            return [Died(worker, _how(error))]
        except self._ray.exceptions.RayError as error:  # for instance a result that was lost with its node
            self._ray.kill(each.actor)
            del self._running[worker]
            return [Died(worker, _how(error))]
        if reference == each.asked:
            each.asked = None
            return [Moved(worker, *answer)] if answer[0] else []
        each.call = None
        if each.loading:
            each.loading = False
            return [Missing(worker, answer)] if answer else [Ready(worker)]
        return [Finished(worker, answer)]


def _join(ray: Any, address: str) -> None:
    """Connect to a cluster.

    Raises:
        ArchiveError: no cluster can be reached.
    """
    host, _, port = address.rpartition(":")
    try:
        if host and "/" not in address and port.isdigit():
            with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
                pass  # Ray itself would try for minutes
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except OSError as error:
        raise ArchiveError("No Ray cluster found: start one with `ray start --head`, or set RAY_ADDRESS.") from error


def _how(error: Exception) -> str:
    """Return Ray's reason in a few words, to complete "The worker …"."""
    text = " ".join(str(error).split())
    for sign, words in (
        ("OOM", "was killed for lack of memory"),
        ("node", "was lost with its node"),
    ):
        if sign in text and (sign != "node" or "node has died" in text or "node died" in text):
            return words
    return f"died ({text[:200].rstrip('.')})"
