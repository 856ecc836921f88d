"""The studio itself: sessions, and the jobs that analyze videos, compute versions and write exports."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.atomic import write_file
from summdiff.errors import SummdiffError, UsageError
from summdiff.export import check_formats, format_names, save
from summdiff.options import Options
from summdiff.summary import Summary
from summdiff.web._jobs import JobKind, JobQueue, StudioJob
from summdiff.web._projects import Project, film_of, is_film_of, read_project_file
from summdiff.web._sessions import Session, Sessions
from summdiff.web._sizes import Sizes
from summdiff.web._studio_video import StudioVideo, Version
from summdiff.web._uploads import VideoFile, clean_title, describe, file_name

if TYPE_CHECKING:
    from summdiff.pipeline import StageProgress, Summarizer

_MAX_WAITING_PROJECTS = 5  # of a session
_MAX_VIDEOS, _MAX_VERSIONS, _MAX_EXPORTS = 30, 100, 30  # videos of a session; versions and exports of a video
_PROBES = 1  # at a time: a small file may hold a picture that takes 400 MB
_CLEANUP_SECONDS = 60.0
_PICTURE_SUFFIXES = {".mp4", ".png", ".jpg", ".gif", ".webp"}  # exports that do not name the video file
_CLOSE_SECONDS = 3.0  # for running jobs, when the studio closes


@dataclass(frozen=True)
class Settings:
    """Settings of a studio.

    Attributes:
        folder: holds all its files; deleted at the end.
        videos: files of this computer that every session opened with the token starts with.
        typed_paths: whether sessions opened with the token may add other files of this computer.
        max_upload: largest upload in bytes.
        idle_seconds: an unused session and its files are deleted after this time.
        options: of the first analysis of a video.
    """

    folder: Path
    videos: tuple[Path, ...] = ()
    typed_paths: bool = True
    max_upload: int = 4_000_000_000
    idle_seconds: float = 12 * 3600.0
    options: Options = field(default_factory=Options)


class Studio:
    """The sessions of a server and their jobs.

    Videos are opened one at a time, whatever the number of requests. Analyses take minutes and have their own queue;
    new versions and exports are in a second one, so that an analysis does not delay them.

    Args:
        settings: settings.
        uploads: summarizes uploads. Its feature cache, if any, should be in `settings.folder`.
        local: summarizes files of this computer.
    """

    def __init__(self, settings: Settings, *, uploads: Summarizer, local: Summarizer) -> None:
        self.settings = settings
        self._uploads, self._local = uploads, local
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.sessions = Sessions(
            settings.folder / "sessions", idle_seconds=settings.idle_seconds, on_open=self._add_listed_videos
        )
        self._analyses, self._other_jobs = JobQueue("analyses"), JobQueue("other-jobs")
        self._probes = ThreadPoolExecutor(_PROBES, "summdiff-probes")
        self._pictures = ThreadPoolExecutor(_PROBES, "summdiff-pictures")
        self.closing = threading.Event()
        self._cleaner = threading.Thread(target=self._clean_up, name="summdiff-cleaner", daemon=True)
        self._cleaner.start()

    def close(self) -> None:
        """Cancel all jobs and delete all files."""
        self.closing.set()
        for pool in (self._probes, self._pictures):
            pool.shutdown(wait=False, cancel_futures=True)
        for queue in (self._analyses, self._other_jobs):
            queue.close(seconds=_CLOSE_SECONDS)
        self.sessions.close()
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    def check_capacity(self, session: Session) -> None:
        """Raise a UsageError if a session has as many videos as it may, including those being added."""
        if len(session.videos) + session.arriving >= _MAX_VIDEOS:
            raise UsageError(f"There are {_MAX_VIDEOS} videos in this session already: remove one first.")

    def describe(self, path: Path, title: str) -> Future[VideoFile]:
        """Describe a file as soon as no other file is being opened; see `summdiff.web._uploads.describe`."""
        return self._probes.submit(describe, path, title)

    def picture(self, video: StudioVideo, start: float, end: float) -> Future[Path]:
        """Make a picture as soon as no other is being made; see `Pictures.between`."""
        return self._pictures.submit(video.pictures.between, start, end)

    def without_paths(self, sentence: str) -> str:
        """Return a sentence in which files in the studio's folder have names without their folders."""
        return re.sub(re.escape(str(self.settings.folder)) + r"/(?:[^'\n]*/)?", "", sentence)

    def add_local(self, session: Session, path: Path) -> StudioVideo:
        """Add a file of this computer to a session and queue its analysis; of a project, its film.

        Raises:
            VideoError: it cannot be read as a video.
        """
        if path.suffix == ".json":
            project = read_project_file(path)
            session.projects[project.size] = project
            path = film_of(project, path)
        with session.new_folder() as (id_, folder):
            file = self.describe(path, clean_title(path.name)).result()
            video = StudioVideo(id_, file, folder)
        return self.begin(session, video)

    def begin(self, session: Session, video: StudioVideo) -> StudioVideo:
        """Add a video to a session, with its project if one waits for it, and queue its analysis."""
        if (project := session.projects.pop(video.file.size, None)) is not None:
            project.restore(video)
        session.add(video)
        self.analyze(session, video)
        return video

    def open_project(self, session: Session, project: Project) -> StudioVideo | None:
        """Restore a project if its film is in the session, or on this computer where the session may see it.

        Otherwise the project waits for its film.

        Raises:
            UsageError: the session has as many videos as it may.
            VideoError: the film cannot be read as a video.
        """
        for video in list(session.videos.values()):
            if video.file.size == project.size:
                project.restore(video)
                session.touch()
                return video
        session.projects = dict([*session.projects.items(), (project.size, project)][-_MAX_WAITING_PROJECTS:])
        if session.owner and self.settings.typed_paths and is_film_of(project, project.path):
            self.check_capacity(session)
            return self.add_local(session, project.path)
        return None

    def analyze(self, session: Session, video: StudioVideo) -> StudioJob:
        """Queue the analysis of a video, unless it is queued already."""
        if video.analysis is not None and video.analysis.unfinished:
            return video.analysis

        def work(job: StudioJob) -> None:
            summarizer = self._summarizer(video)
            job.report("load", 0, 1)
            summarizer.load()
            versions = video.versions or [self._summarize(video, self.settings.options, job)]
            video.sizes = Sizes.of(video.file.path)
            if video.file.has_audio:
                video.sound = summarizer.sound(video.file.path, versions[0].summary.video.duration)
            video.versions = versions

        video.analysis = self._job("analysis", work, session, video)
        return self._queue(self._analyses, session, video.analysis)

    def add_version(self, session: Session, video: StudioVideo, options: Options) -> StudioJob:
        """Queue the computation of another version of a video.

        Raises:
            UsageError: the video has no version yet, or too many, or another one is being computed.
        """
        if not video.versions:
            raise UsageError("This video has to be analyzed first.")
        if video.new_version is not None and video.new_version.unfinished:
            raise UsageError("A new version is being computed already: wait for it, or cancel it.")
        if len(video.versions) >= _MAX_VERSIONS:
            raise UsageError(f"This video has {_MAX_VERSIONS} versions already: add it again to continue.")

        def work(job: StudioJob) -> None:
            video.versions = [*video.versions, self._summarize(video, options, job)]

        video.new_version = self._job("version", work, session, video)
        return self._queue(self._other_jobs, session, video.new_version)

    def export(self, session: Session, video: StudioVideo, summary: Summary, formats: Sequence[str]) -> StudioJob:
        """Queue an export of a summary. Beyond 30 exports of a video, the oldest is deleted.

        Raises:
            UsageError: a format is unknown, named twice or not available here, or too many exports are unfinished.
        """
        formats = check_formats(formats)
        if sum(job.unfinished for job in video.exports) >= _MAX_EXPORTS:
            raise UsageError(f"{_MAX_EXPORTS} exports are unfinished: wait for them, or cancel some.")

        def work(job: StudioJob) -> None:
            folder = video.folder / "exports" / job.id
            length = summary.selected_duration
            job.report("write", 0, length)
            try:
                paths = save(
                    summary,
                    folder,
                    formats=formats,
                    name=Path(file_name(video.file.title)).stem,
                    on_progress=lambda done: job.report("write", min(done, length), length),
                )
                job.report("write", length, length)
                if self.is_upload(video):
                    for path in paths:
                        _make_references_relative(path, video.file.path.parent)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            job.files = [path.relative_to(folder).as_posix() for path in paths]
            job.sizes = [path.stat().st_size for path in paths]

        job = self._job("export", work, session, video)
        for old in video.exports[: max(0, len(video.exports) + 1 - _MAX_EXPORTS)]:
            old.cancel()
            shutil.rmtree(video.folder / "exports" / old.id, ignore_errors=True)
        video.exports = [*video.exports[1 - _MAX_EXPORTS :], job]
        return self._queue(self._other_jobs, session, job)

    @cached_property
    def formats(self) -> dict[str, bool]:
        """All export formats, and whether their libraries are installed."""

        def is_available(name: str) -> bool:
            with suppress(UsageError):
                return bool(check_formats([name]))
            return False

        return {name: is_available(name) for name in format_names()}

    def ahead(self, job: StudioJob) -> int:
        """Return the number of jobs before this one."""
        return self._analyses.ahead(job) + self._other_jobs.ahead(job)

    def _job(self, kind: JobKind, work: Callable[[StudioJob], None], session: Session, video: StudioVideo) -> StudioJob:
        """Return a job whose error names no path of the studio's folder."""

        def named(job: StudioJob) -> None:
            try:
                work(job)
            except SummdiffError as error:
                sentence = str(error).replace(str(video.file.path), video.file.title)
                raise type(error)(self.without_paths(sentence)) from error

        return StudioJob(kind, named, session.touch)

    def _queue(self, queue: JobQueue, session: Session, job: StudioJob) -> StudioJob:
        queue.add(job)
        session.touch()
        return job

    def _summarizer(self, video: StudioVideo) -> Summarizer:
        return self._uploads if self.is_upload(video) else self._local

    def is_upload(self, video: StudioVideo) -> bool:
        """Whether the video was uploaded, so that its file is deleted with the session."""
        return video.file.path.is_relative_to(self.settings.folder)

    def _summarize(self, video: StudioVideo, options: Options, job: StudioJob) -> Version:
        def report(progress: StageProgress) -> None:
            job.report(progress.stage, progress.done, progress.total)

        summarizer = self._summarizer(video)
        summary, samples = summarizer.summarize_with_samples(video.file.path, options, on_progress=report)
        # A budget in seconds has become a share.
        return Version(replace(options, budget=summary.budget, duration=None), summary, samples)

    def _add_listed_videos(self, session: Session) -> None:
        if session.owner:
            for path in self.settings.videos:
                with suppress(SummdiffError):  # the file may have disappeared since the studio opened
                    self.add_local(session, path)

    def _clean_up(self) -> None:
        while not self.closing.wait(min(_CLEANUP_SECONDS, self.settings.idle_seconds / 4)):
            self.sessions.close_idle()


def _make_references_relative(path: Path, folder: Path) -> None:
    """Let an export name the video as a file beside it instead of the studio's copy, which will be deleted."""
    if path.suffix in _PICTURE_SUFFIXES:
        return
    content = path.read_bytes()
    url = folder.as_uri()
    for place in (url.replace("file://", "file://localhost", 1), url, str(folder)):
        content = content.replace(f"{place}/".encode(), b"")
    write_file(path, content)
