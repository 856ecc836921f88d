"""Features that were extracted before, kept on disk, so that a second look at a video need not decode it again.

The cache is a convenience: whatever goes wrong with it, extraction goes on as if it were empty. A damaged entry counts
as absent and is deleted; an entry that cannot be written is skipped.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from summdiff.atomic import written_whole
from summdiff.errors import OutputError
from summdiff.features.identity import identity_of
from summdiff.summary import VideoInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

# Part of every key: count up whenever the same video would give another `Extracted` than before, or another file form.
_FORMAT = 1

_MAGIC = b"summdiff features\n"
_SUFFIX = ".features"
_Asked = tuple[str, str, float, float]  # path, backbone, rate, sparseness


@dataclass(frozen=True, eq=False)
class Extracted:
    """What one pass over a video gave: N steps with their features and times.

    Attributes:
        features: (N, D) float16.
        times: (N,) float64, seconds at which each step was looked at.
        boundaries: (N,) float64, seconds at which a shot that starts with each step should start.
        video: the video, with its exact duration and frame rate.
        corrupt_frames: how many damaged packets or frames were skipped.

    Raises:
        ValueError: an array has another shape or type.
    """

    features: NDArray[np.float16]
    times: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    video: VideoInfo
    corrupt_frames: int

    def __post_init__(self) -> None:
        if self.features.dtype != np.float16 or self.features.ndim != 2:
            raise ValueError(f"features must be (N, D) float16, not {self.features.shape} {self.features.dtype}.")
        for name in ("times", "boundaries"):
            array = getattr(self, name)
            if array.dtype != np.float64 or array.shape != self.features.shape[:1]:
                raise ValueError(f"{name} must be ({len(self.features)},) float64, not {array.shape} {array.dtype}.")


class FeatureCache:
    """A folder of extracted features, found again by the content of the video rather than by its name.

    An entry belongs to the file's size, time of change and first and last 64 KiB, the backbone's id, the sampling rate
    and how sparse the look was. So a renamed or moved video is still found, and an edited one is not. Several processes
    may share the folder.

    Args:
        directory: the folder; None means $SUMMDIFF_CACHE, or "features" in the user's cache folder for summdiff.
        max_bytes: when more lies in the folder, the entries unused for longest are removed.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, max_bytes: int = 2 * 1024**3) -> None:
        self.directory = default_directory() if directory is None else Path(directory)
        self.max_bytes = max_bytes
        # What `get` saw, for `put` to notice that the video changed while it was being extracted.
        self._seen: dict[_Asked, str] = {}

    def get(
        self, path: str | os.PathLike[str], backbone_id: str, rate: float, *, sparse: float = 0.0
    ) -> Extracted | None:
        """What `put` stored for this video, backbone, rate (steps per second) and sparseness (seconds), or None.

        Never raises OSError.
        """
        path = Path(path).absolute()
        key = _key(path, backbone_id, rate, sparse)
        if key is None:
            return None
        self._seen[str(path), backbone_id, float(rate), sparse] = key
        entry = self._entry(key)
        try:
            content = entry.read_bytes()
        except OSError:
            return None
        try:
            extracted = _unpack(content, key)
        except ValueError as error:
            _log.debug("Removing the cache entry %s: %s", entry, error)
            _remove(entry)
            return None
        try:
            os.utime(entry)  # for the order of removal
        except OSError as error:
            _log.debug("Cannot note the use of %s: %s", entry, error)
        # The file may have been moved since.
        return replace(extracted, video=replace(extracted.video, path=str(path)))

    def put(
        self, path: str | os.PathLike[str], backbone_id: str, rate: float, extracted: Extracted, *, sparse: float = 0.0
    ) -> None:
        """Store what was extracted. Does nothing where that is not possible, or if the video changed since `get`."""
        path = Path(path).absolute()
        key = _key(path, backbone_id, rate, sparse)
        if key is None or self._seen.get((str(path), backbone_id, float(rate), sparse), key) != key:
            _log.debug("Not caching the features of %s: the file is gone or has changed", path)
            return
        content = _pack(extracted, key)
        if len(content) > self.max_bytes:
            _log.debug("Not caching the features of %s: %d bytes are over the limit", path, len(content))
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with written_whole(self._entry(key)) as temporary:
                temporary.write_bytes(content)
            self._trim(keep=self._entry(key))
        except (OSError, OutputError) as error:
            _log.debug("Cannot cache the features of %s: %s", path, error)

    def _entry(self, key: str) -> Path:
        return self.directory / (key + _SUFFIX)

    def _trim(self, *, keep: Path) -> None:
        """Remove the entries unused for longest until the rest fits."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.directory.iterdir():
            try:
                facts = path.stat()
            except FileNotFoundError:  # another process was quicker
                continue
            if path.suffix == _SUFFIX:
                entries.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.max_bytes:
                break
            if path != keep:
                _remove(path)
                total -= size


def default_directory() -> Path:
    """$SUMMDIFF_CACHE, or "features" in the user's cache folder for summdiff."""
    chosen = os.environ.get("SUMMDIFF_CACHE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("summdiff", appauthor=False)) / "features"


def _key(path: Path, backbone_id: str, rate: float, sparse: float) -> str | None:
    """Name of the entry for a file as it is now; None when the file cannot be read."""
    identity = identity_of(path)
    if identity is None:
        return None
    asked = [backbone_id, float(rate), float(sparse), *_versions()]
    return hashlib.sha256(json.dumps([_FORMAT, *identity, *asked]).encode()).hexdigest()


@cache
def _versions() -> tuple[str, ...]:
    """Of what decodes and what computes: others may see other pictures and find other sums."""
    return tuple(f"{name} {version(name)}" for name in ("av", "onnxruntime"))


def _pack(extracted: Extracted, key: str) -> bytes:
    """An entry: a magic line, the SHA-256 of all that follows, and an .npz archive."""
    archive = io.BytesIO()
    facts = {"key": key, "video": asdict(extracted.video), "corrupt_frames": extracted.corrupt_frames}
    np.savez(
        archive,
        features=extracted.features,
        times=extracted.times,
        boundaries=extracted.boundaries,
        facts=np.array(json.dumps(facts)),
    )
    body = archive.getvalue()
    return _MAGIC + hashlib.sha256(body).digest() + body


def _unpack(content: bytes, key: str) -> Extracted:
    """Read an entry back.

    Raises:
        ValueError: it is damaged, or was written for another key.
    """
    start = len(_MAGIC) + hashlib.sha256().digest_size
    digest, body = content[len(_MAGIC) : start], content[start:]
    if not content.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        raise ValueError("it is damaged or no cache entry")
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            own = facts["key"]
            extracted = Extracted(
                features=archive["features"],
                times=archive["times"],
                boundaries=archive["boundaries"],
                video=VideoInfo(**facts["video"]),
                corrupt_frames=int(facts["corrupt_frames"]),
            )
    except Exception as error:  # a checksum that fits says nothing of the archive within, which may fail in any way
        raise ValueError(f"it has another form ({error})") from error
    if own != key:
        raise ValueError("it belongs to another video")
    return extracted


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.debug("Cannot remove %s: %s", path, error)
