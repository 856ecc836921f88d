"""HTTP API: the session, its videos, and what the page shows of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from summdiff.web._captions import captions
from summdiff.web._projects import MAX_BYTES, SUFFIX, project_text, read_project
from summdiff.web._requests import RESPONSES, SessionDep, StudioDep, VideoDep
from summdiff.web._schemas import JobView, LocalVideoRequest, ProjectView, SessionView, VideoView, view_job, view_video
from summdiff.web._sound import SoundView, view_sound
from summdiff.web._studio_video import StudioVideo
from summdiff.web._uploads import clean_title, file_name, local_file, save_upload

_POLL_SECONDS = 0.1  # between checks for changes of a session
_HEARTBEAT_SECONDS = 15.0

router = APIRouter(prefix="/api", responses=RESPONSES)


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
            video = StudioVideo(id_, file, folder)
    except ClientDisconnect as error:
        raise HTTPException(400, "The upload broke off.") from error
    return view_video(studio.begin(session, video), studio.ahead)


@router.post("/videos/local", status_code=201)
def add_local_video(body: LocalVideoRequest, studio: StudioDep, session: SessionDep) -> VideoView:
    """Add a file of the server's computer. Needs the token, and a server that only this computer can reach."""
    if not (session.owner and studio.settings.typed_paths):
        raise HTTPException(403, "Files of this computer need a studio opened with its token, on this computer.")
    studio.check_capacity(session)
    return view_video(studio.add_local(session, local_file(body.path)), studio.ahead)


@router.post("/projects", status_code=201)
async def open_project(
    request: Request,
    studio: StudioDep,
    session: SessionDep,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="name of the file")],
) -> ProjectView:
    """Open a project: the body is the file. Without its film it waits for an upload of it."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise HTTPException(413, f"A project has at most {MAX_BYTES // 1_000_000} MB.")
    project = await run_in_threadpool(read_project, bytes(content), clean_title(name))
    video = await run_in_threadpool(studio.open_project, session, project)
    return ProjectView(title=project.title, video=view_video(video, studio.ahead) if video else None)


@router.get("/videos/{video}/project", response_class=Response)
def get_project(video: VideoDep, studio: StudioDep) -> Response:
    """Download the project: the summary as JSON, with all versions, decisions and undo steps."""
    if not video.versions:
        raise HTTPException(404, "This video has to be analyzed first.")
    name = file_name(video.file.title)
    film = name if studio.is_upload(video) else str(video.file.path)
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(Path(name).stem + SUFFIX)}"}
    return Response(project_text(video, film=film), media_type="application/octet-stream", headers=headers)


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


@router.get("/videos/{video}/picture", response_class=FileResponse)
async def get_picture(
    video: VideoDep,
    studio: StudioDep,
    start: Annotated[float, Query(ge=0, le=1e7, description="seconds")],
    end: Annotated[float, Query(ge=0, le=1e7, description="seconds")],
) -> FileResponse:
    """Get a small JPEG of a frame that appears in [start, end); if there is none, of the one on display."""
    path = await asyncio.wrap_future(studio.picture(video, start, end))
    return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400, immutable"})


@router.get("/videos/{video}/sound")
def get_sound(
    video: VideoDep,
    start: Annotated[float, Query(ge=0, le=1e7, description="seconds")],
    end: Annotated[float, Query(ge=0, le=1e7, description="seconds")],
    count: Annotated[int, Query(ge=1, le=4000, description="largest number of levels")] = 1000,
) -> SoundView:
    """Get the loudness and the segments of speech in [start, end)."""
    return view_sound(video.sound, start, end, count)


@router.get("/videos/{video}/captions", response_class=Response)
def get_captions(video: VideoDep) -> Response:
    """Get the words of the video as WebVTT on the player's clock: its subtitles, else its transcript, else no cues."""
    return Response(captions(video), media_type="text/vtt; charset=utf-8")
