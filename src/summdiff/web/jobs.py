"""Work that takes a while, one job after the other, each with its progress and a way to stop it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

from summdiff.errors import SummdiffError

Kind = Literal["analysis", "again", "export"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]

_log = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 - not an error: somebody changed their mind
    """Raised inside a job that is to stop."""


class Job:
    """One piece of work. Its owner reads the attributes at any time, also from other threads.

    Args:
        kind: what sort of work.
        work: does it; calls `report` on the job now and then, which is where it can be stopped.
        changed: called whenever something below changed.

    Attributes:
        id: random.
        state: how it stands.
        stage, done, total: what is being done, and how much of it is done.
        error: one sentence, where it failed.
        files: names of the files that it wrote.
    """

    def __init__(self, kind: Kind, work: Callable[[Job], None], changed: Callable[[], None]) -> None:
        self.id = secrets.token_urlsafe(9)
        self.kind: Kind = kind
        self.state: State = "waiting"
        self.stage = ""
        self.done, self.total = 0.0, 1.0
        self.error = ""
        self.files: list[str] = []
        self._work, self._changed = work, changed
        self._stop = threading.Event()

    @property
    def unfinished(self) -> bool:
        return self.state in ("waiting", "running")

    def report(self, stage: str, done: float, total: float) -> None:
        """Note the progress.

        Raises:
            Cancelled: the job is to stop.
        """
        if self._stop.is_set():
            raise Cancelled
        self.stage, self.done, self.total = stage, done, total
        self._changed()

    def cancel(self) -> None:
        """Stop: at once where it waits, else at its next report of progress. Safe at any time."""
        self._stop.set()
        if self.state == "waiting":
            self._become("cancelled")

    def run(self) -> None:
        """Do the work, if it is still wanted."""
        if self._stop.is_set():
            self._become("cancelled")
            return
        self._become("running")
        try:
            self._work(self)
        except Cancelled:
            self._become("cancelled")
        except SummdiffError as error:
            self.error = str(error)
            self._become("failed")
        except Exception as error:
            if self._stop.is_set():  # its files went under its hands
                self._become("cancelled")
                return
            _log.exception("A job of the studio failed")
            self.error = f"Something unforeseen went wrong ({type(error).__name__}); the terminal shows what."
            self._become("failed")
        else:
            self._become("done")

    def _become(self, state: State) -> None:
        self.state = state
        self._changed()


class Lane:
    """A queue with one thread that works it off. What is queued in another lane does not wait for this one."""

    def __init__(self, name: str) -> None:
        self._waiting: deque[Job] = deque()
        self._ready = threading.Condition()
        self._running: Job | None = None
        self._open = True
        self._thread = threading.Thread(target=self._work, name=f"summdiff-{name}", daemon=True)
        self._thread.start()

    def add(self, job: Job) -> None:
        """Queue a job."""
        with self._ready:
            self._waiting.append(job)
            self._ready.notify()

    def ahead(self, job: Job) -> int:
        """How many jobs come before this one; 0 where it is running or not in this queue."""
        with self._ready:
            queue = [other for other in self._waiting if other.state == "waiting"]
            if job not in queue:
                return 0
            return queue.index(job) + (self._running is not None)

    def close(self, *, seconds: float) -> None:
        """Stop all jobs and wait for the running one, but no longer than `seconds`."""
        with self._ready:
            self._open = False
            for job in (*self._waiting, self._running):
                if job is not None:
                    job.cancel()
            self._ready.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._ready:
                while self._open and not self._waiting:
                    self._ready.wait()
                if not self._open:
                    return
                self._running = self._waiting.popleft()
            self._running.run()
            with self._ready:
                self._running = None
