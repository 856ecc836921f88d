"""Sessions: the videos and jobs of one browser, invisible to all others."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from summdiff.web._projects import Project
from summdiff.web._studio_video import StudioVideo

_MAX_SESSIONS = 64  # of each kind, with and without the token; beyond that, its least recently used one is closed


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
