"""What became of each video of a run, as JSON lines that are only ever added to.

    {"event": "begin", "schema": "summdiff.manifest/1", "verb": "extract", "settings": {...}, ...}
    {"event": "start", "video": "/a.mp4", "version": [4139823, 1764...], ...}
    {"event": "done", "video": "/a.mp4", "version": [...], ..., what came of it}
    {"event": "crashed", ...}      its worker died; it will be tried again
    {"event": "failed", ..., "kind": "video", "error": "..."}      set aside

A line is on the disk before the run goes on. What a killed process cut off is removed, and a video with a `start` and
nothing after it was being worked on. A worker that has finished a video leaves a receipt beside the manifest, in a file
of its own that is there whole or not at all; the process that hands out work turns it into a `done` line. So what was
finished counts, even when that process is killed before it hears of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

from summdiff import __version__
from summdiff.archive.job import Job, Record, Version
from summdiff.archive.lock import Lock
from summdiff.atomic import written_whole
from summdiff.errors import DataError, OutputError, UsageError

SCHEMA = "summdiff.manifest/1"

State = Literal["started", "done", "failed"]
Reason = Literal["video", "crash", "time", "bug"]  # why one is set aside


@dataclass(slots=True)
class Entry:
    """What is known of a video.

    Attributes:
        version: of the file, see `Job.version`; None for no file.
        state: how it stands.
        record: what came of it, where it is done.
        error: why it was set aside.
        crashes: how many workers died on it.
        admitted: whether it was ever given to a worker: what it would write was not there before.
    """

    version: Version | None
    state: State
    record: Record = field(default_factory=dict)
    error: str = ""
    crashes: int = 0
    admitted: bool = False


class Manifest:
    """The manifest of one run, held by one process while it is entered.

    Args:
        path: the file; made with its folder where it is missing.
        verb: what is done.
        settings: with which settings, as JSON values.

    Attributes:
        entries: what is known, by absolute path.

    Raises:
        UsageError: the file is of another verb, or of other settings.
        ArchiveError: another process is writing it.
        DataError: it is damaged.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, verb: str, settings: Mapping[str, Any]) -> None:
        self.path, self.verb = path, verb
        self.settings = json.loads(json.dumps(settings))  # as it comes back
        self.entries: dict[str, Entry] = {}
        self._lock = Lock(path.parent / f".{path.name}.lock", f"'{path}'")
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder '{self.path.parent}' cannot be made: {error.strerror or error}.") from error
        self._lock.__enter__()
        try:
            self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write it."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if self.receipts.is_dir() and not any(self.receipts.iterdir()):
                self.receipts.rmdir()
        self._lock.__exit__(None, None, None)

    @property
    def receipts(self) -> Path:
        """The folder where workers leave receipts."""
        return self.path.parent.absolute() / f".{self.path.name}.receipts"

    def ours(self, job: Job) -> bool:
        """Whether results of this video that are there already are of this run."""
        entry = self.entries.get(job.path)
        return entry is not None and entry.admitted

    def started(self, job: Job, version: Version | None) -> None:
        """A worker gets this video."""
        before = self.entries.get(job.path)
        crashes = before.crashes if before is not None and before.version == version else 0
        self.entries[job.path] = Entry(version, "started", crashes=crashes, admitted=True)
        self._add("start", job.path, version)

    def done(self, job: Job, record: Record) -> None:
        """It is done."""
        entry = self.entries[job.path]
        entry.state, entry.record = "done", record
        self._add("done", job.path, entry.version, **record)
        receipt_file(self.receipts, job).unlink(missing_ok=True)

    def crashed(self, job: Job, error: str) -> int:
        """Its worker died, and it will be tried again; how often that happened."""
        entry = self.entries[job.path]
        entry.crashes += 1
        self._add("crashed", job.path, entry.version, crashes=entry.crashes, error=error)
        return entry.crashes

    def failed(self, job: Job, version: Version | None, kind: Reason, error: str, **more: Any) -> None:
        """It is set aside."""
        self.entries[job.path] = Entry(version, "failed", error=error, admitted=self.ours(job))
        self._add("failed", job.path, version, kind=kind, error=error, **more)

    def end(self, **counts: Any) -> None:
        """The run is over."""
        self._line({"event": "end", **counts, "time": _now()})

    def receipt(self, job: Job) -> Record | None:
        """What a worker that died had finished nevertheless."""
        receipt = _read_receipt(receipt_file(self.receipts, job))
        if receipt is None or receipt["version"] != _listed(self.entries[job.path].version):
            return None
        record: Record = receipt["record"]
        return record

    def _begin(self) -> None:
        try:
            self._file = self.path.open("ab+")
            self._file.seek(0)
            content = self._file.read()
            whole = content.rfind(b"\n") + 1
            self._file.truncate(whole)
            self.receipts.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"'{self.path}' cannot be written: {error.strerror or error}.") from error
        lines = content[:whole].splitlines()
        if lines:
            self._check(self._parsed(lines[0], 1))
        else:
            head = {"event": "begin", "schema": SCHEMA, "verb": self.verb, "settings": self.settings}
            self._line({**head, "summdiff": __version__, "time": _now()})
        for number, line in enumerate(lines[1:], start=2):
            self._take(self._parsed(line, number), number)
        for file in sorted(self.receipts.iterdir()):
            receipt = _read_receipt(file) if file.suffix == ".json" else None
            if receipt is not None:
                entry = self.entries.get(receipt["video"])
                if entry is not None and entry.state == "started" and _listed(entry.version) == receipt["version"]:
                    entry.state, entry.record = "done", receipt["record"]
                    self._add("done", receipt["video"], entry.version, **receipt["record"])
            file.unlink(missing_ok=True)

    def _check(self, head: dict[str, Any]) -> None:
        if head.get("schema") != SCHEMA or "verb" not in head or not isinstance(head.get("settings"), dict):
            raise DataError(f"'{self.path}' is no manifest of summdiff: name another file.")
        if head["verb"] != self.verb:
            raise UsageError(f"'{self.path}' is the manifest of `summdiff {head['verb']}`: name another file.")
        there = head["settings"]
        for key in sorted(there.keys() | self.settings.keys()):
            if there.get(key) != self.settings.get(key):
                raise UsageError(
                    f"'{self.path}' was begun with other settings ({key}: {there.get(key)}, now "
                    f"{self.settings.get(key)}): give the same again, or name another folder or manifest."
                )

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            parsed = json.loads(line)
        except ValueError as error:
            raise DataError(f"Line {number} of '{self.path}' is damaged ({error}).") from error
        if not isinstance(parsed, dict):
            raise DataError(f"Line {number} of '{self.path}' is damaged (no JSON object).")
        return parsed

    def _take(self, line: dict[str, Any], number: int) -> None:
        try:
            event = line.pop("event")
            if event not in ("start", "done", "crashed", "failed"):
                return
            line.pop("time", None)
            path, listed = line.pop("video"), line.pop("version")
            version = None if listed is None else (int(listed[0]), int(listed[1]))
            before = self.entries.get(path)
            crashes = before.crashes if before is not None and before.version == version else 0
            if event == "done":
                entry = Entry(version, "done", record=line, admitted=True)
            elif event == "failed":
                entry = Entry(version, "failed", error=str(line["error"]), admitted=bool(before and before.admitted))
            else:
                entry = Entry(version, "started", crashes=crashes + (event == "crashed"), admitted=True)
            self.entries[path] = entry
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"Line {number} of '{self.path}' is damaged ({error!r}).") from error

    def _add(self, event: str, video: str, version: Version | None, **more: Any) -> None:
        self._line({"event": event, "video": video, "version": _listed(version), **more, "time": _now()})

    def _line(self, fields: Mapping[str, Any]) -> None:
        assert self._file is not None, "a manifest is written while it is entered"  # noqa: S101
        try:
            self._file.write(json.dumps(fields).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"'{self.path}' cannot be written: {error.strerror or error}.") from error


def receipt_file(receipts: Path, job: Job) -> Path:
    """Where a worker says that it has finished this video."""
    return receipts / f"{hashlib.sha256(job.path.encode(errors='surrogateescape')).hexdigest()[:32]}.json"


def write_receipt(receipts: Path, job: Job, version: Version | None, record: Record) -> None:
    """Say so, after everything else is written."""
    with written_whole(receipt_file(receipts, job)) as temporary:
        receipt = {"video": job.path, "version": _listed(version), "record": record}
        temporary.write_text(json.dumps(receipt), encoding="utf-8")


def _read_receipt(file: Path) -> dict[str, Any] | None:
    """A receipt; None where there is none, or one that is damaged, which then says nothing."""
    try:
        receipt = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    said = isinstance(receipt, dict) and {"video", "version", "record"} <= receipt.keys()
    return receipt if said and isinstance(receipt["record"], dict) else None


def _listed(version: Version | None) -> list[int] | None:
    return None if version is None else list(version)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
