"""Dependencies of the HTTP API's functions: the studio, the session and the video of a request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from summdiff.web._schemas import Refusal
from summdiff.web._sessions import Session
from summdiff.web._studio import Studio
from summdiff.web._studio_video import StudioVideo, Version

RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Refusal, "description": "The request is refused."},
    "507": {"model": Refusal, "description": "The server's disk is full."},
}


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


def files_of(video: StudioVideo, jobs: set[str]) -> list[Path]:
    """Return the files that these exports of a video wrote."""
    return [
        video.folder / "exports" / export.id / name
        for export in video.exports
        if export.id in jobs
        for name in export.files
    ]


def _get_export(job: str, video: VideoDep) -> list[Path]:
    if paths := files_of(video, {job}):
        return paths
    raise HTTPException(404, "There are no such files.")


ExportDep = Annotated[list[Path], Depends(_get_export)]


def version_of(video: StudioVideo, number: int) -> Version:
    if not 0 <= number < len(video.versions):
        raise HTTPException(404, "There is no such version of this video.")
    return video.versions[number]
