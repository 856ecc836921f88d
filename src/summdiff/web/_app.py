"""The studio's web application: the page, and the HTTP API described in docs/studio.md and at /api/openapi.json.

A request sees only its own session: every id is looked up there, so ids of other sessions are unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zipfile import ZipFile

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.requests import ClientDisconnect

from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.errors import SummdiffError
from summdiff.export import printable
from summdiff.reselection import reselect
from summdiff.web._schemas import (
    ExportRequest,
    JobView,
    LocalVideoRequest,
    Refusal,
    SelectionRequest,
    SelectionView,
    SessionView,
    VersionRequest,
    VersionView,
    VideoView,
    view_job,
    view_selection,
    view_version,
    view_video,
)
from summdiff.web._security import Access, Guard, disk_problem
from summdiff.web._sessions import Session, StudioVideo, Version
from summdiff.web._studio import Studio
from summdiff.web._uploads import TooLargeError, clean_title, file_name, local_file, save_upload

STATIC = Path(__file__).parent / "static"
_NO_CACHE = {"cache-control": "no-cache"}  # browsers check for a new version at every load
_POLL_SECONDS = 0.1  # between checks for changes of a session
_HEARTBEAT_SECONDS = 15.0

router = APIRouter(
    prefix="/api",
    responses={
        "4XX": {"model": Refusal, "description": "The request is refused."},
        "507": {"model": Refusal, "description": "The server's disk is full."},
    },
)


def create_app(studio: Studio, access: Access) -> FastAPI:
    """Create the application. It closes the studio when it shuts down."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(
        title="summdiff studio",
        version=__version__,
        description="The API of the page that `summdiff serve` opens. All requests need the session cookie that the "
        "printed address sets; requests that change something need the header `X-Summdiff: 1`.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.studio = studio
    app.include_router(router)
    app.mount("/static", _StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, access=access, sessions=studio.sessions)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8", headers=_NO_CACHE)

    @app.exception_handler(SummdiffError)
    def on_known_error(request: Request, error: Exception) -> JSONResponse:
        detail = printable(studio.without_paths(str(error)))
        return JSONResponse({"detail": detail}, 413 if isinstance(error, TooLargeError) else 422)

    @app.exception_handler(OSError)
    def on_system_error(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": disk_problem(error)}, 507)

    @app.exception_handler(RequestValidationError)
    def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        places = ", ".join(dict.fromkeys(".".join(map(str, problem["loc"][1:])) or "the body" for problem in problems))
        return JSONResponse({"detail": f"The request is invalid at {places}: see /api/openapi.json."}, 422)

    return app


class _StaticFiles(StaticFiles):
    """The files of the page, checked by the browser at every load."""

    def file_response(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        response = super().file_response(*args, **kwargs)
        response.headers.update(_NO_CACHE)
        return response


def _get_studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


def _get_session(request: Request) -> Session:
    session: Session = request.state.session
    return session


StudioDep = Annotated[Studio, Depends(_get_studio)]
SessionDep = Annotated[Session, Depends(_get_session)]


def _get_video(video: str, session: SessionDep) -> StudioVideo:
    result = session.videos.get(video)
    if result is None:
        raise HTTPException(404, "There is no such video in this session.")
    return result


VideoDep = Annotated[StudioVideo, Depends(_get_video)]


def _get_export(job: str, video: VideoDep) -> list[Path]:
    for export in video.exports:
        if export.id == job and export.files:
            return [video.folder / "exports" / export.id / name for name in export.files]
    raise HTTPException(404, "There are no such files.")


ExportDep = Annotated[list[Path], Depends(_get_export)]


def _get_version(video: StudioVideo, number: int) -> Version:
    if not 0 <= number < len(video.versions):
        raise HTTPException(404, "There is no such version of this video.")
    return video.versions[number]


@router.get("/session")
def get_session(studio: StudioDep, session: SessionDep) -> SessionView:
    """Get the session: its videos, their jobs, and its limits."""
    return SessionView(
        owner=session.owner,
        typed_paths=session.owner and studio.settings.typed_paths,
        max_upload=studio.settings.max_upload,
        formats=[name for name, available in studio.formats.items() if available],
        unavailable_formats=[name for name, available in studio.formats.items() if not available],
        videos=[view_video(video, studio.ahead) for video in list(session.videos.values())],
    )


@router.get("/events", response_class=StreamingResponse)
async def get_events(studio: StudioDep, session: SessionDep) -> StreamingResponse:
    """Get server-sent events: the session, as /api/session returns it, at once and after every change."""

    async def stream() -> AsyncIterator[str]:
        with session.listening():
            sent_revision, quiet_seconds = -1, 0.0
            while not studio.closing.is_set():
                if session.revision != sent_revision:
                    sent_revision, quiet_seconds = session.revision, 0.0
                    yield f"retry: 1000\ndata: {get_session(studio, session).model_dump_json()}\n\n"
                elif quiet_seconds >= _HEARTBEAT_SECONDS:
                    quiet_seconds = 0.0
                    yield ": heartbeat\n\n"
                await asyncio.sleep(_POLL_SECONDS)
                quiet_seconds += _POLL_SECONDS

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/videos", status_code=201)
async def upload_video(
    request: Request,
    studio: StudioDep,
    session: SessionDep,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="title of the video")],
) -> VideoView:
    """Upload a video: the body is the file. Its analysis is queued."""
    studio.check_capacity(session)
    length = request.headers.get("content-length", "")
    title = clean_title(name)
    try:
        with session.new_folder() as (id_, folder):
            path = folder / "video" / file_name(title)
            path.parent.mkdir()
            await save_upload(
                request.stream(),
                path,
                announced_bytes=int(length) if length.isdigit() else None,
                max_bytes=studio.settings.max_upload,
            )
            file = await asyncio.wrap_future(studio.describe(path, title))
            video = session.add(StudioVideo(id_, file, folder))
    except ClientDisconnect as error:
        raise HTTPException(400, "The upload broke off.") from error
    studio.analyze(session, video)
    return view_video(video, studio.ahead)


