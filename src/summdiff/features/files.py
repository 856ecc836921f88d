"""Files of features: safetensors with one video (in a cache, or loose in a store) or with many (a shard of a store).

The arrays of a video are named `ID/features`, `ID/times` and so on, as in `VideoFeatures`; the metadata lists the
videos as JSON. A checksum per video covers its arrays and its entry in the list. Files by earlier versions have no
checksums, or lack arrays that were added later, which are then empty.

What was heard is in two more arrays, `ID/speech` and `ID/loudness`, with an entry and a checksum of their own, and what
was understood of it in `ID/transcript`, as JSON. Files by earlier versions, and videos that were only looked at, lack
them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from summdiff._untrusted import Budget, check_regular, open_regular, parse_json
from summdiff.atomic import written_whole
from summdiff.audio import Sound
from summdiff.errors import DataError, reason
from summdiff.summary import VideoInfo
from summdiff.summary_json import transcript_document, transcript_of
from summdiff.transcript import Transcript

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA = "summdiff.store/1"

_ARRAYS = ("features", "times", "boundaries")
_ADDED_ARRAYS = ("transitions", "spans", "blank")
_SOUND_ARRAYS = ("speech", "loudness")
_SAMPLED_BYTES = 64 * 1024
_COPIES, _LARGEST_NUMBER = 2, 8  # counted before arrays are read

FileIdentity = tuple[int, int, str, str]


def file_identity(path: Path) -> FileIdentity | None:
    """Identify a video by its content instead of its name, without reading the whole file.

    Returns:
        Size in bytes, modification time in nanoseconds, SHA-256 of the first and of the last 64 KiB; None if the file
        cannot be read.
    """
    try:
        with open_regular(path) as file:
            facts = os.fstat(file.fileno())
            first = file.read(_SAMPLED_BYTES)
            file.seek(max(0, facts.st_size - _SAMPLED_BYTES))
            last = file.read(_SAMPLED_BYTES)
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns, hashlib.sha256(first).hexdigest(), hashlib.sha256(last).hexdigest()


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """Features of a video at N steps.

    Attributes:
        features: (N, D) float16.
        times: (N,) float64, time of each step's frame in seconds.
        boundaries: (N,) float64, seconds at which a shot that begins with the step would start.
        transitions: (K, 2) float64, start and end in seconds of the dissolves and fades, in order.
        spans: (N, 2) float64, see `Step.span`: (after, until] in seconds, between which the boundary of a step lies;
            equal where it is exact. (0, 2) where all are.
        blank: (N,) bool, steps that show nothing: one color, or color bars. (0,) where that is unknown.
        video: the video, with its exact duration and frame rate.
        corrupt_frames: number of damaged packets or frames that were skipped.
        sound: what was heard; None if nobody listened.
        notes: sentences for the user about the file.
        transcript: what was understood of it by an engine; None if none was asked.

    Raises:
        ValueError: an array has another shape or type, or a time is not finite.
    """

    features: NDArray[np.float16]
    times: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    video: VideoInfo
    corrupt_frames: int
    sound: Sound | None = None
    transitions: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    spans: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    blank: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    notes: tuple[str, ...] = ()
    transcript: Transcript | None = None

    def __post_init__(self) -> None:
        if self.features.dtype != np.float16 or self.features.ndim != 2:
            raise ValueError(f"features must be (N, D) float16, not {self.features.shape} {self.features.dtype}.")
        for name in ("times", "boundaries"):
            array = getattr(self, name)
            if array.dtype != np.float64 or array.shape != self.features.shape[:1]:
                raise ValueError(f"{name} must be ({len(self.features)},) float64, not {array.shape} {array.dtype}.")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite.")
        for name in ("transitions", "spans"):
            pairs = getattr(self, name)
            if pairs.dtype != np.float64 or pairs.shape != (len(pairs), 2) or not np.isfinite(pairs).all():
                raise ValueError(f"{name} must be (K, 2) float64 and finite, not {pairs.shape} {pairs.dtype}.")
        if self.blank.dtype != np.bool_ or self.blank.shape not in ((0,), self.times.shape):
            raise ValueError(
                f"blank must be ({len(self.times)},) or (0,) bool, not {self.blank.shape} {self.blank.dtype}."
            )
        if len(self.spans) not in (0, len(self.times)):
            raise ValueError(f"spans must have a row for each of {len(self.times)} steps, or none.")


@dataclass(frozen=True, slots=True)
class StoredSound:
    """Entry of the sound of a video: see `Sound.start`, and the checksum of entry and arrays."""

    start: float
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """Entry of a video in a file, without its arrays.

    Attributes:
        id: prefix of its arrays' names, unique in a store.
        identity: see `file_identity`.
        steps: N, rows of its features.
        video: the video, with its exact duration and frame rate.
        corrupt_frames: number of damaged packets or frames that were skipped.
        sha256: checksum of arrays and entry, without the sound; empty if unknown.
        sound: entry of the sound; None if nobody listened.
        notes: sentences for the user about the file.
        transcript: checksum of the transcript; empty if there is none.
    """

    id: str
    identity: FileIdentity
    steps: int
    video: VideoInfo
    corrupt_frames: int
    sha256: str = ""
    sound: StoredSound | None = None
    notes: tuple[str, ...] = ()
    transcript: str = ""

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> StoredVideo:
        """Read the result of `dataclasses.asdict`; raises ValueError, KeyError or TypeError for anything else."""
        if unknown := set(facts) - set(cls.__dataclass_fields__):
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        size, changed_ns, first, last = facts["identity"]
        sound = facts.get("sound")
        return cls(
            id=str(facts["id"]),
            identity=(int(size), int(changed_ns), str(first), str(last)),
            steps=int(facts["steps"]),
            video=VideoInfo(**facts["video"]),
            corrupt_frames=int(facts["corrupt_frames"]),
            sha256=str(facts.get("sha256", "")),
            sound=None if sound is None else StoredSound(float(sound["start"]), str(sound["sha256"])),
            notes=tuple(str(note) for note in facts.get("notes", ())),
            transcript=str(facts.get("transcript", "")),
        )


def write_video(file: Path, features: VideoFeatures, *, id: str, identity: FileIdentity) -> StoredVideo:
    """Write a file with one video.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays = {name: np.ascontiguousarray(getattr(features, name)) for name in _ARRAYS + _ADDED_ARRAYS}
    facts = {
        "id": id,
        "identity": identity,
        "steps": len(features.times),
        "video": asdict(features.video),
        "corrupt_frames": features.corrupt_frames,
        **({"notes": features.notes} if features.notes else {}),
    }
    checksum = _checksum(facts, arrays)
    sound = None
    if features.sound is not None:
        heard = {name: np.ascontiguousarray(getattr(features.sound, name)) for name in _SOUND_ARRAYS}
        start = float(features.sound.start)
        sound = {"start": start, "sha256": _checksum({"id": id, "start": start}, heard)}
        arrays |= heard
    understood = ""
    if features.transcript is not None:
        text = json.dumps(transcript_document(features.transcript)).encode()
        arrays["transcript"] = np.frombuffer(text, dtype=np.uint8)
        understood = hashlib.sha256(text).hexdigest()
    stored = StoredVideo.from_json({**facts, "sha256": checksum, "sound": sound, "transcript": understood})
    _write(file, [stored], {f"{id}/{name}": array for name, array in arrays.items()})
    return stored


