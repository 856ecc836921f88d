"""One video of a run: its files, the work on it, and the outcome."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

# Called with a stage, the amount done and the total; in seconds of video while looking and cutting.
OnProgress = Callable[[str, float, float], None]
Record = dict[str, Any]
FileVersion = tuple[int, int]


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A video, the folder for its results and the first part of their names."""

    video: Path
    folder: Path
    name: str

    @property
    def path(self) -> str:
        """Absolute path of the video, its key in a manifest."""
        return os.path.abspath(self.video)  # noqa: PTH100  (Path.resolve would follow links)

    def absolute(self) -> VideoJob:
        """Return the same job with absolute paths."""
        return VideoJob(Path(self.path), self.folder.absolute(), self.name)

    def version(self) -> FileVersion | None:
        """Return the file's size and modification time in nanoseconds; None where there is no file."""
        try:
            facts = self.video.stat()
        except OSError:
            return None
        return facts.st_size, facts.st_mtime_ns


def alternative_name(name: str, number: int) -> str:
    """Return the first part of the names of an alternative's files; the number counts from 0."""
    return f"{name}.alternative-{number + 1}"


class Work(Protocol):
    """The processing of one video by a worker. Pickled and sent to the workers."""

    def load(self) -> None:
        """Load models.

        Raises:
            SummdiffError: a requirement is missing. This stops the run, as every video would fail.
        """

    def __call__(self, job: VideoJob, *, replace: bool, on_progress: OnProgress) -> Record:
        """Process one video and return facts about the result as JSON values.

        Args:
            job: the video.
            replace: replace existing results; an earlier try of this run wrote them.
            on_progress: called regularly.

        Raises:
            SummdiffError: the video cannot be processed; the message is the reason.
        """


class Results(Protocol):
    """The results of a run, managed by the process that distributes the work."""

    def check(self, job: VideoJob, *, replace: bool) -> None:
        """Check that the results of a video may be written.

        Raises:
            SummdiffError: they may not be written; the message is the reason.
        """

    def exist(self, record: Record) -> bool:
        """Return whether the results that an earlier run recorded still exist."""

    def add(self, record: Record) -> None:
        """Add the results of a finished video."""

    def clean(self, job: VideoJob) -> None:
        """Remove half-written files of a worker that was killed while it processed this video."""

    def finish(self) -> None:
        """Complete the results after the last video."""


@dataclass(frozen=True, slots=True)
class Order:
    """A video that is sent to a worker.

    Attributes:
        job: the video.
        version: version of its file.
        replace: replace existing results.
        receipts: folder for the receipt of a finished video.
    """

    job: VideoJob
    version: FileVersion | None
    replace: bool
    receipts: Path | None

    def absolute(self) -> Order:
        """Return the same order with absolute paths, for a worker in another folder."""
        return dataclasses.replace(self, job=self.job.absolute())


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The answer of a worker for a video.

    Attributes:
        kind: "done"; "video", it cannot be processed; "bug", an unexpected error; "stop", the disk is full.
        record: facts about the result.
        error: one sentence, if it failed.
        trace: traceback of an unexpected error.
    """

    kind: Literal["done", "video", "bug", "stop"]
    record: Record = field(default_factory=dict)
    error: str = ""
    trace: str = ""
