"""JSON of the HTTP API. Times are seconds from the first displayed frame of the video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from summdiff.export import printable
from summdiff.reselection import chosen_shots
from summdiff.summary import MAX_TRANSITION, Interval, Shot, Summary
from summdiff.web._edits import Constraints, Decisions, EditHistory, Request, Span
from summdiff.web._jobs import JobKind, JobState, StudioJob
from summdiff.web._sizes import Sizes
from summdiff.web._studio_video import StudioVideo, Version


class LocalVideoRequest(Request):
    """Add a file of the computer on which the studio runs."""

    path: str = Field(min_length=1, max_length=4096)


class ExportRequest(Decisions):
    """Write the summary under these decisions as files."""

    formats: list[str] = Field(min_length=1, max_length=50)
    transition: float = Field(default=0.0, ge=0, le=MAX_TRANSITION, description="seconds of each dissolve; 0 cuts")


class VersionRequest(Constraints):
    """Compute a new version: the model samples curves under these constraints."""

    seed: int = Field(default=0, ge=0, lt=2**53)
    about: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(
        default=[], max_length=20, description="what the summary is to be about"
    )


class Refusal(BaseModel):
    """A request that is refused or fails."""

    detail: str = Field(description="the reason, one sentence")


class JobView(BaseModel):
    """State of a job."""

    id: str
    kind: JobKind
    state: JobState
    stage: str
    done: float
    total: float
    ahead: int = Field(description="number of jobs before this one")
    error: str
    files: list[str]
    sizes: list[int] = Field(description="bytes of each file")


class VideoView(BaseModel):
    """A video of this session."""

    id: str
    title: str
    duration: float
    width: int
    height: int
    codec: str
    container: str
    media_type: str
    has_audio: bool
    has_subtitles: bool = Field(description="whether the file has subtitles")
    has_words: bool = Field(description="whether it has subtitles or a transcript")
    size: int = Field(description="bytes of the file")
    player_times: tuple[tuple[float, float], ...] = Field(
        description="seconds of the API beside those of a player's clock, which differ by as much until the next pair: "
        "at the first frame, and after each gap in the film that is closed here"
    )
    versions: int = Field(description="number of versions")
    warnings: list[str] = Field(description="sentences about the file, such as that it is cut short")
    analysis: JobView | None
    new_version: JobView | None = Field(description="the latest job that computes another version")
    exports: list[JobView]


class SessionView(BaseModel):
    """State of the session."""

    owner: bool = Field(description="whether files of the server's computer may be seen")
    typed_paths: bool = Field(description="whether files of the server's computer may be added")
    max_upload: int = Field(description="bytes")
    formats: list[str] = Field(description="available export formats")
    unavailable_formats: list[str] = Field(description="formats that need the extra `export` to be installed")
    videos: list[VideoView]


class AlternativeView(BaseModel):
    """Another good summary."""

    selection: list[Span]
    seconds: float
    expected: float = Field(description="its expected score relative to the best summary's")
    overlap: float = Field(description="seconds shared with the main summary, relative to those in either")


class ProjectView(BaseModel):
    """A project that was opened."""

    title: str = Field(description="name of its film")
    video: VideoView | None = Field(description="the film; None while the project waits for it")


class AlternativesView(BaseModel):
    """Good selections under the same budget and constraints."""

    best: list[Span]
    others: list[AlternativeView]


class EditsView(BaseModel):
    """Decisions of the person about a video."""

    present: Decisions | None = Field(description="None before the first decision")
    can_undo: bool
    can_redo: bool


class SelectionView(BaseModel):
    """The selected parts."""

    chosen: list[int] = Field(description="positions of the version's shots of which a part is selected")
    parts: list[Span] = Field(description="in the order in which they are played")
    seconds: float
    allowed: float = Field(description="seconds that the budget allows")
    size: int | None = Field(description="bytes that these parts take in the film's file; None if unknown")


class ShotView(BaseModel):
    """A shot."""

    start: float
    end: float
    score: float
    probability: float = Field(description="share of the samples whose summary contains it")


class VersionView(BaseModel):
    """A summary computed by the model: its curve, shots and selection, and the constraints it was computed with."""

    version: int
    duration: float
    fps: float = Field(description="average frame rate of the video")
    rate: float = Field(description="steps per second; step k is at k / rate")
    budget: float
    keep: list[Span]
    drop: list[Span]
    seed: int
    about: list[str] = Field(description="what it was asked to be about")
    mean: list[float]
    std: list[float]
    shots: list[ShotView]
    selection: SelectionView
    warnings: list[str]
    model: str


def view_job(job: StudioJob, ahead: Callable[[StudioJob], int]) -> JobView:
    """Convert a job to JSON."""
    return JobView(
        id=job.id,
        kind=job.kind,
        state=job.state,
        stage=job.stage,
        done=job.done,
        total=job.total,
        ahead=ahead(job) if job.state == "waiting" else 0,
        error=printable(job.error),
        files=job.files,
        sizes=job.sizes,
    )


def view_video(video: StudioVideo, ahead: Callable[[StudioJob], int]) -> VideoView:
    """Convert a video to JSON."""
    file = video.file
    return VideoView(
        id=video.id,
        title=file.title,
        duration=file.duration,
        width=file.width,
        height=file.height,
        codec=file.codec,
        container=file.container,
        media_type=file.media_type,
        has_audio=file.has_audio,
        has_subtitles=file.has_subtitles,
        has_words=file.has_subtitles or any(version.summary.transcript for version in video.versions),
        size=file.size,
        player_times=file.player_times,
        versions=len(video.versions),
        warnings=_warnings(video.versions[0].summary) if video.versions else [],
        analysis=view_job(video.analysis, ahead) if video.analysis else None,
        new_version=view_job(video.new_version, ahead) if video.new_version else None,
        exports=[view_job(job, ahead) for job in video.exports],
    )


def view_selection(summary: Summary, shots: Sequence[Shot], sizes: Sizes | None) -> SelectionView:
    """Convert the selected parts to JSON; `chosen` has positions in `shots`."""
    edges = np.array([*(shot.start for shot in shots), shots[-1].end])
    chosen = chosen_shots(edges, summary.selection)
    return SelectionView(
        chosen=[int(position) for position in np.flatnonzero(chosen)],
        parts=_spans(tuple(summary.selection[place] for place in summary.order) or summary.selection),
        seconds=summary.selected_duration,
        allowed=summary.budget * summary.video.duration,
        size=None if sizes is None else sizes.between(summary.selection),
    )


def view_version(number: int, version: Version, sizes: Sizes | None) -> VersionView:
    """Convert a version to JSON. Scores are rounded to four digits, finer than the pixels of a page."""
    summary, options = version.summary, version.options
    return VersionView(
        version=number,
        duration=summary.video.duration,
        fps=summary.video.fps,
        rate=summary.settings["rate"],
        budget=summary.budget,
        keep=_spans(options.keep),
        drop=_spans(options.drop),
        seed=summary.seed,
        about=summary.settings.get("about", []),
        mean=[round(score, 4) for score in summary.scores.mean],
        std=[round(std, 4) for std in summary.scores.std],
        shots=[
            ShotView(start=shot.start, end=shot.end, score=round(shot.score, 4), probability=shot.probability)
            for shot in summary.shots
        ],
        selection=view_selection(summary, summary.shots, sizes),
        warnings=_warnings(summary),
        model=str(summary.model.get("id", "")),
    )


def view_alternatives(summary: Summary) -> AlternativesView:
    """Convert the selection and the alternatives of a summary to JSON."""
    others = [
        AlternativeView(
            selection=_spans(other.selection),
            seconds=sum(part.duration for part in other.selection),
            expected=other.expected,
            overlap=other.overlap,
        )
        for other in summary.alternatives
    ]
    return AlternativesView(best=_spans(summary.selection), others=others)


def view_edits(edits: EditHistory) -> EditsView:
    """Convert decisions to JSON."""
    return EditsView(present=edits.present, can_undo=bool(edits.past), can_redo=bool(edits.future))


def _warnings(summary: Summary) -> list[str]:
    """Return a summary's warnings except that about the number of alternatives, which the page shows."""
    return [warning for warning in summary.warnings if "alternatives" not in warning]


def _spans(parts: tuple[Interval, ...]) -> list[Span]:
    return [(part.start, part.end) for part in parts]
