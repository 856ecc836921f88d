"""Background jobs: queues that run one job at a time, with progress and cancellation."""

from __future__ import annotations

import gc
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

from summdiff.errors import SummdiffError

JobKind = Literal["analysis", "version", "export"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]

_log = logging.getLogger(__name__)


class JobCancelled(Exception):  # noqa: N818 - not an error
    """Raised inside a job that was cancelled."""


class StudioJob:
    """A piece of work. Its attributes can be read at any time, also from other threads.

    Args:
        kind: sort of work.
        work: does the work; it must call `report` regularly, which is where it can be cancelled.
        on_change: called after every change of an attribute.

    Attributes:
        id: random.
        state: waiting, running, done, failed or cancelled.
        stage, done, total: the current stage and its progress.
        error: one sentence, if the job failed.
        files, sizes: names and bytes of the files that it wrote.
    """

    def __init__(self, kind: JobKind, work: Callable[[StudioJob], None], on_change: Callable[[], None]) -> None:
        self.id = secrets.token_urlsafe(9)
        self.kind: JobKind = kind
        self.state: JobState = "waiting"
        self.stage = ""
        self.done, self.total = 0.0, 1.0
        self.error = ""
        self.files: list[str] = []
        self.sizes: list[int] = []
        self._work, self._on_change = work, on_change
        self._stop = threading.Event()

    @property
    def unfinished(self) -> bool:
        return self.state in ("waiting", "running")

    def report(self, stage: str, done: float, total: float) -> None:
        """Record the progress.

        Raises:
            JobCancelled: the job was cancelled.
        """
        if self._stop.is_set():
            raise JobCancelled
        self.stage, self.done, self.total = stage, done, total
        self._on_change()

    def cancel(self) -> None:
        """Cancel the job: at once if it is waiting, else at its next report. Safe at any time."""
        self._stop.set()
        if self.state == "waiting":
            self._set_state("cancelled")

    def run(self) -> None:
        """Do the work, unless it was cancelled."""
        if self._stop.is_set():
            self._set_state("cancelled")
            return
        self._set_state("running")
        try:
            self._work(self)
        except JobCancelled:
            self._set_state("cancelled")
        except SummdiffError as error:
            self.error = str(error)
            self._set_state("failed")
        except Exception as error:
            if self._stop.is_set():  # its files were deleted meanwhile
                self._set_state("cancelled")
                return
            _log.exception("A job of the studio failed")
            self.error = f"An unexpected error occurred ({type(error).__name__}); the terminal shows the details."
            self._set_state("failed")
        else:
            self._set_state("done")

    def _set_state(self, state: JobState) -> None:
        self.state = state
        self._on_change()


class JobQueue:
    """A queue of jobs with its own thread."""

    def __init__(self, name: str) -> None:
        self._waiting: deque[StudioJob] = deque()
        self._changed = threading.Condition()
        self._running: StudioJob | None = None
        self._open = True
        self._thread = threading.Thread(target=self._work, name=f"summdiff-{name}", daemon=True)
        self._thread.start()

    def add(self, job: StudioJob) -> None:
        """Queue a job."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def ahead(self, job: StudioJob) -> int:
        """Return the number of jobs before this one; 0 if it is running or not in this queue."""
        with self._changed:
            waiting = [other for other in self._waiting if other.state == "waiting"]
            if job not in waiting:
                return 0
            return waiting.index(job) + (self._running is not None)

    def close(self, *, seconds: float) -> None:
        """Cancel all jobs and wait for the running one, at most `seconds`."""
        with self._changed:
            self._open = False
            for job in (*self._waiting, self._running):
                if job is not None:
                    job.cancel()
            self._changed.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._open and not self._waiting:
                    self._changed.wait()
                if not self._open:
                    return
                self._running = self._waiting.popleft()
            self._running.run()
            gc.collect()  # as after opening an upload, see `summdiff.web._uploads.describe`
            with self._changed:
                self._running = None