def join_files(files: Iterable[Path], into: Path) -> list[StoredVideo]:
    """Write the videos of several files into one.

    Raises:
        DataError: a file is damaged.
        OutputError: `into` cannot be written.
    """
    videos: list[StoredVideo] = []
    arrays: dict[str, NDArray[Any]] = {}
    for file in files:
        videos += list_videos(file)
        arrays.update(load_file(file))
    _write(into, videos, arrays)
    return videos


def list_videos(file: Path) -> list[StoredVideo]:
    """List the videos in a file without reading their arrays.

    Raises:
        FileNotFoundError: the file does not exist.
        DataError: it is damaged or not a file of features.
    """
    try:
        check_regular(file)
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata()
        if metadata["schema"] != SCHEMA:
            raise ValueError(f"schema {metadata['schema']!r}")  # noqa: TRY301
        return [StoredVideo.from_json(facts) for facts in parse_json(metadata["videos"])]
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{file}' is damaged or not a file of features ({reason(error)}).") from error


def read_video(file: Path, stored: StoredVideo) -> VideoFeatures:
    """Read the arrays of one video.

    Raises:
        FileNotFoundError: the file does not exist.
        DataError: it is damaged.
    """
    try:
        names = (
            *_ARRAYS,
            *_ADDED_ARRAYS,
            *(_SOUND_ARRAYS if stored.sound else ()),
            *(("transcript",) if stored.transcript else ()),
        )
        tensors = read_tensors(file, {name: f"{stored.id}/{name}" for name in names}, optional=_ADDED_ARRAYS)
        looked = (*_ARRAYS, *_ADDED_ARRAYS)
        arrays, heard = ({name: tensors[name] for name in part if name in tensors} for part in (looked, _SOUND_ARRAYS))
        facts = asdict(stored)
        del facts["sound"], facts["transcript"]
        if not stored.notes:  # of no part in the checksum, so that files without them stay valid
            del facts["notes"]
        if facts.pop("sha256") not in {"", _checksum(facts, arrays)}:
            raise ValueError("wrong checksum")  # noqa: TRY301
        sound = None
        if stored.sound is not None:
            if stored.sound.sha256 != _checksum({"id": stored.id, "start": stored.sound.start}, heard):
                raise ValueError("wrong checksum of the sound")  # noqa: TRY301
            sound = Sound(start=stored.sound.start, **heard)
        transcript = None
        if stored.transcript:
            text = tensors["transcript"].tobytes()
            if stored.transcript != hashlib.sha256(text).hexdigest():
                raise ValueError("wrong checksum of the transcript")  # noqa: TRY301
            transcript = transcript_of(parse_json(text))
        return VideoFeatures(
            **arrays,
            video=stored.video,
            corrupt_frames=stored.corrupt_frames,
            sound=sound,
            notes=stored.notes,
            transcript=transcript,
        )
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{file}' is damaged: '{stored.video.path}' cannot be read ({error}).") from error


