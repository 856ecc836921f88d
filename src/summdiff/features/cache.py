"""Cache of the features of single videos.

Extraction never fails because of the cache: a damaged entry counts as absent and is deleted; an entry that cannot be
written is skipped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from summdiff.errors import DataError, OutputError
from summdiff.features.files import FileIdentity, VideoFeatures, file_identity, list_videos, read_video, write_video

_log = logging.getLogger(__name__)

# Part of every key: increase it when the features of the same video, or the form of an entry, change.
_FORMAT = 7

_SUFFIX = ".features"


class FeatureCache:
    """A folder with one file of features per video, keyed by the content of the video instead of its name.

    The key of an entry covers the file's size, modification time and first and last 64 KiB, the id of the backbone, the
    sampling rate, the way of decoding, and the versions of the decoder and of ONNX Runtime. A renamed or moved video is
    found, an edited one is not. Several processes may share the folder.

    Args:
        directory: the folder; None means `default_directory()`.
        max_bytes: the least recently used entries are removed when the folder grows beyond this size.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, max_bytes: int = 2 * 1024**3) -> None:
        self.directory = default_directory() if directory is None else Path(directory)
        self.max_bytes = max_bytes
        # Keys by path, backbone, rate and decoding at the time of `get`: `put` notices a video that changed since.
        self._keys: dict[tuple[str, str, float, str], str] = {}

    def get(
        self, path: str | os.PathLike[str], backbone_id: str, rate: float, *, decoding: str = "normal"
    ) -> VideoFeatures | None:
        """Return the features stored for a video, backbone, rate (steps per second) and way of decoding, or None.

        `decoding` may be any text that tells the ways apart in which the same video gives other features.

        Never raises OSError.
        """
        path = Path(path).absolute()
        identity = file_identity(path)
        if identity is None:
            return None
        key = _key(identity, backbone_id, rate, decoding)
        self._keys[str(path), backbone_id, float(rate), decoding] = key
        file = self._file(key)
        try:
            features = _read(file, key)
        except FileNotFoundError:
            return None
        except DataError as error:
            _log.debug("Removing the cache entry %s: %s", file, error)
            _remove(file)
            return None
        try:
            os.utime(file)  # for the order of removal
        except OSError as error:
            _log.debug("Cannot note the use of %s: %s", file, error)
        # The video may have been moved since it was stored.
        return replace(features, video=replace(features.video, path=str(path)))

    def put(
        self,
        path: str | os.PathLike[str],
        backbone_id: str,
        rate: float,
        features: VideoFeatures,
        *,
        decoding: str = "normal",
    ) -> None:
        """Store features. Does nothing if they cannot be written, or if the video changed since `get`."""
        path = Path(path).absolute()
        identity = file_identity(path)
        if identity is None:
            return
        key = _key(identity, backbone_id, rate, decoding)
        if self._keys.get((str(path), backbone_id, float(rate), decoding), key) != key:
            _log.debug("Not caching the features of %s: the file changed", path)
            return
        size = features.features.nbytes + features.times.nbytes + features.boundaries.nbytes
        if size > self.max_bytes:
            _log.debug("Not caching the features of %s: %d bytes are over the limit", path, size)
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_video(self._file(key), features, id=key, identity=identity)
            self._trim(keep=self._file(key))
        except (OSError, OutputError) as error:
            _log.debug("Cannot cache the features of %s: %s", path, error)

    def _file(self, key: str) -> Path:
        return self.directory / (key + _SUFFIX)

    def _trim(self, *, keep: Path) -> None:
        """Remove the least recently used entries until the rest fits."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.directory.iterdir():
            try:
                facts = path.stat()
            except FileNotFoundError:  # removed by another process
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
    """Return $SUMMDIFF_CACHE, or "features" in the user's cache folder for summdiff."""
    chosen = os.environ.get("SUMMDIFF_CACHE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("summdiff", appauthor=False)) / "features"


def _key(identity: FileIdentity, backbone_id: str, rate: float, decoding: str) -> str:
    facts = [_FORMAT, *identity, backbone_id, float(rate), decoding, *_versions()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@cache
def _versions() -> tuple[str, ...]:
    """Versions of the libraries that decode and compute: others may give other pixels and sums."""
    return tuple(f"{name} {version(name)}" for name in ("av", "onnxruntime"))


def _read(file: Path, key: str) -> VideoFeatures:
    """Read an entry; raises DataError if it is damaged or belongs to another key."""
    videos = list_videos(file)
    if [video.id for video in videos] != [key] or not videos[0].sha256:
        raise DataError(f"'{file}' belongs to another video.")
    return read_video(file, videos[0])


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.debug("Cannot remove %s: %s", path, error)
