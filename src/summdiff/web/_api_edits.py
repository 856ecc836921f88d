"""HTTP API: versions, decisions, exports and jobs of a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Annotated
from zipfile import ZipFile

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import FileResponse, Response

from summdiff.atomic import written_whole
from summdiff.web._edits import Decisions
from summdiff.web._requests import RESPONSES, ExportDep, SessionDep, StudioDep, VideoDep, files_of, version_of
from summdiff.web._schemas import (
    AlternativesView,
    EditsView,
    ExportRequest,
    JobView,
    SelectionView,
    VersionRequest,
    VersionView,
    view_alternatives,
    view_edits,
    view_job,
    view_selection,
    view_version,
)
from summdiff.web._transcripts import TranscriptView, view_transcript
from summdiff.web._uploads import file_name

router = APIRouter(prefix="/api", responses=RESPONSES)


@router.get("/videos/{video}/versions/{version}")
def get_version(video: VideoDep, version: int) -> VersionView:
    """Get a version: curve, shots and selection. 0 is the first."""
    return view_version(version, version_of(video, version), video.sizes)


@router.get("/videos/{video}/versions/{version}/transcript")
def get_transcript(video: VideoDep, version: int) -> TranscriptView:
    """Get what is said in the video, with the scores and matches of a version."""
    return view_transcript(version_of(video, version).summary)


@router.post("/videos/{video}/versions", status_code=202)
def add_version(video: VideoDep, body: VersionRequest, studio: StudioDep, session: SessionDep) -> JobView:
    """Compute another version under constraints. It is the video's last version once the job is done."""
    keep, drop = body.intervals()
    options = replace(
        studio.settings.options, budget=body.budget, keep=keep, drop=drop, seed=body.seed, about=tuple(body.about)
    )
    return view_job(studio.add_version(session, video, options), studio.ahead)


@router.post("/videos/{video}/selection")
def select(
    video: VideoDep,
    body: Decisions,
    rough: Annotated[
        bool, Query(description="in a hurry: the same thing may be chosen twice, and cuts may be some frames off")
    ] = False,
) -> SelectionView:
    """Select parts under these decisions. Fast: the scores of the version are reused."""
    version = version_of(video, body.version)
    chosen = version.rough().under(body) if rough else video.under(body.version, body)
    return view_selection(chosen, video.versions[body.version].summary.shots, video.sizes)


@router.post("/videos/{video}/alternatives")
def find_alternatives(video: VideoDep, body: Decisions) -> AlternativesView:
    """Find other good selections under the same budget and constraints; `alternative` and `parts` are ignored."""
    version_of(video, body.version)
    return view_alternatives(video.alternatives(body.version, body))


@router.get("/videos/{video}/edits")
def get_edits(video: VideoDep) -> EditsView:
    """Get what was decided about a video."""
    return view_edits(video.edits)


@router.post("/videos/{video}/edits")
def change_edits(video: VideoDep, body: Decisions) -> EditsView:
    """Decide anew, as one step of undo."""
    version_of(video, body.version)
    video.edits.change(body)
    return view_edits(video.edits)


@router.post("/videos/{video}/edits/undo")
def undo(video: VideoDep) -> EditsView:
    """Return to the decisions before, if there are any."""
    video.edits.undo()
    return view_edits(video.edits)


@router.post("/videos/{video}/edits/redo")
def redo(video: VideoDep) -> EditsView:
    """Return to what was undone last, if anything."""
    video.edits.redo()
    return view_edits(video.edits)


@router.post("/videos/{video}/exports", status_code=202)
def export(video: VideoDep, body: ExportRequest, studio: StudioDep, session: SessionDep) -> JobView:
    """Write the summary under these decisions as files."""
    version_of(video, body.version)
    summary = video.under(body.version, body)
    summary = replace(summary, settings={**summary.settings, "transition": body.transition})
    return view_job(studio.export(session, video, summary, body.formats), studio.ahead)


@router.get("/exports", response_class=FileResponse)
def get_exports_archive(
    session: SessionDep, job: Annotated[list[str], Query(min_length=1, max_length=100)]
) -> FileResponse:
    """Get all files of several exports of this session as a ZIP archive."""
    paths = [path for video in list(session.videos.values()) for path in files_of(video, set(job))]
    return _archive(paths, session.folder / "exports.zip", "summaries.zip")


@router.get("/videos/{video}/exports/{job}", response_class=FileResponse)
def get_export_archive(paths: ExportDep, video: VideoDep) -> FileResponse:
    """Get all files of an export as a ZIP archive."""
    name = f"{Path(file_name(video.file.title)).stem}.summary.zip"
    return _archive(paths, paths[0].parent / "all.zip", name)


@router.get("/videos/{video}/exports/{job}/{number}", response_class=FileResponse)
def get_export_file(paths: ExportDep, number: int) -> FileResponse:
    """Download a file of an export, by its position in the job's `files`."""
    if not 0 <= number < len(paths):
        raise HTTPException(404, "There is no such file.")
    path = paths[number]
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


def _archive(paths: Sequence[Path], archive: Path, name: str) -> FileResponse:
    """Write files into a ZIP archive, the second of a name with a number, and answer with it."""
    if not paths:
        raise HTTPException(404, "There are no such files.")
    taken: set[str] = set()
    with written_whole(archive) as temporary, ZipFile(temporary, "w") as zip_file:
        for path in paths:
            numbers = (f"{path.stem} ({n}){path.suffix}" for n in count(2))
            inside = next(each for each in chain([path.name], numbers) if each not in taken)
            taken.add(inside)
            zip_file.write(path, inside)
    return FileResponse(archive, media_type="application/octet-stream", filename=name)


@router.post("/jobs/{job}/cancel", status_code=204)
def cancel_job(job: str, session: SessionDep) -> Response:
    """Cancel a job: at once if it is waiting, soon if it is running."""
    for video in list(session.videos.values()):
        for candidate in video.jobs:
            if candidate.id == job:
                candidate.cancel()
                return Response(status_code=204)
    raise HTTPException(404, "There is no such job in this session.")