@router.post("/videos/local", status_code=201)
def add_local_video(body: LocalVideoRequest, studio: StudioDep, session: SessionDep) -> VideoView:
    """Add a file of the server's computer. Needs the token, and a server that only this computer can reach."""
    if not (session.owner and studio.settings.typed_paths):
        raise HTTPException(403, "Files of this computer need a studio opened with its token, on this computer.")
    studio.check_capacity(session)
    return view_video(studio.add_local(session, local_file(body.path)), studio.ahead)


@router.get("/videos/{video}")
def get_video(video: VideoDep, studio: StudioDep) -> VideoView:
    """Get one video."""
    return view_video(video, studio.ahead)


@router.delete("/videos/{video}", status_code=204)
def remove_video(video: VideoDep, session: SessionDep) -> Response:
    """Remove a video from the session: cancel its jobs and delete its files. A file added by its path is kept."""
    session.remove(video)
    return Response(status_code=204)


@router.post("/videos/{video}/analysis", status_code=202)
def analyze_video(video: VideoDep, studio: StudioDep, session: SessionDep) -> JobView:
    """Analyze a video again after its analysis failed or was cancelled."""
    return view_job(studio.analyze(session, video), studio.ahead)


@router.get("/videos/{video}/media", response_class=FileResponse)
def get_media(video: VideoDep) -> FileResponse:
    """Get the video file; supports range requests."""
    if not video.file.path.is_file():
        raise HTTPException(410, "The file of this video is gone.")
    return FileResponse(video.file.path, media_type=video.file.media_type)


@router.get("/videos/{video}/filmstrip", response_class=FileResponse)
def get_filmstrip(video: VideoDep) -> FileResponse:
    """Get the filmstrip, a JPEG; the video's `filmstrip` describes its layout."""
    if video.filmstrip is None:
        raise HTTPException(404, "The filmstrip is not made yet.")
    return FileResponse(
        video.filmstrip.path, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400, immutable"}
    )


@router.get("/videos/{video}/versions/{version}")
def get_version(video: VideoDep, version: int) -> VersionView:
    """Get a version: curve, shots, selection and alternatives. 0 is the first."""
    return view_version(version, _get_version(video, version))


@router.post("/videos/{video}/versions", status_code=202)
def add_version(video: VideoDep, body: VersionRequest, studio: StudioDep, session: SessionDep) -> JobView:
    """Compute another version under constraints. It is the video's last version once the job is done."""
    keep, drop = body.intervals()
    options = replace(studio.settings.options, budget=body.budget, keep=keep, drop=drop, seed=body.seed)
    return view_job(studio.add_version(session, video, options), studio.ahead)


@router.post("/videos/{video}/selection")
def select(video: VideoDep, body: SelectionRequest) -> SelectionView:
    """Select shots under another budget and constraints. Fast: the scores of the version are reused."""
    keep, drop = body.intervals()
    summary = _get_version(video, body.version).summary
    return view_selection(reselect(summary, budget=body.budget, keep=keep, drop=drop), summary.shots)


@router.post("/videos/{video}/exports", status_code=202)
def export(video: VideoDep, body: ExportRequest, studio: StudioDep, session: SessionDep) -> JobView:
    """Write a selection of a version, or one of its alternatives, as files."""
    summary = _get_version(video, body.version).summary
    if body.alternative is None:
        keep, drop = body.intervals()
        summary = reselect(summary, budget=body.budget, keep=keep, drop=drop)
    elif body.alternative < len(summary.alternatives):
        summary = summary.alternative(body.alternative)
    else:
        raise HTTPException(404, "There is no such alternative of this version.")
    summary = replace(summary, settings={**summary.settings, "transition": body.transition})
    return view_job(studio.export(session, video, summary, body.formats), studio.ahead)


@router.get("/videos/{video}/exports/{job}", response_class=FileResponse)
def get_export_archive(paths: ExportDep, video: VideoDep) -> FileResponse:
    """Get all files of an export as a ZIP archive."""
    archive = paths[0].parent / "all.zip"
    if not archive.exists():
        with written_whole(archive) as temporary, ZipFile(temporary, "w") as zip_file:
            for path in paths:
                zip_file.write(path, path.name)
    name = f"{Path(file_name(video.file.title)).stem}.summary.zip"
    return FileResponse(archive, media_type="application/octet-stream", filename=name)


@router.get("/videos/{video}/exports/{job}/{number}", response_class=FileResponse)
def get_export_file(paths: ExportDep, number: int) -> FileResponse:
    """Download a file of an export, by its position in the job's `files`."""
    if not 0 <= number < len(paths):
        raise HTTPException(404, "There is no such file.")
    path = paths[number]
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


@router.post("/jobs/{job}/cancel", status_code=204)
def cancel_job(job: str, session: SessionDep) -> Response:
    """Cancel a job: at once if it is waiting, soon if it is running."""
    for video in list(session.videos.values()):
        for candidate in video.jobs:
            if candidate.id == job:
                candidate.cancel()
                return Response(status_code=204)
    raise HTTPException(404, "There is no such job in this session.")
