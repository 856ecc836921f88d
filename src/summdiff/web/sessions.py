"""What belongs to whom: a session is one browser's videos and jobs, and nobody else's."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from summdiff.options import Options
from summdiff.summary import Summary
from summdiff.web.intake import Source
from summdiff.web.jobs import Job
from summdiff.web.strip import Strip

_MOST_SESSIONS = 64  # the one unused for longest makes room


@dataclass(frozen=True)
class Take:
    """One version of a film's summary: the options the model was asked with, and its answer."""

    options: Options
    summary: Summary


@dataclass(eq=False)
class Film:
    """A video of a session and all that was found out about it.

    Attributes:
        id: random; what requests call it.
        source: the file and what it is.
        folder: where this film's own files lie: an upload, the strip, exports.
        strip: the film strip, once it is drawn.
        takes: what was decided, the latest last; requests name one by its place.
        analysis: the job that looks at it: the first one, or the one after a failure.
        exports: jobs that write files, the latest last.
        again: the last job that asked the model again.
    """

    id: str
    source: Source
    folder: Path
    strip: Strip | None = None
    takes: list[Take] = field(default_factory=list)
    analysis: Job | None = None
    again: Job | None = None
    exports: list[Job] = field(default_factory=list)

    @property
    def jobs(self) -> list[Job]:
        return [job for job in (self.analysis, self.again, *self.exports) if job is not None]


@dataclass(eq=False)
class Session:
    """One browser's part of the studio.

    Attributes:
        key: the secret in the cookie.
        owner: whether it was opened with the token, by someone who may see the machine's own files.
        folder: holds everything of this session, and goes with it.
        films: by id, in the order in which they came.
        version: grows whenever something changes that the page shows.
        used: when it was last asked for something, by `time.monotonic()`.
        listeners: how many pages are open on it.
        arriving: how many films are on their way in.
    """

    key: str
    owner: bool
    folder: Path
    films: dict[str, Film] = field(default_factory=dict)
    version: int = 0
    used: float = field(default_factory=time.monotonic)
    listeners: int = 0
    arriving: int = 0

    @property
    def busy(self) -> bool:
        """Whether its page is open or something is being done for it."""
        return self.listeners > 0 or any(job.unfinished for film in list(self.films.values()) for job in film.jobs)

    def touch(self) -> None:
        """Tell the page, at its next look, that something changed."""
        self.version += 1

    def add(self, film: Film) -> Film:
        """Add a film that was made in a folder of `new_folder`."""
        self.films[film.id] = film
        self.touch()
        return film

    @contextmanager
    def new_folder(self) -> Iterator[tuple[str, Path]]:
        """A fresh folder of this session with a random name for a film that comes in; gone if anything is raised."""
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

    def remove(self, film: Film) -> None:
        """Stop what is being done with a film and delete its files; a file of this machine itself stays."""
        for job in film.jobs:
            job.cancel()
        self.films.pop(film.id, None)
        shutil.rmtree(film.folder, ignore_errors=True)
        self.touch()

    def close(self) -> None:
        """Remove all films."""
        for film in list(self.films.values()):
            self.remove(film)
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All sessions of a server, by the secret in their cookie.

    Args:
        folder: where their files go.
        idle_seconds: a session that is not used for so long is closed and its files are deleted.
        opened: called with each new session.
    """

    def __init__(
        self, folder: Path, *, idle_seconds: float, opened: Callable[[Session], None] = lambda session: None
    ) -> None:
        self._folder, self._idle_seconds, self._opened = folder, idle_seconds, opened
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Session | None:
        """The session with this key, marked as used; None where there is none."""
        session = self._sessions.get(key)
        if session is not None:
            session.used = time.monotonic()
        return session

    def open(self, *, owner: bool) -> Session:
        """Make a new session."""
        key = secrets.token_urlsafe(32)
        session = Session(key, owner, self._folder / secrets.token_urlsafe(9))
        session.folder.mkdir(parents=True, mode=0o700)
        with self._lock:
            crowd = sorted(self._sessions.values(), key=lambda other: (other.busy, bool(other.films), other.used))
            for other in crowd[: max(0, len(crowd) + 1 - _MOST_SESSIONS)]:
                self._close(other)
            self._sessions[key] = session
        self._opened(session)
        return session

    def sweep(self) -> None:
        """Close the sessions that were not used for long. One with its page open or a job running is in use."""
        now = time.monotonic()
        with self._lock:
            for session in list(self._sessions.values()):
                if session.busy:
                    session.used = now
                elif now - session.used > self._idle_seconds:
                    self._close(session)

    def close(self) -> None:
        """Close all sessions."""
        with self._lock:
            for session in list(self._sessions.values()):
                self._close(session)

    def _close(self, session: Session) -> None:
        del self._sessions[session.key]
        session.close()
