"""Projects: a summary as JSON, together with everything that is needed to work on it again in the studio.

A project file is a summary of the schema `summdiff.summary/1` as it was saved, which `Summary.from_json` reads, with an
entry `project` that holds all versions and decisions with their undo steps, and tells the film that they belong to.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from summdiff._untrusted import parse_json, read_bytes
from summdiff.errors import DataError, reason
from summdiff.options import Options
from summdiff.summary import Summary
from summdiff.web._edits import Constraints, Decisions, EditHistory
from summdiff.web._studio_video import StudioVideo, Version

SUFFIX = ".summdiff.json"
MAX_BYTES = 64_000_000
_VERSION = 1
_MAX_VERSIONS = 100
_LEVELS = 255  # that samples are stored in


@dataclass(frozen=True)
class Project:
    """A project as it was read.

    Attributes:
        title: of the film.
        size: bytes of the film's file, by which it is recognized.
        path: where the film was.
        versions, edits: as in `StudioVideo`.
    """

    title: str
    size: int
    path: Path
    versions: list[Version]
    edits: EditHistory

    def restore(self, video: StudioVideo) -> None:
        """Give a video the versions and decisions of the project."""
        path = str(video.file.path)
        video.versions = [
            replace(version, summary=replace(version.summary, video=replace(version.summary.video, path=path)))
            for version in self.versions
        ]
        video.edits = self.edits


class _StoredVersion(BaseModel):
    options: Constraints
    seed: int = Field(ge=0, lt=2**63)
    summary: dict[str, Any]
    samples: str | None = None


class _StoredProject(BaseModel):
    version: int = Field(ge=1)
    title: str = Field(min_length=1, max_length=1000)
    size: int = Field(ge=0)
    versions: list[_StoredVersion] = Field(min_length=1, max_length=_MAX_VERSIONS)
    past: list[Decisions] = Field(max_length=1000)
    present: Decisions | None
    future: list[Decisions] = Field(max_length=1000)


def project_text(video: StudioVideo, *, film: str) -> str:
    """Return the project of an analyzed video as JSON; `film` is the path of the film that it names."""
    edits = video.edits
    shown = video.versions[edits.present.version if edits.present else 0]
    summary = shown.under(edits.present) if edits.present else shown.summary
    stored = _StoredProject(
        version=_VERSION,
        title=video.file.title,
        size=video.file.size,
        versions=[
            _StoredVersion(
                options=Constraints(
                    budget=version.summary.budget,
                    keep=[(part.start, part.end) for part in version.options.keep],
                    drop=[(part.start, part.end) for part in version.options.drop],
                ),
                seed=version.options.seed,
                summary=_document(version.summary, film),
                samples=_encoded(version.samples),
            )
            for version in video.versions
        ],
        past=edits.past,
        present=edits.present,
        future=edits.future,
    )
    return json.dumps({**_document(summary, film), "project": stored.model_dump()}, ensure_ascii=True) + "\n"


def read_project(text: str | bytes, name: str) -> Project:
    """Read a project.

    Args:
        text: content of the file.
        name: of the file, for messages.

    Raises:
        DataError: it is no project, or is damaged.
    """
    try:
        document = _object(text, name)
        stored = _StoredProject.model_validate(document["project"])
        versions = [
            Version(
                Options(**_options(version)),
                summary := Summary.from_json(json.dumps(version.summary)),
                _decoded(version.samples, len(summary.scores.times)),
            )
            for version in stored.versions
        ]
        path = Path(Summary.from_json(json.dumps({**document, "project": None})).video.path)
    except DataError as error:
        raise DataError(str(error).replace("the JSON text", f"'{name}'")) from error
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(f"'{name}' is damaged: its entry 'project.{place}' is not valid.") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"'{name}' cannot be read as a project: {error}.") from error
    for decisions in (*stored.past, *([stored.present] if stored.present else []), *stored.future):
        if decisions.version >= len(versions):
            raise DataError(f"'{name}' is damaged: it refers to version {decisions.version}, which it does not have.")
    edits = EditHistory(stored.past, stored.present, stored.future)
    return Project(stored.title, stored.size, path, versions, edits)


def read_project_file(path: Path) -> Project:
    """Read a project of this computer; raises as `read_project`."""
    try:
        return read_project(read_bytes(path, most=MAX_BYTES), path.name)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read as a project: {reason(error)}.") from error


def film_at(path: Path) -> Path:
    """Return the film of a path on this computer: itself, or that of a project.

    Raises:
        DataError: it is a project that is damaged, or whose film is not there.
    """
    return film_of(read_project_file(path), path) if path.suffix == ".json" else path


def is_film_of(project: Project, path: Path) -> bool:
    """Whether a file has the size of the project's film."""
    try:
        return path.is_absolute() and path.is_file() and path.stat().st_size == project.size
    except (OSError, ValueError):
        return False


def film_of(project: Project, file: Path) -> Path:
    """Return the film of a project: where it was, or beside the project's `file`.

    Raises:
        DataError: it is in neither place.
    """
    for path in (project.path, file.absolute().parent / project.path.name, file.absolute().parent / project.title):
        if is_film_of(project, path):
            return path
    raise DataError(f"The film '{project.title}' of the project '{file}' is not there: put it beside the project.")


def _object(text: str | bytes, name: str) -> dict[str, Any]:
    document = parse_json(text)
    if not isinstance(document, dict) or "project" not in document:
        raise DataError(f"'{name}' is not a summdiff project: save one in the studio with “Save project”.")
    return document


def _document(summary: Summary, film: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(replace(summary, video=replace(summary.video, path=film)).to_json())
    return document


def _options(version: _StoredVersion) -> dict[str, Any]:
    keep, drop = version.options.intervals()
    return {"budget": version.options.budget, "keep": keep, "drop": drop, "seed": version.seed}


def _encoded(samples: NDArray[np.float32] | None) -> str | None:
    if samples is None:
        return None
    return base64.b64encode(np.round(np.clip(samples, 0, 1) * _LEVELS).astype(np.uint8).tobytes()).decode("ascii")


def _decoded(text: str | None, n: int) -> NDArray[np.float32] | None:
    """Return samples (M, N) of N steps."""
    if text is None:
        return None
    values = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if not n or len(values) % n:
        raise ValueError(f"the samples do not belong to {n} steps")
    return (values.reshape(-1, n) / np.float32(_LEVELS)).astype(np.float32)
