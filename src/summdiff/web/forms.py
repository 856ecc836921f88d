"""What the HTTP API takes and gives, as JSON. Times are seconds from the first displayed frame of the video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from summdiff.export import printable
from summdiff.summary import Interval, Shot, Summary
from summdiff.web.jobs import Job
from summdiff.web.sessions import Film, Take

Span = Annotated[tuple[float, float], Field(description="[start, end) in seconds")]
_MOST_WISHES = 2000
_TOUCH = 1e-3  # seconds: less than this of a shot is the rounding of its end


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class LocalVideo(_Asked):
    """A file of the machine that the studio runs on."""

    path: str = Field(min_length=1, max_length=4096)


class Wishes(_Asked):
    """A budget, and what has to be in the summary or must not be."""

    budget: float = Field(gt=0, le=1, description="largest share of the duration")
    keep: list[Span] = Field(default=[], max_length=_MOST_WISHES)
    drop: list[Span] = Field(default=[], max_length=_MOST_WISHES)

    def parts(self) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        """Return the parts to keep and the parts to drop."""
        return tuple(Interval(*span) for span in self.keep), tuple(Interval(*span) for span in self.drop)


class SelectionAsked(Wishes):
    """Choose under these constraints, with the scores of one take."""

    take: int = Field(ge=0)


class ExportAsked(SelectionAsked):
    """The same as files; with `alternative` that alternative of the take instead, as it is."""

    formats: list[str] = Field(min_length=1, max_length=50)
    alternative: int | None = Field(default=None, ge=0)


class TakeAsked(Wishes):
    """Ask the model again, conditioned on these constraints."""

    seed: int = Field(default=0, ge=0, lt=2**53)


class JobView(BaseModel):
    """How a job stands."""

    id: str
    kind: Literal["analysis", "again", "export"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    stage: str
    done: float
    total: float
    ahead: int = Field(description="jobs that come before this one")
    error: str
    files: list[str]


class StripView(BaseModel):
    """The film strip: a sheet of `count` pictures, each of an equal stretch of the video, row by row."""

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
    late: float = Field(description="seconds on a player's clock at which the first frame is shown, our time 0")
    strip: StripView | None
    takes: int
    analysis: JobView | None
    again: JobView | None
    exports: list[JobView]


class SessionView(BaseModel):
    """What the page has to know at its start and after every change."""

    owner: bool = Field(description="whether files of the server's machine may be seen")
    typed_paths: bool
    max_upload: int = Field(description="bytes")
    formats: list[str] = Field(description="what exports can be written as")
    lacking: list[str] = Field(description="further formats, which need the extra `export` to be installed")
    videos: list[VideoView]


class AlternativeView(BaseModel):
    """Another good summary."""

    selection: list[Span]
    seconds: float
    expected: float = Field(description="its expected score relative to the best summary's")
    overlap: float = Field(description="seconds shared with the main summary, relative to those in either")


class SelectionView(BaseModel):
    """What is chosen."""

    chosen: list[int] = Field(description="places of the take's shots of which something is chosen")
    parts: list[Span]
    seconds: float
    allowed: float = Field(description="seconds that the budget allows")


class ShotView(BaseModel):
    """A shot."""

    start: float
    end: float
    score: float
    probability: float = Field(description="share of the samples in whose summary it is")


class TakeView(BaseModel):
    """One answer of the model: its curve, shots and summary, and what was asked of it."""

    take: int
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


def view_job(job: Job, ahead: Callable[[Job], int]) -> JobView:
    """A job as JSON."""
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


def view_video(film: Film, ahead: Callable[[Job], int]) -> VideoView:
    """A film as JSON."""
    source, strip = film.source, film.strip
    return VideoView(
        id=film.id,
        title=source.title,
        duration=source.duration,
        width=source.width,
        height=source.height,
        codec=source.codec,
        container=source.container,
        media_type=source.media_type,
        has_audio=source.has_audio,
        late=source.late,
        strip=StripView(
            count=strip.count, columns=strip.columns, width=strip.width, height=strip.height, seconds=strip.seconds
        )
        if strip
        else None,
        takes=len(film.takes),
        analysis=view_job(film.analysis, ahead) if film.analysis else None,
        again=view_job(film.again, ahead) if film.again else None,
        exports=[view_job(job, ahead) for job in film.exports],
    )


def view_selection(summary: Summary, shots: Sequence[Shot]) -> SelectionView:
    """The chosen parts as JSON; `shots` are those that places refer to."""
    starts = np.array([shot.start for shot in shots])
    ends = np.array([shot.end for shot in shots])
    chosen = np.zeros(len(shots), dtype=bool)
    for part in summary.selection:
        chosen |= (starts < part.end - _TOUCH) & (ends > part.start + _TOUCH)
    return SelectionView(
        chosen=[int(place) for place in np.flatnonzero(chosen)],
        parts=_spans(summary.selection),
        seconds=summary.selected_duration,
        allowed=summary.budget * summary.video.duration,
    )


def view_take(number: int, take: Take) -> TakeView:
    """A take as JSON. Scores are rounded to four digits: a page has fewer pixels than that."""
    summary, options = take.summary, take.options
    return TakeView(
        take=number,
        duration=summary.video.duration,
        rate=summary.settings["rate"],
        budget=summary.budget,
        keep=_spans(options.keep),
        drop=_spans(options.drop),
        seed=summary.seed,
        mean=[round(score, 4) for score in summary.scores.mean],
        std=[round(spread, 4) for spread in summary.scores.std],
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
        # How many alternatives there are, the page shows itself.
        warnings=[warning for warning in summary.warnings if "alternatives" not in warning],
        model=str(summary.model.get("id", "")),
    )


def _spans(parts: tuple[Interval, ...]) -> list[Span]:
    return [(part.start, part.end) for part in parts]
