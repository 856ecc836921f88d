"""The studio's jobs: analyze a film, ask the model again under constraints, write files."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.errors import SummdiffError, UsageError
from summdiff.export import check_formats, format_names, save
from summdiff.options import Options
from summdiff.summary import Summary
from summdiff.web.intake import Source, clean_title, describe, file_name
from summdiff.web.jobs import Job, Lane
from summdiff.web.sessions import Film, Session, Sessions, Take
from summdiff.web.strip import draw

if TYPE_CHECKING:
    from summdiff.pipeline import StageProgress, Summarizer

_MOST_FILMS, _MOST_TAKES, _MOST_EXPORTS = 30, 100, 30  # of a session, of a film
_SWEEP_SECONDS = 60.0
_PICTURES = {".mp4", ".png", ".jpg", ".gif", ".webp"}  # exports that name no file
_PATIENCE_SECONDS = 3.0  # for a running job to stop when the studio closes


@dataclass(frozen=True)
class Settings:
    """How a studio works.

    Attributes:
        folder: holds all its files and is deleted at the end.
        videos: files of this machine that are offered to whoever has the token.
        typed_paths: whether whoever has the token may also name other files of this machine.
        max_upload: bytes.
        idle_seconds: after which an unused session and its files go.
        options: what the first analysis of a film asks for.
    """

    folder: Path
    videos: tuple[Path, ...] = ()
    typed_paths: bool = True
    max_upload: int = 4_000_000_000
    idle_seconds: float = 12 * 3600.0
    options: Options = field(default_factory=lambda: Options(alternatives=3))


class Studio:
    """The sessions of a server and the work done for them.

    Looking at a film takes minutes and has a lane of its own, one film at a time; asking again and writing files go in
    another, so that nobody waits for somebody else's film in order to go on with their own.

    Args:
        settings: how it works.
        uploads: summarises what was uploaded. Its feature cache, if any, should lie in `settings.folder`.
        local: summarises files of this machine.
    """

    def __init__(self, settings: Settings, *, uploads: Summarizer, local: Summarizer) -> None:
        self.settings = settings
        self._uploads, self._local = uploads, local
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.sessions = Sessions(
            settings.folder / "sessions", idle_seconds=settings.idle_seconds, opened=self._offer_videos
        )
        self._looking, self._asking = Lane("looking"), Lane("asking")
        self.closing = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="summdiff-sweep", daemon=True)
        self._sweeper.start()

    def close(self) -> None:
        """Stop all work and delete all files."""
        self.closing.set()
        for lane in (self._looking, self._asking):
            lane.close(seconds=_PATIENCE_SECONDS)
        self.sessions.close()
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    def check_room(self, session: Session) -> None:
        """Raise a UsageError where a session has as many films as it may, those on their way among them."""
        if len(session.films) + session.arriving >= _MOST_FILMS:
            raise UsageError(f"There are {_MOST_FILMS} videos in this session already: remove one first.")

    def add_local(self, session: Session, path: Path) -> Film:
        """Add a file of this machine to a session and look at it.

        Raises:
            VideoError: it cannot be read as a video.
        """
        with session.new_folder() as (name, folder):
            film = session.add(Film(name, describe(path, clean_title(path.name)), folder))
        self.analyse(session, film)
        return film

    def analyse(self, session: Session, film: Film) -> Job:
        """Queue the first look at a film, or another one after that failed or was cancelled."""
        if film.analysis is not None and film.analysis.unfinished:
            return film.analysis

        def work(job: Job) -> None:
            summarizer = self._summarizer(film)
            job.report("load", 0, 1)
            summarizer.load()
            if film.strip is None:
                job.report("strip", 0, 1)
                film.strip = draw(
                    film.source.path,
                    film.folder / "strip.jpg",
                    duration=film.source.duration,
                    on_progress=lambda done, total: job.report("strip", done, total),
                )
            film.takes = [self._ask(film, self.settings.options, job)]

        film.analysis = Job("analysis", work, session.touch)
        return self._queue(self._looking, session, film.analysis)

    def ask_again(self, session: Session, film: Film, options: Options) -> Job:
        """Queue another take of a film.

        Raises:
            UsageError: it has none yet, or too many, or is being asked already.
        """
        if not film.takes:
            raise UsageError("This video has to be looked at first.")
        if film.again is not None and film.again.unfinished:
            raise UsageError("The model is being asked already: wait for its answer, or cancel that.")
        if len(film.takes) >= _MOST_TAKES:
            raise UsageError(f"The model was asked {_MOST_TAKES} times about this video: add it anew to go on.")

        def work(job: Job) -> None:
            film.takes = [*film.takes, self._ask(film, options, job)]

        film.again = Job("again", work, session.touch)
        return self._queue(self._asking, session, film.again)

    def export(self, session: Session, film: Film, summary: Summary, formats: Sequence[str]) -> Job:
        """Queue the writing of a summary.

        Raises:
            UsageError: a format is unknown or named twice, or cannot be written here, or there are too many exports.
        """
        formats = check_formats(formats)
        if sum(job.unfinished for job in film.exports) >= _MOST_EXPORTS:
            raise UsageError("Enough files are being written already: wait for them, or cancel some.")

        def work(job: Job) -> None:
            folder = film.folder / "exports" / job.id
            folder.mkdir(parents=True)
            length = summary.selected_duration
            job.report("write", 0, length)
            try:
                paths = save(
                    summary,
                    folder,
                    formats=formats,
                    name=Path(file_name(film.source.title)).stem,
                    on_progress=lambda done: job.report("write", min(done, length), length),
                )
                job.report("write", length, length)
                if self._is_upload(film):
                    for path in paths:
                        _name_beside(path, film.source.path.parent)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            job.files = [path.relative_to(folder).as_posix() for path in paths]

        job = Job("export", work, session.touch)
        for old in film.exports[: max(0, len(film.exports) + 1 - _MOST_EXPORTS)]:
            old.cancel()
            shutil.rmtree(film.folder / "exports" / old.id, ignore_errors=True)
        film.exports = [*film.exports[1 - _MOST_EXPORTS :], job]
        return self._queue(self._asking, session, job)

    @cached_property
    def formats(self) -> dict[str, bool]:
        """All formats, and whether the libraries that each needs are installed."""

        def can_write(name: str) -> bool:
            with suppress(UsageError):
                return bool(check_formats([name]))
            return False

        return {name: can_write(name) for name in format_names()}

    def ahead(self, job: Job) -> int:
        """How many jobs are done before this one."""
        return self._looking.ahead(job) + self._asking.ahead(job)

    def _queue(self, lane: Lane, session: Session, job: Job) -> Job:
        lane.add(job)
        session.touch()
        return job

    def _summarizer(self, film: Film) -> Summarizer:
        return self._uploads if self._is_upload(film) else self._local

    def _is_upload(self, film: Film) -> bool:
        return film.source.path.is_relative_to(self.settings.folder)

    def _ask(self, film: Film, options: Options, job: Job) -> Take:
        def report(at: StageProgress) -> None:
            job.report(at.stage, at.done, at.total)

        try:
            summary = self._summarizer(film).summarize(film.source.path, options, on_progress=report)
        except SummdiffError as error:
            raise type(error)(str(error).replace(str(film.source.path), film.source.title)) from error
        # From now on the options say what came out: a budget in seconds has become a share.
        return Take(replace(options, budget=summary.budget, duration=None), summary)

    def _offer_videos(self, session: Session) -> None:
        if session.owner:
            for path in self.settings.videos:
                with suppress(SummdiffError):  # it was there when the studio opened
                    self.add_local(session, path)

    def _sweep(self) -> None:
        while not self.closing.wait(min(_SWEEP_SECONDS, self.settings.idle_seconds / 4)):
            self.sessions.sweep()


def _name_beside(path: Path, folder: Path) -> None:
    """Let a written file name the video as one beside it, not as the studio's own copy, which goes with the studio."""
    if path.suffix in _PICTURES:
        return
    text = path.read_bytes()
    url = folder.as_uri()
    for place in (url.replace("file://", "file://localhost", 1), url, str(folder)):
        text = text.replace(f"{place}/".encode(), b"")
    path.write_bytes(text)


def check_video(path: Path) -> Source:
    """Find out before the studio opens whether it can show a file.

    Raises:
        VideoError: it cannot.
    """
    return describe(path, str(path))
