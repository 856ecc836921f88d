"""The manifest of a run: the outcome of each video, as append-only JSON lines.

    {"event": "begin", "schema": "summdiff.manifest/1", "verb": "extract", "settings": {...}, ...}
    {"event": "start", "video": "/a.mp4", "version": [4139823, 1764...], ...}
    {"event": "done", "video": "/a.mp4", "version": [...], ..., facts about the result}
    {"event": "crashed", ...}      its worker died; it is tried again
    {"event": "failed", ..., "kind": "video", "error": "..."}      set aside

Each line is on the disk before the run continues. A line that a killed process cut off is removed, and a video whose
last event is `start` was being processed. A worker that has finished a video writes a receipt, a separate file beside
the manifest; the process that distributes the work turns it into a `done` line. So a finished video counts even if that
process was killed before it got the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

from summdiff._untrusted import parse_json, read_bytes, read_json
from summdiff._version import __version__
from summdiff.archive.jobs import FileVersion, Record, VideoJob
from summdiff.atomic import make_folder, written_whole
from summdiff.errors import ArchiveError, DataError, OutputError, UsageError, reason

SCHEMA = "summdiff.manifest/1"
_BEGINNING = b'{"event": "begin"'

Status = Literal["started", "done", "failed"]
FailureKind = Literal["video", "crash", "time", "bug"]


@dataclass(slots=True)
class VideoState:
    """State of a video in a run.

    Attributes:
        version: version of the file, see `VideoJob.version`; None for no file.
        status: current status.
        record: facts about the result, if it is done.
        error: reason for setting it aside.
        crashes: number of workers that died while they processed it.
        begun: whether a worker ever got it; existing results are then results of this run.
    """

    version: FileVersion | None
    status: Status
    record: Record = field(default_factory=dict)
    error: str = ""
    crashes: int = 0
    begun: bool = False


class RunState:
    """States of the videos of a run, in memory only. A context manager, as `Manifest` is.

    Attributes:
        videos: states by absolute path.
        receipts: folder in which workers leave receipts; None for no receipts.
    """

    receipts: Path | None = None

    def __init__(self) -> None:
        self.videos: dict[str, VideoState] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begun(self, job: VideoJob) -> bool:
        """Return whether a worker ever got this video; its existing results are then results of this run."""
        state = self.videos.get(job.path)
        return state is not None and state.begun

    def start(self, job: VideoJob, version: FileVersion | None) -> None:
        """Record that a worker gets this video."""
        before = self.videos.get(job.path)
        crashes = before.crashes if before is not None and before.version == version else 0
        self.videos[job.path] = VideoState(version, "started", crashes=crashes, begun=True)
        self._add("start", job.path, version)

    def done(self, job: VideoJob, record: Record) -> None:
        """Record that it is done."""
        state = self.videos[job.path]
        state.status, state.record = "done", record
        self._add("done", job.path, state.version, **record)
        if self.receipts is not None:
            receipt_file(self.receipts, job).unlink(missing_ok=True)

    def crashed(self, job: VideoJob, error: str) -> int:
        """Record that its worker died; return the number of workers that died with this video."""
        state = self.videos[job.path]
        state.crashes += 1
        self._add("crashed", job.path, state.version, crashes=state.crashes, error=error)
        return state.crashes

    def failed(self, job: VideoJob, version: FileVersion | None, kind: FailureKind, error: str, **more: Any) -> None:
        """Record that it is set aside."""
        self.videos[job.path] = VideoState(version, "failed", error=error, begun=self.begun(job))
        self._add("failed", job.path, version, kind=kind, error=error, **more)

    def end(self, **counts: Any) -> None:
        """Record that the run is over."""
        self._write({"event": "end", **counts, "time": _now()})

    def receipt(self, job: VideoJob) -> Record | None:
        """Return the record of a video that its worker had finished before it died; else None."""
        receipt = None if self.receipts is None else _read_receipt(receipt_file(self.receipts, job))
        if receipt is None or receipt["version"] != _listed(self.videos[job.path].version):
            return None
        record: Record = receipt["record"]
        return record

    def _add(self, event: str, video: str, version: FileVersion | None, **more: Any) -> None:
        self._write({"event": event, "video": video, "version": _listed(version), **more, "time": _now()})

    def _write(self, fields: Mapping[str, Any]) -> None:
        """Append a line to the manifest, if the run has one."""


class Manifest(RunState):
    """The manifest file of a run, locked and written by this process while it is entered.

    Args:
        path: the file, made with its folder if missing.
        verb: name of the command.
        settings: its settings, as JSON values; a run has one set of settings.

    Raises:
        UsageError: the file belongs to another command or other settings.
        ArchiveError: another process is writing it.
        DataError: it is damaged.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, verb: str, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.path, self.verb = path, verb
        self.settings = json.loads(json.dumps(settings))  # as it will be read back
        self.receipts: Path = path.parent.absolute() / f".{path.name}.receipts"
        self._lock = FileLock(path.parent / f".{path.name}.lock", f"'{path}'")
        self._file: FileIO | None = None

    def __enter__(self) -> Self:
        make_folder(self.path.parent)
        self._lock.__enter__()
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):  # it still has receipts, or is gone
                self.receipts.rmdir()
        self._lock.__exit__(None, None, None)

    def _open(self) -> None:
        """Read the lines of earlier runs, and add `done` lines for their receipts."""
        try:
            self.path.touch()
            content = read_bytes(self.path)
            complete_bytes = content.rfind(b"\n") + 1
            lines = content[:complete_bytes].splitlines()
            if lines:
                self._check(self._parse(lines[0], 1))
            elif not content.startswith(_BEGINNING[: len(content)]):
                raise self._not_ours()
            # Without a buffer, which would try again to write a line when it is closed.
            self._file = self.path.open("ab", buffering=0)
            self._file.truncate(complete_bytes)
            self.receipts.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"'{self.path}' cannot be written: {reason(error)}.") from error
        if not lines:
            head = {"event": "begin", "schema": SCHEMA, "verb": self.verb, "settings": self.settings}
            self._write({**head, "summdiff": __version__, "time": _now()})
        for number, line in enumerate(lines[1:], start=2):
            self._take(self._parse(line, number), number)
        for file in sorted(self.receipts.iterdir()):
            receipt = _read_receipt(file) if file.suffix == ".json" else None
            if receipt is not None:
                state = self.videos.get(receipt["video"])
                if state is not None and state.status == "started" and _listed(state.version) == receipt["version"]:
                    state.status, state.record = "done", receipt["record"]
                    self._add("done", receipt["video"], state.version, **receipt["record"])
            with suppress(OSError):  # a folder, which is none of ours
                file.unlink()

    def _check(self, head: dict[str, Any]) -> None:
        if head.get("schema") != SCHEMA or "verb" not in head or not isinstance(head.get("settings"), dict):
            raise self._not_ours()
        if head["verb"] != self.verb:
            raise UsageError(f"'{self.path}' is the manifest of `summdiff {head['verb']}`: name another file.")
        settings = head["settings"]
        for key in sorted(settings.keys() | self.settings.keys()):
            if settings.get(key) != self.settings.get(key):
                before, now = ("the default" if x.get(key) is None else x[key] for x in (settings, self.settings))
                raise UsageError(
                    f"'{self.path}' has other settings ({key}: {before}, now {now}): "
                    "give the same settings, or name another folder or manifest."
                )

    def _not_ours(self) -> DataError:
        return DataError(f"'{self.path}' is not a manifest of summdiff: name another file.")

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            parsed = parse_json(line)
        except ValueError as error:
            raise DataError(
                f"Line {number} of '{self.path}' is damaged ({reason(error)}): name another file with --manifest."
            ) from error
        if not isinstance(parsed, dict):
            raise DataError(f"Line {number} of '{self.path}' is damaged (no JSON object).")
        return parsed

    def _take(self, line: dict[str, Any], number: int) -> None:
        """Update the state of a video from a line."""
        try:
            event = line.pop("event")
            if event not in ("start", "done", "crashed", "failed"):
                return
            line.pop("time", None)
            path, listed = line.pop("video"), line.pop("version")
            version = None if listed is None else (int(listed[0]), int(listed[1]))
            before = self.videos.get(path)
            crashes = before.crashes if before is not None and before.version == version else 0
            if event == "done":
                _check_record(line)
                state = VideoState(version, "done", record=line, begun=True)
            elif event == "failed":
                state = VideoState(version, "failed", error=str(line["error"]), begun=bool(before and before.begun))
            else:
                state = VideoState(version, "started", crashes=crashes + (event == "crashed"), begun=True)
            self.videos[path] = state
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataError(f"Line {number} of '{self.path}' is damaged ({error!r}).") from error

    def _write(self, fields: Mapping[str, Any]) -> None:
        assert self._file is not None, "a manifest is written while it is entered"  # noqa: S101
        line = memoryview(json.dumps(fields).encode() + b"\n")
        before = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):  # no part of a line stays
                self._file.truncate(before)
            raise OutputError(f"'{self.path}' cannot be written: {reason(error)}.") from error


