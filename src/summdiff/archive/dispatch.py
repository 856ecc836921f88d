"""Give videos to workers and record each outcome, so that no video is lost or processed twice.

One process assigns the videos and writes the manifest. Each video is with one worker at a time. A worker that dies is
replaced; its video, unless finished (it then has a receipt), is tried once more after all others, and set aside when it
kills a second worker. A video that exceeds its time limit is set aside at once, its worker killed
and replaced.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from summdiff._runtime import usable_cores
from summdiff.archive.jobs import FileVersion, JobOutcome, Order, Record, Results, VideoJob, Work
from summdiff.archive.manifest import FailureKind, RunState
from summdiff.archive.workers import Died, Finished, LocalWorkers, Missing, Moved, Ready, Workers
from summdiff.errors import ArchiveError, OutputError, SummdiffError

MAX_CRASHES = 2  # workers that a video may kill; the first death may have another cause
MIN_TIME_LIMIT = 600.0  # seconds for a video without a given time limit, plus
TIME_LIMIT_PER_SECOND = 3.0  # seconds for each second of its duration
_MAX_FAILED_STARTS = 3  # workers in a row that may die before they are ready
_TICK = 1.0


class RunListener(Protocol):
    """Receives the events of a run."""

    def begin(self, total: int, before: int, size: int) -> None:
        """The run begins: number of videos, how many of them were done or set aside before, bytes of the others."""

    def failed_before(self, job: VideoJob, error: str) -> None:
        """An earlier run set a video aside."""

    def start(self, job: VideoJob) -> None:
        """A worker gets a video."""

    def moved(self, size: float, running: int) -> None:
        """Progress: bytes processed so far, and the number of videos being processed."""

    def done(self, job: VideoJob, record: Record, seconds: float) -> None:
        """A video is done."""

    def failed(self, job: VideoJob, error: str) -> None:
        """A video is set aside."""

    def again(self, job: VideoJob, error: str) -> None:
        """A worker died; its video will be tried again."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Result of a run: videos done and set aside by it and before it, and seconds of video it processed."""

    done: int
    before: int
    failed: int
    failed_before: int
    video_seconds: float

    @property
    def complete(self) -> bool:
        """True if no video is set aside."""
        return self.failed + self.failed_before == 0


@dataclass(slots=True)
class _Attempt:
    """A video that a worker is processing."""

    job: VideoJob
    version: FileVersion | None
    began: float
    share: float = 0.0  # of the video, that is processed
    duration: float = 0.0  # of the video in seconds, as far as known


