"""The HTTP API of the studio, described at /api/openapi.json and in docs/studio.md.

A request sees its own session and nothing else: every id is looked up there, so an id of another session is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zipfile import ZipFile

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from summdiff.atomic import written_whole
from summdiff.reselection import reselect
from summdiff.web.forms import (
    ExportAsked,
    JobView,
    LocalVideo,
    SelectionAsked,
    SelectionView,
    SessionView,
    TakeAsked,
    TakeView,
    VideoView,
    view_job,
    view_selection,
    view_take,
    view_video,
)
from summdiff.web.intake import clean_title, describe, file_name, local_file, receive
from summdiff.web.sessions import Film, Session, Take
from summdiff.web.work import Studio

_LOOK_SECONDS = 0.1  # between looks whether something changed; a progress display needs no more
_HEARTBEAT_SECONDS = 15.0

router = APIRouter(prefix="/api")


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


def _session(request: Request) -> Session:
    session: Session = request.state.session
    return session


TheStudio = Annotated[Studio, Depends(_studio)]
Mine = Annotated[Session, Depends(_session)]


def _film(video: str, session: Mine) -> Film:
    film = session.films.get(video)
    if film is None:
        raise HTTPException(404, "There is no such video in this session.")
    return film


TheFilm = Annotated[Film, Depends(_film)]


def _take(film: Film, number: int) -> Take:
    if not 0 <= number < len(film.takes):
        raise HTTPException(404, "There is no such take of this video.")
    return film.takes[number]


@router.get("/session")
def session_view(studio: TheStudio, session: Mine) -> SessionView:
    """The session: its videos, their jobs, and what may be done."""
    return SessionView(
        owner=session.owner,
        typed_paths=session.owner and studio.settings.typed_paths,
        max_upload=studio.settings.max_upload,
        formats=[name for name, there in studio.formats.items() if there],
        lacking=[name for name, there in studio.formats.items() if not there],
        videos=[view_video(film, studio.ahead) for film in list(session.films.values())],
    )


@router.get("/events", response_class=StreamingResponse)
async def events(studio: TheStudio, session: Mine) -> StreamingResponse:
    """Server-sent events: the session (as /api/session gives it) now and after every change."""

    async def stream() -> AsyncIterator[str]:
        session.listeners += 1
        try:
            seen, quiet = -1, 0.0
            while not studio.closing.is_set():
                if session.version != seen:
                    seen, quiet = session.version, 0.0
                    yield f"retry: 1000\ndata: {session_view(studio, session).model_dump_json()}\n\n"
                elif quiet >= _HEARTBEAT_SECONDS:
                    quiet = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(_LOOK_SECONDS)
                quiet += _LOOK_SECONDS
        finally:
            session.listeners -= 1

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/videos", status_code=201)
async def upload(
    request: Request,
    studio: TheStudio,
    session: Mine,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="what the video is called")],
) -> VideoView:
    """Add a video: the body is the file, as it is. It is looked at as soon as its turn comes."""
    studio.check_room(session)
    told = request.headers.get("content-length", "")
    title = clean_title(name)
    try:
        with session.new_folder() as (id_, folder):
            path = folder / "video" / file_name(title)
            path.parent.mkdir()
            await receive(
                request.stream(), path, told=int(told) if told.isdigit() else None, most=studio.settings.max_upload
            )
            source = await run_in_threadpool(describe, path, title)
            film = session.add(Film(id_, source, folder))
    except ClientDisconnect as error:
        raise HTTPException(400, "The upload broke off.") from error
    studio.analyse(session, film)
    return view_video(film, studio.ahead)


@router.post("/videos/local", status_code=201)
def add_local(asked: LocalVideo, studio: TheStudio, session: Mine) -> VideoView:
    """Add a file of the server's machine; only for whoever has the token, and only where it listens to itself alone."""
    if not (session.owner and studio.settings.typed_paths):
        raise HTTPException(403, "Files of this machine open only in a studio opened with its token, on this machine.")
    studio.check_room(session)
    return view_video(studio.add_local(session, local_file(asked.path)), studio.ahead)


@router.get("/videos/{video}")
def video_view(film: TheFilm, studio: TheStudio) -> VideoView:
    """One video."""
    return view_video(film, studio.ahead)


@router.delete("/videos/{video}", status_code=204)
def remove(film: TheFilm, session: Mine) -> Response:
    """Remove a video from the session, stop its jobs and delete its files. A file of the machine itself stays."""
    session.remove(film)
    return Response(status_code=204)


