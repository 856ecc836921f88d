"""JSON of the HTTP API. Times are seconds from the first displayed frame of the video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from summdiff.export import printable
from summdiff.reselection import chosen_shots
from summdiff.summary import MAX_TRANSITION, Interval, Shot, Summary
from summdiff.web._jobs import JobKind, JobState, StudioJob
from summdiff.web._sessions import StudioVideo, Version

Span = Annotated[tuple[float, float], Field(description="[start, end) in seconds")]
_MAX_CONSTRAINTS = 2000


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class LocalVideoRequest(_Request):
    """Add a file of the computer on which the studio runs."""

    path: str = Field(min_length=1, max_length=4096)


class ConstraintsRequest(_Request):
    """A budget, and the parts that must be in the summary or must not be."""

    budget: float = Field(gt=0, le=1, description="largest share of the duration")
    keep: list[Span] = Field(default=[], max_length=_MAX_CONSTRAINTS)
    drop: list[Span] = Field(default=[], max_length=_MAX_CONSTRAINTS)

    def intervals(self) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        """Return the parts to keep and the parts to drop."""
        return tuple(Interval(*span) for span in self.keep), tuple(Interval(*span) for span in self.drop)


class SelectionRequest(ConstraintsRequest):
    """Select shots under these constraints, with the scores of a version."""

    version: int = Field(ge=0)


class ExportRequest(SelectionRequest):
    """Write this selection as files; or, with `alternative`, that alternative of the version instead."""

    formats: list[str] = Field(min_length=1, max_length=50)
    alternative: int | None = Field(default=None, ge=0)
    transition: float = Field(default=0.0, ge=0, le=MAX_TRANSITION, description="seconds of each dissolve; 0 cuts")


class VersionRequest(ConstraintsRequest):
    """Compute a new version: the model samples curves under these constraints."""

    seed: int = Field(default=0, ge=0, lt=2**53)


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


class FilmstripView(BaseModel):
    """The filmstrip: an image of `count` thumbnails, row by row, each for an equal stretch of the video."""

    count: int
    columns: int
    width: int
    height: int
    seconds: float


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
    start_in_player: float = Field(
        description="seconds on a player's clock at which the first frame is displayed, which is time 0 of the API"
    )
    filmstrip: FilmstripView | None
    versions: int = Field(description="number of versions")
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


class SelectionView(BaseModel):
    """The selected parts."""

    chosen: list[int] = Field(description="positions of the version's shots of which a part is selected")
    parts: list[Span]
    seconds: float
    allowed: float = Field(description="seconds that the budget allows")


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
    rate: float = Field(description="steps per second; step k is at k / rate")
    budget: float
    keep: list[Span]
    drop: list[Span]
    seed: int
    mean: list[float]
    std: list[float]
    shots: list[ShotView]
    selection: SelectionView
    alternatives: list[AlternativeView]
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
    )


def view_video(video: StudioVideo, ahead: Callable[[StudioJob], int]) -> VideoView:
    """Convert a video to JSON."""
    file, filmstrip = video.file, video.filmstrip
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
        start_in_player=file.start_in_player,
        filmstrip=FilmstripView(
            count=filmstrip.count,
            columns=filmstrip.columns,
            width=filmstrip.width,
            height=filmstrip.height,
            seconds=filmstrip.seconds,
        )
        if filmstrip
        else None,
        versions=len(video.versions),
        analysis=view_job(video.analysis, ahead) if video.analysis else None,
        new_version=view_job(video.new_version, ahead) if video.new_version else None,
        exports=[view_job(job, ahead) for job in video.exports],
    )


def view_selection(summary: Summary, shots: Sequence[Shot]) -> SelectionView:
    """Convert the selected parts to JSON; `chosen` has positions in `shots`."""
    edges = np.array([*(shot.start for shot in shots), shots[-1].end])
    chosen = chosen_shots(edges, summary.selection)
    return SelectionView(
        chosen=[int(position) for position in np.flatnonzero(chosen)],
        parts=_spans(summary.selection),
        seconds=summary.selected_duration,
        allowed=summary.budget * summary.video.duration,
    )


def view_version(number: int, version: Version) -> VersionView:
    """Convert a version to JSON. Scores are rounded to four digits, finer than the pixels of a page."""
    summary, options = version.summary, version.options
    return VersionView(
        version=number,
        duration=summary.video.duration,
        rate=summary.settings["rate"],
        budget=summary.budget,
        keep=_spans(options.keep),
        drop=_spans(options.drop),
        seed=summary.seed,
        mean=[round(score, 4) for score in summary.scores.mean],
        std=[round(std, 4) for std in summary.scores.std],
        shots=[
            ShotView(start=shot.start, end=shot.end, score=round(shot.score, 4), probability=shot.probability)
            for shot in summary.shots
        ],
        selection=view_selection(summary, summary.shots),
        alternatives=[
            AlternativeView(
                selection=_spans(other.selection),
                seconds=sum(part.duration for part in other.selection),
                expected=other.expected,
                overlap=other.overlap,
            )
            for other in summary.alternatives
        ],
        # The page shows the number of alternatives itself.
        warnings=[warning for warning in summary.warnings if "alternatives" not in warning],
        model=str(summary.model.get("id", "")),
    )


def _spans(parts: tuple[Interval, ...]) -> list[Span]:
    return [(part.start, part.end) for part in parts]
