"""What is to be done for one video, and what every kind of work on many has to say."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# Called with how much is done, how much there is, and what of: seconds of video while looking or cutting.
Report = Callable[[str, float, float], None]
Record = dict[str, Any]
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Job:
    """One video, the folder that its results go to and the first part of their names."""

    video: Path
    folder: Path
    name: str

    @property
    def path(self) -> str:
        """Absolute path of the video, by which it is known in a manifest."""
        return os.path.abspath(self.video)  # noqa: PTH100  (Path.resolve would follow links)

    def absolute(self) -> Job:
        """The same for somebody in another folder."""
        return Job(Path(self.path), self.folder.absolute(), self.name)

    def version(self) -> Version | None:
        """Size and time of change in nanoseconds, which an edited file has others of; None for no file."""
        try:
            facts = self.video.stat()
        except OSError:
            return None
        return facts.st_size, facts.st_mtime_ns


class Work(Protocol):
    """What a worker does with each video. It is pickled and sent to the workers."""

    def load(self) -> None:
        """Load models. What raises here stops the run: it would be missing for every video.

        Raises:
            SummdiffError: something is missing.
        """

    def __call__(self, job: Job, *, ours: bool, report: Report) -> Record:
        """Do it, and say what came of it, as JSON values.

        Args:
            job: the video.
            ours: results that are there already are of an earlier try of this run, and are replaced.
            report: called now and then.

        Raises:
            SummdiffError: it cannot be done; the text is the reason.
        """


class Results(Protocol):
    """Where the results of a run are, as the process that hands out the work sees it."""

    def admit(self, job: Job, *, ours: bool) -> None:
        """Find out before the work whether its results may be written.

        Raises:
            SummdiffError: they may not; the text is the reason.
        """

    def kept(self, record: Record) -> bool:
        """Whether what an earlier run wrote down as done is still there."""

    def settle(self, record: Record) -> None:
        """A video was done."""

    def clean(self, job: Job) -> None:
        """A worker was killed while it did this: remove what it left half-written."""

    def finish(self) -> None:
        """All is done."""