def receipt_file(receipts: Path, job: VideoJob) -> Path:
    """Return where a worker leaves the receipt of this video."""
    return receipts / f"{hashlib.sha256(job.path.encode(errors='surrogateescape')).hexdigest()[:32]}.json"


def write_receipt(receipts: Path, job: VideoJob, version: FileVersion | None, record: Record) -> None:
    """Write the receipt of a finished video, after everything else."""
    with written_whole(receipt_file(receipts, job)) as temporary:
        receipt = {"video": job.path, "version": _listed(version), "record": record}
        temporary.write_text(json.dumps(receipt), encoding="utf-8")


def _read_receipt(file: Path) -> dict[str, Any] | None:
    """Return a receipt; None if it is missing or damaged."""
    try:
        receipt: dict[str, Any] = read_json(file)
        if not isinstance(receipt["video"], str):
            return None
        _check_record(receipt["record"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return receipt if "version" in receipt else None


def _check_record(record: Record) -> None:
    """Check the values of a record that the run itself uses.

    Raises:
        TypeError, ValueError: they are of another kind.
    """
    if not isinstance(record, dict) or record.keys() & {"event", "video", "version"}:
        raise TypeError("no facts about a result")
    outputs = record.get("outputs", [])
    if not isinstance(outputs, list) or not all(isinstance(path, str) for path in outputs):
        raise TypeError("outputs are no list of paths")
    float(record.get("duration", 0.0))


def _listed(version: FileVersion | None) -> list[int] | None:
    return None if version is None else list(version)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class FileLock:
    """A lock that one process holds while it is entered; the system releases it when the process ends.

    Args:
        path: the locked file; it is not deleted.
        what: noun phrase for the locked thing in the message.

    Raises:
        ArchiveError: another process holds it.
        OutputError: the file cannot be made.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self._what = path, what
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("ab+")
        except OSError as error:
            raise OutputError(f"'{self.path}' cannot be written: {reason(error)}.") from error
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            self._file = None
            raise ArchiveError(f"Another run is writing {self._what}: wait for it, or name another place.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":

    def _lock(file: IO[bytes]) -> None:
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:

    def _lock(file: IO[bytes]) -> None:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
