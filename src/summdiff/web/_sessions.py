"""Sessions: the videos and jobs of one browser, invisible to all others."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from summdiff.audio import Sound
from summdiff.exact_cuts import choose_exactly
from summdiff.options import Options
from summdiff.summary import Summary
from summdiff.web._edits import ALTERNATIVES, Decisions, EditHistory
from summdiff.web._jobs import StudioJob
from summdiff.web._pictures import Pictures
from summdiff.web._sizes import Sizes
from summdiff.web._uploads import VideoFile

if TYPE_CHECKING:
    from summdiff.web._projects import Project

_LONG_STEPS = 1200  # 20 minutes at one step per second
_MAX_SESSIONS = 64  # of each kind, with and without the token; beyond that, its least recently used one is closed


@dataclass(frozen=True)
class Version:
    """A summary computed by the model, the options that it was computed with, and the (M, N) sampled curves."""

    options: Options
    summary: Summary
    samples: NDArray[np.float32] | None = None

    def rough(self) -> Version:
        """Return this version for selections in a hurry, which do not compare what the parts show."""
        places = self.summary.places
        if places is None:
            return self
        return replace(self, summary=replace(self.summary, places=replace(places, looks=b"")))

    def under(self, decisions: Decisions) -> Summary:
        """Return the summary under other decisions; see `Decisions.apply`."""
        version = self if decisions.alternative is None else self._for_alternatives()
        return replace(decisions.apply(version.summary, self.samples), places=self.summary.places)

    def alternatives(self, decisions: Decisions) -> Summary:
        """Return the best selection under the same budget and constraints, with alternatives."""
        best = decisions.choose(self.summary, None, alternatives=0)
        others = decisions.choose(self._for_alternatives().summary, self.samples, alternatives=ALTERNATIVES)
        return replace(best, alternatives=others.alternatives)

    def _for_alternatives(self) -> Version:
        """Return the version itself or, of a long video, for which dozens of selections take long, the rough one."""
        return self.rough() if len(self.summary.scores.times) > _LONG_STEPS else self


@dataclass(eq=False)
class StudioVideo:
    """A video of a session with all results.

    Attributes:
        id: random; requests use it.
        file: the video file.
        folder: holds this video's own files: the upload, pictures, exports.
        versions: summaries, the latest last; requests use their positions.
        analysis: the job of the first analysis, or of the latest attempt.
        new_version: the latest job that computes another version.
        exports: jobs that write files, the latest last.
        edits: what the person decided, with undo.
        sizes: of the frames in the file, once the video is analyzed; None if they are unknown.
        sound: what is heard, once the video is analyzed; None if it has no sound.
    """

    id: str
    file: VideoFile
    folder: Path
    versions: list[Version] = field(default_factory=list)
    analysis: StudioJob | None = None
    new_version: StudioJob | None = None
    exports: list[StudioJob] = field(default_factory=list)
    edits: EditHistory = field(default_factory=EditHistory)
    sizes: Sizes | None = None
    sound: Sound | None = None

    def __post_init__(self) -> None:
        self.pictures = Pictures(self.file.path, self.folder / "pictures")

    def under(self, number: int, decisions: Decisions) -> Summary:
        """Return the summary of a version under decisions, its cuts on their exact frames.

        Raises:
            UsageError: see `Decisions.apply`.
            VideoError: the video cannot be read.
        """
        return self._exactly(number, lambda version: version.under(decisions))

    def alternatives(self, number: int, decisions: Decisions) -> Summary:
        """Return the best selection under the same budget and constraints, with alternatives; raises as `under`."""
        return self._exactly(number, lambda version: version.alternatives(decisions))

    def _exactly(self, number: int, choose: Callable[[Version], Summary]) -> Summary:
        """Choose in a version, and keep in it the exact frames that are found on the way."""
        version = self.versions[number]
        chosen, known = choose_exactly(version.summary, lambda summary: choose(replace(version, summary=summary)))
        if known is not version.summary:
            self.versions[number] = replace(version, summary=known)
        return chosen

    @property
    def jobs(self) -> list[StudioJob]:
        return [job for job in (self.analysis, self.new_version, *self.exports) if job is not None]


@dataclass(eq=False)
class Session:
    """The part of the studio that one browser sees.

    Attributes:
        key: the secret in the cookie.
        owner: whether it was opened with the token, which gives access to files of this computer.
        folder: holds all files of this session.
        videos: by id, in the order in which they were added.
        revision: number of changes so far that the page shows.
        last_used: time of the last request or the end of the last stream or upload, from `time.monotonic()`.
        listeners: number of open pages.
        arriving: number of videos being added.
        projects: projects that wait for their film, by its size in bytes.
    """

    key: str
    owner: bool
    folder: Path
    videos: dict[str, StudioVideo] = field(default_factory=dict)
    revision: int = 0
    last_used: float = field(default_factory=time.monotonic)
    listeners: int = 0
    arriving: int = 0
    projects: dict[int, Project] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether its page is open, a video is being added or a job is unfinished."""
        if self.listeners > 0 or self.arriving > 0:
            return True
        return any(job.unfinished for video in list(self.videos.values()) for job in video.jobs)

    def touch(self) -> None:
        """Record a change, so that the page is updated."""
        self.revision += 1

    def add(self, video: StudioVideo) -> StudioVideo:
        """Add a video whose folder was made by `new_folder`."""
        self.videos[video.id] = video
        self.touch()
        return video

    @contextmanager
    def new_folder(self) -> Iterator[tuple[str, Path]]:
        """Make a folder with a random name for a video that is being added; delete it if an exception is raised."""
        name = secrets.token_urlsafe(9)
        folder = self.folder / name
        folder.mkdir(parents=True)
        self.arriving += 1
        try:
            yield name, folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self.arriving -= 1
            self.last_used = time.monotonic()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count an open page."""
        self.listeners += 1
        try:
            yield
        finally:
            self.listeners -= 1
            self.last_used = time.monotonic()

    def remove(self, video: StudioVideo) -> None:
        """Cancel a video's jobs and delete its folder. A file elsewhere on this computer is kept."""
        for job in video.jobs:
            job.cancel()
        self.videos.pop(video.id, None)
        shutil.rmtree(video.folder, ignore_errors=True)
        self.touch()

    def close(self) -> None:
        """Remove all videos."""
        for video in list(self.videos.values()):
            self.remove(video)
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All sessions of a server, by the secret in their cookie.

    Args:
        folder: holds their files.
        idle_seconds: a session unused for longer is closed and its files are deleted.
        on_open: called with each new session.
    """

    def __init__(
        self, folder: Path, *, idle_seconds: float, on_open: Callable[[Session], None] = lambda session: None
    ) -> None:
        self._folder, self._idle_seconds, self._on_open = folder, idle_seconds, on_open
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Session | None:
        """Return the session with this key and mark it as used; None if the key is unknown."""
        session = self._sessions.get(key)
        if session is not None:
            session.last_used = time.monotonic()
        return session

    def open(self, *, owner: bool) -> Session:
        """Open a new session.

        A session without the token never closes one with it.

        Raises:
            OSError: its folder cannot be made.
        """
        key = secrets.token_urlsafe(32)
        session = Session(key, owner, self._folder / secrets.token_urlsafe(9))
        session.folder.mkdir(parents=True, mode=0o700)
        with self._lock:
            others = sorted(
                (other for other in self._sessions.values() if other.owner == owner),
                key=lambda other: (other.busy, bool(other.videos), other.last_used),
            )
            for other in others[: max(0, len(others) + 1 - _MAX_SESSIONS)]:
                self._close(other)
            self._sessions[key] = session
        self._on_open(session)
        return session

    def close_idle(self) -> None:
        """Close sessions that were unused for too long. An open page or an unfinished job counts as use."""
        now = time.monotonic()
        with self._lock:
            for session in list(self._sessions.values()):
                if session.busy:
                    session.last_used = now
                elif now - session.last_used > self._idle_seconds:
                    self._close(session)

    def close(self) -> None:
        """Close all sessions."""
        with self._lock:
            for session in list(self._sessions.values()):
                self._close(session)

    def _close(self, session: Session) -> None:
        del self._sessions[session.key]
        session.close()
