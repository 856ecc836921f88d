"""Features of many videos in one folder: written by `summdiff extract`, read by `open_store`.

    STORE/
      store.json                   schema, backbone and rate of all features
      shards/000001.safetensors    many videos; never changed once written
      index.jsonl                  one line per shard: the videos in it
      loose/ENTRY.safetensors      one video, until it is packed into a shard

Why safetensors and not HDF5: it is a base dependency (h5py is not), one video is read from a shard by mapping only its
bytes, a file is written in one go and never modified, and reading it runs no code. `summdiff data convert` writes files
for training with annotations, as HDF5.

Each worker writes the videos it extracts as loose files, so two writers never share a file. One process, which holds
the lock of the run, packs loose files into the next shard and deletes them once the shard has its final name. After a
kill at any point, every video is in a loose file or a shard; if it is in both, the copies are equal and the loose one
is deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from summdiff._untrusted import parse_json, read_bytes, read_json
from summdiff.atomic import written_whole
from summdiff.errors import DataError, OutputError, UsageError, reason
from summdiff.features.files import (
    SCHEMA,
    FileIdentity,
    StoredVideo,
    VideoFeatures,
    file_identity,
    join_files,
    list_videos,
    read_video,
    write_video,
)

_HEADER, _INDEX, _SHARDS, _LOOSE = "store.json", "index.jsonl", "shards", "loose"
_SHARD_NAME = re.compile(r"(\d{6,})\.safetensors")


def open_store(path: str | os.PathLike[str]) -> FeatureStore:
    """Open a folder that `summdiff extract` wrote or is still writing.

    Raises:
        DataError: it is not a store of features, or damaged.
    """
    return FeatureStore(path)


class FeatureStore:
    """Read-only access to a store; videos are named by their absolute paths and read one at a time.

        store = open_store("features")
        for path in store:
            features = store[path].features  # (N, D) float16

    A store can be pickled and used in threads and processes. A `Summarizer` takes it in place of a `FeatureCache`:
    `Summarizer(cache=open_store("features"))`.

    Attributes:
        path: the folder.
        backbone: id of the feature extractor.
        rate: steps per second.

    Raises:
        DataError: the folder is not a store of features, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.backbone, self.rate = _read_header(self.path)
        self._videos: dict[str, tuple[StoredVideo, Path]] = {}
        self._paths: dict[FileIdentity, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """List the videos again, to find those added since."""
        # Loose files first: a video that is packed meanwhile is then listed twice rather than not at all.
        loose = _list_loose(self.path)
        packed = [(video, file) for file, videos in _list_shards(self.path) for video in videos]
        packed_ids = {video.id for video, _ in packed}
        listed = packed + [(video, file) for video, file in loose if video.id not in packed_ids]
        # The last entry of a path wins: the file changed and was extracted again.
        self._videos = {video.video.path: (video, file) for video, file in listed}
        self._paths = {video.identity: path for path, (video, _) in self._videos.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Absolute paths of the videos, sorted."""
        return tuple(sorted(self._videos))

    def __len__(self) -> int:
        return len(self._videos)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and _absolute(path) in self._videos

    def entry(self, path: str | os.PathLike[str]) -> StoredVideo:
        """Return the entry of a video, without reading its features.

        Raises:
            DataError: the video is not in the store.
        """
        return self._find(path)[0]

    def __getitem__(self, path: str | os.PathLike[str]) -> VideoFeatures:
        """Read the features of one video.

        Raises:
            DataError: the video is not in the store, or its file is damaged or gone.
        """
        video, file = self._find(path)
        try:
            return read_video(file, video)
        except FileNotFoundError:
            self.refresh()  # a loose file that has been packed since
        video, file = self._find(path)
        try:
            return read_video(file, video)
        except FileNotFoundError as error:
            raise DataError(f"'{path}' cannot be read, '{file}' is gone: run `summdiff extract` again.") from error

    def get(
        self, path: str | os.PathLike[str], backbone_id: str, rate: float, *, decoding: str = "normal"
    ) -> VideoFeatures | None:
        """Return the features of a video, found by its content even if it was renamed; None if the store lacks it.

        Same interface as `FeatureCache.get`. The store has exact features, which serve every `decoding`.

        Raises:
            DataError: the file is damaged.
        """
        identity = file_identity(Path(path))
        name = None if identity is None else self._paths.get(identity)
        if name is None or backbone_id != self.backbone or float(rate) != self.rate:
            return None
        features = self[name]
        return replace(features, video=replace(features.video, path=_absolute(path)))

    def put(
        self,
        path: str | os.PathLike[str],
        backbone_id: str,
        rate: float,
        features: VideoFeatures,
        *,
        decoding: str = "normal",
    ) -> None:
        """Do nothing: only `summdiff extract` adds to a store."""

    def _find(self, path: str | os.PathLike[str]) -> tuple[StoredVideo, Path]:
        try:
            return self._videos[_absolute(path)]
        except KeyError:
            raise DataError(f"'{path}' is not among the {len(self)} videos of the store '{self.path}'.") from None


class StoreWriter:
    """Creates a store and packs loose files into shards. One writer at a time: the lock of the run ensures it.

    Args:
        path: the folder; created if missing.
        backbone, rate: of all features in it.
        shard_bytes: loose files are packed when they reach this size together.

    Raises:
        UsageError: the store has features of another backbone or rate.
        DataError: the store is damaged.
        OutputError: the store cannot be written.
    """

    def __init__(self, path: Path, *, backbone: str, rate: float, shard_bytes: int) -> None:
        self.path, self.shard_bytes = path, shard_bytes
        _create(path, backbone=backbone, rate=rate)
        shards = list(_list_shards(path))
        self._packed = {video.id for _, videos in shards for video in videos}
        self._next_number = 1 + max((_number(file) for file, _ in shards), default=0)
        self._loose_sizes: dict[str, int] = {}
        self.remove_leftovers()
        for file in _feature_files(path / _LOOSE):
            if file.stem in self._packed or not _is_readable(file):
                file.unlink()  # a damaged video is then extracted again
            else:
                self._loose_sizes[file.stem] = file.stat().st_size

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._packed or video_id in self._loose_sizes

    def remove_leftovers(self) -> None:
        """Delete temporary files of killed workers. Call it only while no worker runs."""
        for folder in (self.path, self.path / _SHARDS, self.path / _LOOSE):
            for leftover in folder.glob(".summdiff-*.tmp"):
                leftover.unlink(missing_ok=True)

    def add(self, video_id: str) -> None:
        """Register a loose file that a worker finished; pack the loose files if they are large enough together."""
        if video_id in self._packed:
            loose_file(self.path, video_id).unlink(missing_ok=True)  # extracted twice, with the same result
            return
        self._loose_sizes[video_id] = loose_file(self.path, video_id).stat().st_size
        if sum(self._loose_sizes.values()) >= self.shard_bytes:
            self.pack()

    def pack(self) -> Path | None:
        """Move all loose files into a new shard; return it, or None if there are no loose files."""
        if not self._loose_sizes:
            return None
        files = [loose_file(self.path, video_id) for video_id in sorted(self._loose_sizes)]
        shard = self.path / _SHARDS / f"{self._next_number:06d}.safetensors"
        videos = join_files(files, shard)
        try:
            _append_line(self.path / _INDEX, {"shard": shard.name, "videos": [asdict(video) for video in videos]})
            for file in files:
                file.unlink()
        except OSError as error:
            raise OutputError(f"The store '{self.path}' cannot be written: {reason(error)}.") from error
        self._packed |= self._loose_sizes.keys()
        self._loose_sizes.clear()
        self._next_number += 1
        return shard


def write_loose(store: Path, features: VideoFeatures, identity: FileIdentity) -> StoredVideo:
    """Write the features of one video as a loose file of a store.

    Raises:
        OutputError: the file cannot be written.
    """
    video_id = hashlib.sha256(json.dumps([features.video.path, *identity]).encode()).hexdigest()[:32]
    return write_video(loose_file(store, video_id), features, id=video_id, identity=identity)


def loose_file(store: Path, video_id: str) -> Path:
    """Return the path of a video's file before it is packed."""
    return store / _LOOSE / f"{video_id}.safetensors"


def _create(path: Path, *, backbone: str, rate: float) -> None:
    """Create the folder, or check that it holds features of this backbone at this rate."""
    if (path / _HEADER).exists():
        own_backbone, own_rate = _read_header(path)
        if (own_backbone, own_rate) != (backbone, float(rate)):
            raise UsageError(
                f"The store '{path}' has features of '{own_backbone}' at {own_rate:g} steps per second, not of "
                f"'{backbone}' at {rate:g}: ask for those, or name another folder."
            )
    try:
        for folder in (_SHARDS, _LOOSE):
            (path / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The store '{path}' cannot be created: {reason(error)}.") from error
    if not (path / _HEADER).exists():
        header = {"schema": SCHEMA, "backbone": backbone, "rate": float(rate)}
        with written_whole(path / _HEADER) as temporary:
            temporary.write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(os.fspath(path))  # noqa: PTH100  (Path.resolve would follow links)


def _read_header(path: Path) -> tuple[str, float]:
    """Return backbone and rate of a store."""
    try:
        header = read_json(path / _HEADER)
        if header["schema"] != SCHEMA:
            raise DataError(f"The store '{path}' has the schema {header['schema']!r}; readable is '{SCHEMA}'.")
        return str(header["backbone"]), float(header["rate"])
    except OSError as error:
        raise DataError(f"'{path}' is not a store of features: make one with `summdiff extract`.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{path / _HEADER}' is damaged ({reason(error)}).") from error


def _feature_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith("."))


def _number(shard: Path) -> int:
    match = _SHARD_NAME.fullmatch(shard.name)
    return int(match[1]) if match else 0


def _list_shards(path: Path) -> Iterator[tuple[Path, list[StoredVideo]]]:
    """Yield the shards in the order of their numbers with their videos, from the index if it lists the shard."""
    index: dict[str, list[StoredVideo]] = {}
    try:
        lines = read_bytes(path / _INDEX).split(b"\n")
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise DataError(f"'{path / _INDEX}' cannot be read: {reason(error)}.") from error
    for line in lines:
        try:
            facts = parse_json(line)
            index[facts["shard"]] = [StoredVideo.from_json(video) for video in facts["videos"]]
        except (ValueError, KeyError, TypeError):
            continue  # cut off when its writer was killed; the shard has the same list
    for file in sorted(_feature_files(path / _SHARDS), key=_number):
        yield file, index[file.name] if file.name in index else list_videos(file)


def _list_loose(path: Path) -> list[tuple[StoredVideo, Path]]:
    listed: list[tuple[StoredVideo, Path]] = []
    for file in _feature_files(path / _LOOSE):
        try:
            listed += [(video, file) for video in list_videos(file)]
        except FileNotFoundError:  # packed meanwhile
            continue
    return listed


def _is_readable(file: Path) -> bool:
    try:
        return bool(list_videos(file))
    except DataError:
        return False


def _append_line(file: Path, facts: dict[str, Any]) -> None:
    """Append a line of JSON, after ending a line that was cut off."""
    text = json.dumps(facts).encode() + b"\n"
    with file.open("ab+") as opened:
        if opened.tell():
            opened.seek(-1, os.SEEK_END)
            text = text if opened.read(1) == b"\n" else b"\n" + text
        opened.write(text)
