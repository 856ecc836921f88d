"""Hands out videos to workers and writes down what becomes of each, so that nothing is lost and nothing done twice.

One process decides: it alone writes the manifest, so there is nothing to agree on. A video is given to one worker at a
time. Where that worker dies, another is started in its place; unless the video turns out to be finished (its receipt is
there) it is tried once more, after all others, and set aside when it kills a second worker. A video that takes longer
than its time is set aside at once, its worker killed and replaced.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from summdiff.archive.job import Job, Record, Results, Version
from summdiff.archive.manifest import Manifest, Reason
from summdiff.archive.serving import Order, Outcome
from summdiff.archive.workers import Died, Finished, Missing, Moved, Ready, Workers
from summdiff.errors import ArchiveError, OutputError, SummdiffError

TRIES = 2  # workers that a video may kill: the first may have had bad luck
LEAST_SECONDS = 600.0  # of a video for which no time limit is given, and
PER_SECOND = 3.0  # seconds more for each second that it lasts
_STARTS = 3  # workers that may die before they are ready, in a row
_TICK = 1.0


class Listener(Protocol):
    """Hears how a run goes."""

    def begin(self, total: int, before: int, size: int) -> None:
        """Videos there are, of which some were done before, and the bytes of those still to do."""

    def known(self, job: Job, error: str) -> None:
        """A video was set aside by an earlier run."""

    def start(self, job: Job) -> None:
        """A video is given to a worker."""

    def moved(self, size: float, running: int) -> None:
        """Bytes of videos that are done, with shares of those in work, and how many of these there are."""

    def done(self, job: Job, record: Record, seconds: float) -> None:
        """A video is done."""

    def failed(self, job: Job, error: str) -> None:
        """A video is set aside."""

    def again(self, job: Job, error: str) -> None:
        """A worker died on a video, which will be tried again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How a run ended: videos done now and before, set aside now and before, and seconds of video done now."""

    done: int
    before: int
    failed: int
    failed_before: int
    video_seconds: float

    @property
    def complete(self) -> bool:
        """Whether no video is set aside."""
        return self.failed + self.failed_before == 0


@dataclass(slots=True)
class _Try:
    """A video in the hands of a worker."""

    job: Job
    version: Version | None
    began: float
    share: float = 0.0  # of it that is done
    told: float = 0.0  # seconds that it lasts


def run(
    jobs: Sequence[Job],
    workers: Workers,
    results: Results,
    manifest: Manifest,
    listener: Listener,
    *,
    time_limit: float | None = None,
    retry_failed: bool = False,
) -> Counts:
    """Do the work on every video that the manifest does not say is done or set aside.

    Args:
        jobs: the videos.
        workers: who does it; closed at the end, whatever happens.
        results: where the results go.
        manifest: entered.
        listener: hears how it goes.
        time_limit: seconds that one video may take; None: `LEAST_SECONDS`, and `PER_SECOND` for each of its own.
        retry_failed: try again what was set aside before; a file that has changed since is tried again anyway.

    Raises:
        ArchiveError: workers do not start, or something is missing for all videos.
        OutputError: nothing more can be written.
    """
    return _Run(workers, results, manifest, listener, time_limit).run(jobs, retry_failed=retry_failed)


class _Run:
    def __init__(
        self, workers: Workers, results: Results, manifest: Manifest, listener: Listener, time_limit: float | None
    ) -> None:
        self._workers, self._results, self._manifest = workers, results, manifest
        self._listener, self._time_limit = listener, time_limit
        self._waiting: deque[tuple[Job, Version | None]] = deque()
        self._trying: dict[int, _Try] = {}
        self._idle: list[int] = []
        self._starting: set[int] = set()
        self._died_starting = 0
        self._done = self._failed = 0
        self._size_done = 0.0
        self._video_seconds = 0.0

    def run(self, jobs: Sequence[Job], *, retry_failed: bool) -> Counts:
        before, failed_before = self._plan(jobs, retry_failed=retry_failed)
        self._listener.begin(len(jobs), before + failed_before, sum(_size(version) for _, version in self._waiting))
        for job, error in self._known:
            self._listener.known(job, error)
        try:
            self._work()
        finally:
            self._workers.kill_all()
            for each in self._trying.values():  # what was stopped with them
                self._results.clean(each.job)
        self._results.finish()
        counts = Counts(self._done, before, self._failed, failed_before, self._video_seconds)
        if counts.done or counts.failed:
            self._manifest.end(done=before + self._done, failed=failed_before + self._failed)
        return counts

    def _plan(self, jobs: Sequence[Job], *, retry_failed: bool) -> tuple[int, int]:
        """What is to do; how many are done already, and how many set aside."""
        before = 0
        self._known: list[tuple[Job, str]] = []
        for job in jobs:
            version = job.version()
            entry = self._manifest.entries.get(job.path)
            if entry is not None and entry.version == version:
                if entry.state == "done" and self._results.kept(entry.record):
                    before += 1
                    continue
                if entry.state == "failed" and not retry_failed:
                    self._known.append((job, entry.error))
                    continue
            self._waiting.append((job, version))
        return before, len(self._known)

    def _work(self) -> None:
        while self._waiting or self._trying:
            self._hand_out()
            if not (self._waiting or self._trying):
                return
            for event in self._workers.wait(_TICK):
                match event:
                    case Ready(worker):
                        self._starting.discard(worker)
                        self._idle.append(worker)
                        self._died_starting = 0
                    case Moved(worker, stage, done, total):
                        self._moved(worker, stage, done, total)
                    case Finished(worker, outcome):
                        self._idle.append(worker)
                        self._finished(self._trying.pop(worker), outcome)
                    case Died(worker, how):
                        self._died(worker, how)
                    case Missing(_, error):
                        raise ArchiveError(error)
            self._stop_late()
            running = sum(each.share * _size(each.version) for each in self._trying.values())
            self._listener.moved(self._size_done + running, len(self._trying))

    def _hand_out(self) -> None:
        """Give each idle worker a video, and start as many workers as there is work for."""
        while self._idle and self._waiting:
            job, version = self._waiting.popleft()
            ours = self._manifest.ours(job)
            try:
                self._results.admit(job, ours=ours)
            except SummdiffError as error:
                self._set_aside(job, version, "video", str(error))
                continue
            self._manifest.started(job, version)
            if ours:
                self._results.clean(job)
            worker = self._idle.pop()
            self._trying[worker] = _Try(job, version, time.monotonic())
            self._listener.start(job)
            self._workers.send(worker, Order(job.absolute(), version, ours, self._manifest.receipts))
        there = len(self._trying) + len(self._idle) + len(self._starting)
        for _ in range(min(self._workers.count - there, len(self._waiting) - len(self._idle) - len(self._starting))):
            self._starting.add(self._workers.start())

    def _moved(self, worker: int, stage: str, done: float, total: float) -> None:
        each = self._trying.get(worker)
        if each is None:
            return
        if stage == "look":  # the longest part by far
            each.share = min(1.0, done / total) if total > 0 else 0.0
            each.told = max(each.told, total)

    def _finished(self, each: _Try, outcome: Outcome) -> None:
        if outcome.kind == "done":
            self._note_done(each, outcome.record)
        elif outcome.kind == "stop":
            self._results.clean(each.job)
            raise OutputError(f"{outcome.error} Nothing more can be done: the same command goes on from here.")
        else:
            more = {"trace": outcome.trace} if outcome.trace else {}
            self._set_aside(each.job, each.version, outcome.kind, outcome.error, **more)

    def _note_done(self, each: _Try, record: Record) -> None:
        self._manifest.done(each.job, record)
        self._results.settle(record)
        self._done += 1
        self._size_done += _size(each.version)
        self._video_seconds += float(record.get("duration", 0.0))
        self._listener.done(each.job, record, time.monotonic() - each.began)

    def _died(self, worker: int, how: str) -> None:
        if worker in self._starting:
            self._starting.discard(worker)
            self._died_starting += 1
            if self._died_starting >= _STARTS:
                raise ArchiveError(f"Workers do not start: the last one {how} before it was ready.")
            return
        if worker in self._idle:
            self._idle.remove(worker)
            return
        each = self._trying.pop(worker)
        record = self._manifest.receipt(each.job)
        if record is not None:  # it had just finished
            self._note_done(each, record)
            return
        self._results.clean(each.job)
        crashes = self._manifest.crashed(each.job, f"Its worker {how}.")
        if crashes < TRIES:
            self._listener.again(each.job, f"its worker {how}; it will be tried once more, after the others")
            self._waiting.append((each.job, each.version))
            return
        error = f"'{each.job.video}' ended {crashes} workers, and the last one {how}; does it need more memory?"
        self._set_aside(each.job, each.version, "crash", error)

    def _stop_late(self) -> None:
        for worker, each in list(self._trying.items()):
            limit = self._time_limit or LEAST_SECONDS + PER_SECOND * each.told
            if time.monotonic() - each.began < limit:
                continue
            self._workers.kill(worker)
            del self._trying[worker]
            record = self._manifest.receipt(each.job)
            if record is not None:
                self._note_done(each, record)
                continue
            self._results.clean(each.job)
            error = f"'{each.job.video}' was not done after {limit:.0f} s: allow more with --time-limit."
            self._set_aside(each.job, each.version, "time", error)

    def _set_aside(self, job: Job, version: Version | None, kind: Reason, error: str, **more: str) -> None:
        self._manifest.failed(job, version, kind, error, **more)
        self._failed += 1
        self._size_done += _size(version)
        self._listener.failed(job, error)


def _size(version: Version | None) -> int:
    return 0 if version is None else version[0]