def run_jobs(
    jobs: Sequence[VideoJob],
    workers: Workers,
    results: Results,
    state: RunState,
    listener: RunListener,
    *,
    check: Callable[[VideoJob], None] = lambda job: None,
    time_limit: float | None = None,
    retry_failed: bool = False,
) -> RunCounts:
    """Process every video that the manifest does not record as done or set aside.

    SIGTERM ends the run as Ctrl+C does: workers are killed and half-written files removed.

    Args:
        jobs: the videos.
        workers: the workers; they are always killed at the end.
        results: results of the run.
        state: the manifest, entered; or a `RunState` for a run that is not continued.
        listener: receives the events of the run.
        check: called with every job before the first is processed; a job for which it raises a SummdiffError fails.
        time_limit: seconds for each video; None for `MIN_TIME_LIMIT` plus `TIME_LIMIT_PER_SECOND` for each second
            of its duration.
        retry_failed: also try videos that were set aside before. A file changed since then is always tried.

    Raises:
        ArchiveError: workers do not start, or something is missing for all videos.
        OutputError: the disk is full.
    """
    with _sigterm_exits():
        return _Run(workers, results, state, listener, time_limit).run(jobs, check, retry_failed=retry_failed)


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Turn SIGTERM into SystemExit in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Run:
    def __init__(
        self, workers: Workers, results: Results, state: RunState, listener: RunListener, time_limit: float | None
    ) -> None:
        self._workers, self._results, self._state = workers, results, state
        self._listener, self._time_limit = listener, time_limit
        self._waiting: deque[tuple[VideoJob, FileVersion | None]] = deque()
        self._attempts: dict[int, _Attempt] = {}
        self._idle: list[int] = []
        self._starting: set[int] = set()
        self._failed_starts = 0
        self._done = self._failed = 0
        self._size_done = 0.0
        self._video_seconds = 0.0

    def run(self, jobs: Sequence[VideoJob], check: Callable[[VideoJob], None], *, retry_failed: bool) -> RunCounts:
        before, failed_before = self._plan(jobs, retry_failed=retry_failed)
        size = sum(_size(version) for _, version in self._waiting)
        self._listener.begin(len(jobs), before + len(failed_before), size)
        for job, error in failed_before:
            self._listener.failed_before(job, error)
        for job, version in list(self._waiting):
            try:
                check(job)
            except SummdiffError as error:
                self._waiting.remove((job, version))
                self._set_aside(job, version, "video", str(error))
        try:
            self._work()
        finally:
            self._workers.kill_all()
            for attempt in self._attempts.values():
                self._results.clean(attempt.job)
        self._results.finish()
        counts = RunCounts(self._done, before, self._failed, len(failed_before), self._video_seconds)
        if counts.done or counts.failed:
            self._state.end(done=before + self._done, failed=len(failed_before) + self._failed)
        return counts

    def _plan(self, jobs: Sequence[VideoJob], *, retry_failed: bool) -> tuple[int, list[tuple[VideoJob, str]]]:
        """Queue the remaining videos; return the number of finished ones, and those set aside with the reasons."""
        before = 0
        failed_before: list[tuple[VideoJob, str]] = []
        for job in jobs:
            version = job.version()
            known = self._state.videos.get(job.path)
            if known is not None and known.version == version:
                if known.status == "done" and self._results.exist(known.record):
                    before += 1
                    continue
                if known.status == "failed" and not retry_failed:
                    failed_before.append((job, known.error))
                    continue
            self._waiting.append((job, version))
        return before, failed_before

    def _work(self) -> None:
        while self._waiting or self._attempts:
            self._hand_out()
            if not (self._waiting or self._attempts):
                return
            for event in self._workers.wait(_TICK):
                match event:
                    case Ready(worker):
                        self._starting.discard(worker)
                        self._idle.append(worker)
                        self._failed_starts = 0
                    case Moved(worker, stage, done, total):
                        self._moved(worker, stage, done, total)
                    case Finished(worker, outcome):
                        self._idle.append(worker)
                        self._finished(self._attempts.pop(worker), outcome)
                    case Died(worker, how):
                        self._died(worker, how)
                    case Missing(_, error):
                        raise ArchiveError(error)
            self._stop_late()
            running = sum(attempt.share * _size(attempt.version) for attempt in self._attempts.values())
            self._listener.moved(self._size_done + running, len(self._attempts))

    def _hand_out(self) -> None:
        """Give each idle worker a video, and start as many workers as there are videos left."""
        while self._idle and self._waiting:
            job, version = self._waiting.popleft()
            begun = self._state.begun(job)
            try:
                self._results.check(job, replace=begun)
            except SummdiffError as error:
                self._set_aside(job, version, "video", str(error))
                continue
            self._state.start(job, version)
            if begun:
                self._results.clean(job)
            worker = self._idle.pop()
            self._attempts[worker] = _Attempt(job, version, time.monotonic())
            self._listener.start(job)
            self._workers.send(worker, Order(job, version, begun, self._state.receipts))
        worker_count = len(self._attempts) + len(self._idle) + len(self._starting)
        for _ in range(
            min(self._workers.count - worker_count, len(self._waiting) - len(self._idle) - len(self._starting))
        ):
            self._starting.add(self._workers.start())

    def _moved(self, worker: int, stage: str, done: float, total: float) -> None:
        attempt = self._attempts.get(worker)
        if attempt is None:
            return
        if stage == "look":  # the longest part by far
            attempt.share = min(1.0, done / total) if total > 0 else 0.0
            attempt.duration = max(attempt.duration, total)

    def _finished(self, attempt: _Attempt, outcome: JobOutcome) -> None:
        if outcome.kind == "done":
            self._set_done(attempt, outcome.record)
        elif outcome.kind == "stop":
            self._results.clean(attempt.job)
            raise OutputError(f"{outcome.error} The run stops: the same command continues from here.")
        else:
            more = {"trace": outcome.trace} if outcome.trace else {}
            self._set_aside(attempt.job, attempt.version, outcome.kind, outcome.error, **more)

    def _set_done(self, attempt: _Attempt, record: Record) -> None:
        self._state.done(attempt.job, record)
        self._results.add(record)
        self._done += 1
        self._size_done += _size(attempt.version)
        self._video_seconds += float(record.get("duration", 0.0))
        self._listener.done(attempt.job, record, time.monotonic() - attempt.began)

    def _died(self, worker: int, how: str) -> None:
        if worker in self._starting:
            self._starting.discard(worker)
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise ArchiveError(f"Workers do not start: the last one {how} before it was ready.")
            return
        if worker in self._idle:
            self._idle.remove(worker)
            return
        attempt = self._attempts.pop(worker)
        record = self._state.receipt(attempt.job)
        if record is not None:  # finished just before
            self._set_done(attempt, record)
            return
        self._results.clean(attempt.job)
        crashes = self._state.crashed(attempt.job, f"Its worker {how}.")
        if crashes < MAX_CRASHES:
            self._listener.again(attempt.job, f"its worker {how}; it is tried once more, after the others")
            self._waiting.append((attempt.job, attempt.version))
            return
        error = f"'{attempt.job.video}' stopped {crashes} workers, the last one {how}: does it need more memory?"
        self._set_aside(attempt.job, attempt.version, "crash", error)

    def _stop_late(self) -> None:
        for worker, attempt in list(self._attempts.items()):
            limit = self._time_limit or MIN_TIME_LIMIT + TIME_LIMIT_PER_SECOND * attempt.duration
            if time.monotonic() - attempt.began < limit:
                continue
            self._workers.kill(worker)
            del self._attempts[worker]
            record = self._state.receipt(attempt.job)
            if record is not None:
                self._set_done(attempt, record)
                continue
            self._results.clean(attempt.job)
            error = f"'{attempt.job.video}' was not done after {limit:.0f} s: allow more with --time-limit."
            self._set_aside(attempt.job, attempt.version, "time", error)

    def _set_aside(
        self, job: VideoJob, version: FileVersion | None, kind: FailureKind, error: str, **more: str
    ) -> None:
        self._state.failed(job, version, kind, error, **more)
        self._failed += 1
        self._size_done += _size(version)
        self._listener.failed(job, error)


def _size(version: FileVersion | None) -> int:
    return 0 if version is None else version[0]


def make_workers(work: Work, engine: Literal["local", "ray"], count: int | None) -> Workers:
    """Return workers of an engine; one for each core without a count.

    Raises:
        UsageError: Ray is not installed.
        ArchiveError: no Ray cluster can be reached.
    """
    if engine == "ray":
        from summdiff.archive.ray import RayWorkers

        return RayWorkers(work, count)
    return LocalWorkers(work, count or usable_cores())