@router.post("/videos/{video}/analysis", status_code=202)
def analyse(film: TheFilm, studio: TheStudio, session: Mine) -> JobView:
    """Look at a video again after that failed or was cancelled."""
    return view_job(studio.analyse(session, film), studio.ahead)


@router.get("/videos/{video}/media", response_class=FileResponse)
def media(film: TheFilm) -> FileResponse:
    """The video file itself; ranges can be asked for."""
    if not film.source.path.is_file():
        raise HTTPException(410, "The file of this video is gone.")
    return FileResponse(film.source.path, media_type=film.source.media_type)


@router.get("/videos/{video}/strip", response_class=FileResponse)
def strip(film: TheFilm) -> FileResponse:
    """The film strip, a JPEG; the video's `strip` says how it is laid out."""
    if film.strip is None:
        raise HTTPException(404, "The film strip is not drawn yet.")
    return FileResponse(
        film.strip.path, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400, immutable"}
    )


@router.get("/videos/{video}/takes/{take}")
def take_view(film: TheFilm, take: int) -> TakeView:
    """One answer of the model; 0 is the first."""
    return view_take(take, _take(film, take))


@router.post("/videos/{video}/takes", status_code=202)
def ask_again(film: TheFilm, asked: TakeAsked, studio: TheStudio, session: Mine) -> JobView:
    """Ask the model again, conditioned on the constraints. When the job is done, the video has one more take."""
    keep, drop = asked.parts()
    options = replace(studio.settings.options, budget=asked.budget, keep=keep, drop=drop, seed=asked.seed)
    return view_job(studio.ask_again(session, film, options), studio.ahead)


@router.post("/videos/{video}/selection")
def selection(film: TheFilm, asked: SelectionAsked) -> SelectionView:
    """Choose again within a take, under another budget and other constraints. Milliseconds: the model is not asked."""
    keep, drop = asked.parts()
    summary = _take(film, asked.take).summary
    return view_selection(reselect(summary, budget=asked.budget, keep=keep, drop=drop), summary.shots)


@router.post("/videos/{video}/exports", status_code=202)
def export(film: TheFilm, asked: ExportAsked, studio: TheStudio, session: Mine) -> JobView:
    """Write files of a take's selection under these constraints, or of one of its alternatives."""
    summary = _take(film, asked.take).summary
    if asked.alternative is None:
        keep, drop = asked.parts()
        summary = reselect(summary, budget=asked.budget, keep=keep, drop=drop)
    elif asked.alternative < len(summary.alternatives):
        summary = summary.alternative(asked.alternative)
    else:
        raise HTTPException(404, "There is no such alternative of this take.")
    return view_job(studio.export(session, film, summary, asked.formats), studio.ahead)


def _written(job: str, film: TheFilm) -> list[Path]:
    for known in film.exports:
        if known.id == job and known.files:
            return [film.folder / "exports" / known.id / name for name in known.files]
    raise HTTPException(404, "There are no such files.")


Written = Annotated[list[Path], Depends(_written)]


@router.get("/videos/{video}/exports/{job}", response_class=FileResponse)
def exported_together(written: Written, film: TheFilm) -> FileResponse:
    """All files that an export wrote, as one ZIP archive."""
    archive = written[0].parent / "all.zip"
    if not archive.exists():
        with written_whole(archive) as temporary, ZipFile(temporary, "w") as together:
            for path in written:
                together.write(path, path.name)
    name = f"{Path(file_name(film.source.title)).stem}.summary.zip"
    return FileResponse(archive, media_type="application/octet-stream", filename=name)


@router.get("/videos/{video}/exports/{job}/{number}", response_class=FileResponse)
def exported(written: Written, number: int) -> FileResponse:
    """A file that an export wrote, by its place in the job's `files`; always as a download."""
    if not 0 <= number < len(written):
        raise HTTPException(404, "There is no such file.")
    path = written[number]
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


@router.post("/jobs/{job}/cancel", status_code=204)
def cancel(job: str, session: Mine) -> Response:
    """Stop a job: at once where it waits, soon where it runs."""
    for film in list(session.films.values()):
        for known in film.jobs:
            if known.id == job:
                known.cancel()
                return Response(status_code=204)
    raise HTTPException(404, "There is no such job in this session.")