def read_tensors(file: Path, names: Mapping[str, str], *, optional: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Read some arrays of a safetensors file.

    Args:
        file: the file.
        names: name of each array in the file, by its name in the result.
        optional: arrays that the file may lack, by their names in the result.

    Raises:
        SafetensorError, OSError, ValueError: the file is damaged or missing, or the arrays take too much memory.
    """
    check_regular(file)
    budget = Budget()
    with safe_open(file, framework="numpy") as opened:
        present = set(opened.keys()) if optional else set()
        wanted = {key: name for key, name in names.items() if key not in optional or name in present}
        for name in wanted.values():
            budget.take(_COPIES * _LARGEST_NUMBER * math.prod(opened.get_slice(name).get_shape()))
        return {key: opened.get_tensor(name) for key, name in wanted.items()}


def _write(file: Path, videos: Iterable[StoredVideo], arrays: dict[str, NDArray[Any]]) -> None:
    metadata = {"schema": SCHEMA, "videos": json.dumps([asdict(video) for video in videos])}
    with written_whole(file) as temporary:
        # safetensors' own save_file hides whether the disk is full.
        temporary.write_bytes(save(arrays, metadata=metadata))


def _checksum(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in arrays:
        digest.update(f"{arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].data)
    return digest.hexdigest()
