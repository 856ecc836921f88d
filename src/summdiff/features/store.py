"""Features of many videos in one folder: written by `summdiff extract`, read by `open_store`.

    STORE/
      store.json                   backbone, rate and D of everything in it
      shards/000001.safetensors    many videos; never changed once it is there
      index.jsonl                  one line a shard: the videos in it
      loose/ENTRY.safetensors      one video, until it is packed into a shard

Why safetensors and not HDF5: it is a base dependency (h5py is not), one video is read from a shard by mapping its bytes
alone, a file is written in one go and never opened for change, so it is whole or not there, and nothing in it can run.
Files for training with annotations are another thing: `summdiff data convert` writes them, as HDF5 in the field's form.

How it stays whole: whoever extracts a video writes it as a loose file of its own, so no two writers ever share a file.
One process, the one that holds the lock of the run, packs loose files into the next shard, and removes them only when
that shard has its final name. A shard is named once. Killed at any point, every video is in a loose file or a shard;
where it is in both they are the same, and the loose one goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from summdiff.atomic import written_whole
from summdiff.errors import DataError, OutputError, UsageError
from summdiff.features.cache import Extracted
from summdiff.features.identity import Identity, identity_of
from summdiff.summary import VideoInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA = "summdiff.store/1"
_ABOUT, _INDEX, _SHARDS, _LOOSE = "store.json", "index.jsonl", "shards", "loose"
_ARRAYS = ("features", "times", "boundaries")
_SHARD_NAME = re.compile(r"(\d{6,})\.safetensors")


@dataclass(frozen=True, slots=True)
class Entry:
    """One video in a store, without its arrays.

    Attributes:
        id: names its arrays; another version of the same file has another.
        identity: of the file that was looked at, see `summdiff.features.identity`.
        steps: N, rows of its features.
        video: the video, with its exact duration and frame rate.
        corrupt_frames: how many damaged packets or frames were skipped.
    """

    id: str
    identity: Identity
    steps: int
    video: VideoInfo
    corrupt_frames: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Entry:
        size, changed, first, last = facts["identity"]
        return cls(
            id=str(facts["id"]),
            identity=(int(size), int(changed), str(first), str(last)),
            steps=int(facts["steps"]),
            video=VideoInfo(**facts["video"]),
            corrupt_frames=int(facts["corrupt_frames"]),
        )


def open_store(path: str | os.PathLike[str]) -> FeatureStore:
    """Open a folder that `summdiff extract` wrote, also while it is being written.

    Raises:
        DataError: it is no such folder, or damaged.
    """
    return FeatureStore(path)


class FeatureStore:
    """Reads a store; videos are named by their absolute paths and read one at a time, when asked for.

        store = open_store("features")
        for path in store:
            features = store[path].features  # (N, D) float16

    It may be pickled, and used in threads and processes. In the place of a `FeatureCache` it gives a `Summarizer` what
    it has: `Summarizer(cache=open_store("features"))`.

    Attributes:
        path: the folder.
        backbone: id of the feature extractor.
        rate: steps per second.

    Raises:
        DataError: no such folder, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read what is in it, but no features."""
        self.path = Path(path)
        about = _about(self.path)
        self.backbone, self.rate = str(about["backbone"]), float(about["rate"])
        self._entries: dict[str, tuple[Entry, Path]] = {}
        self._identities: dict[Identity, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again for what was added since."""
        # Loose files first: what is packed in between is then seen in both places, and not in neither.
        loose = [(entry, file) for file in _files(self.path / _LOOSE) for entry in _entries_or_gone(file)]
        packed = [(entry, file) for file, entries in _packed(self.path) for entry in entries]
        found: dict[str, tuple[Entry, Path]] = {}
        shelved = {entry.id for entry, _ in packed}
        for entry, file in packed + [(entry, file) for entry, file in loose if entry.id not in shelved]:
            found[entry.video.path] = (entry, file)  # a later look at a changed file takes the place of the earlier
        self._entries = found
        self._identities = {entry.identity: path for path, (entry, _) in found.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Absolute paths of the videos, sorted."""
        return tuple(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and _absolute(path) in self._entries

    def entry(self, path: str | os.PathLike[str]) -> Entry:
        """What is known of a video without reading its features.

        Raises:
            DataError: it is not in the store.
        """
        return self._find(path)[0]

    def __getitem__(self, path: str | os.PathLike[str]) -> Extracted:
        """Read one video.

        Raises:
            DataError: it is not in the store, or its file is damaged or gone.
        """
        entry, file = self._find(path)
        try:
            return _read(file, entry)
        except FileNotFoundError:
            self.refresh()  # it was loose and has been packed since
        entry, file = self._find(path)
        try:
            return _read(file, entry)
        except FileNotFoundError as error:
            raise DataError(
                f"'{file}' is gone, so that '{path}' cannot be read: run `summdiff extract` again."
            ) from error

    def get(
        self, path: str | os.PathLike[str], backbone_id: str, rate: float, *, sparse: float = 0.0
    ) -> Extracted | None:
        """The same of a video found by its content, also under another name; None where it is not there or changed.

        For a `Summarizer`. `sparse` (a look at key frames only) is served by the full look that a store holds.

        Raises:
            DataError: its file is damaged.
        """
        identity = identity_of(Path(path))
        name = None if identity is None else self._identities.get(identity)
        if name is None or backbone_id != self.backbone or float(rate) != self.rate:
            return None
        extracted = self[name]
        return replace(extracted, video=replace(extracted.video, path=_absolute(path)))

    def put(
        self, path: str | os.PathLike[str], backbone_id: str, rate: float, extracted: Extracted, *, sparse: float = 0.0
    ) -> None:
        """Does nothing: only `summdiff extract` adds to a store."""

    def _find(self, path: str | os.PathLike[str]) -> tuple[Entry, Path]:
        try:
            return self._entries[_absolute(path)]
        except KeyError:
            raise DataError(f"'{path}' is not among the {len(self)} videos of the store '{self.path}'.") from None


class StoreWriter:
    """Makes a store and packs what was extracted; one at a time, which the lock of the run sees to.

    Args:
        path: the folder; made where it is missing.
        backbone, rate: of everything in it.
        shard_bytes: a shard is made when so much lies loose.

    Raises:
        UsageError: the store has features of another backbone or rate.
        DataError: it is damaged.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, *, backbone: str, rate: float, shard_bytes: int) -> None:
        """Open it, and remove what a killed packer left behind."""
        self.path, self.shard_bytes = path, shard_bytes
        make_store(path, backbone=backbone, rate=rate)
        shards = list(_packed(path))
        self._packed = {entry.id for _, entries in shards for entry in entries}
        self._next = 1 + max((_number(file) for file, _ in shards), default=0)
        self._loose: dict[str, int] = {}
        self.tidy()
        for file in _files(path / _LOOSE):
            if file.stem in self._packed or not _is_whole(file):
                file.unlink()  # what is damaged is then looked at again
            else:
                self._loose[file.stem] = file.stat().st_size

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._packed or entry_id in self._loose

    def tidy(self) -> None:
        """Remove what writers left behind when they were killed; only while none is at work."""
        for folder in (self.path, self.path / _SHARDS, self.path / _LOOSE):
            for leftover in folder.glob(".summdiff-*.tmp"):
                leftover.unlink(missing_ok=True)

    def settle(self, entry_id: str) -> None:
        """Take note of a loose file that was finished; make a shard where enough of them lie there."""
        if entry_id in self._packed:
            loose_file(self.path, entry_id).unlink(missing_ok=True)  # it was extracted again, to the same
            return
        self._loose[entry_id] = loose_file(self.path, entry_id).stat().st_size
        if sum(self._loose.values()) >= self.shard_bytes:
            self.pack()

    def pack(self) -> Path | None:
        """Put all that is loose into a new shard; None where there is nothing."""
        from safetensors.numpy import load_file, save

        if not self._loose:
            return None
        files = [loose_file(self.path, entry_id) for entry_id in sorted(self._loose)]
        entries = [entry for file in files for entry in _entries(file)]
        arrays: dict[str, NDArray[Any]] = {}
        for file in files:
            arrays.update(load_file(file))
        shard = self.path / _SHARDS / f"{self._next:06d}.safetensors"
        with written_whole(shard) as temporary:
            # Not safetensors' own writing to a file, whose errors do not tell a full disk from a bug.
            temporary.write_bytes(save(arrays, metadata=_metadata(entries)))
        try:
            _append(self.path / _INDEX, {"shard": shard.name, "videos": [entry.to_json() for entry in entries]})
            for file in files:
                file.unlink()
        except OSError as error:
            raise OutputError(f"The store '{self.path}' cannot be written: {error.strerror or error}.") from error
        self._packed |= self._loose.keys()
        self._loose.clear()
        self._next += 1
        return shard


def make_store(path: Path, *, backbone: str, rate: float) -> None:
    """Make the folder, or check that it holds features of this backbone at this rate.

    Raises:
        UsageError: it holds others.
        DataError: it is damaged.
        OutputError: it cannot be written.
    """
    if (path / _ABOUT).exists():
        about = _about(path)
        if (about["backbone"], float(about["rate"])) != (backbone, float(rate)):
            raise UsageError(
                f"The store '{path}' has features of '{about['backbone']}' at {about['rate']:g} steps per second, "
                f"not of '{backbone}' at {rate:g}: ask for those, or name another folder."
            )
    try:
        for folder in (_SHARDS, _LOOSE):
            (path / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The store '{path}' cannot be made: {error.strerror or error}.") from error
    if not (path / _ABOUT).exists():
        with written_whole(path / _ABOUT) as temporary:
            about = {"schema": SCHEMA, "backbone": backbone, "rate": float(rate)}
            temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def write_loose(path: Path, extracted: Extracted, identity: Identity) -> Entry:
    """Write one video's features as a loose file of a store.

    Raises:
        OutputError: it cannot be written.
    """
    from safetensors.numpy import save

    entry = Entry(
        id=hashlib.sha256(json.dumps([extracted.video.path, *identity]).encode()).hexdigest()[:32],
        identity=identity,
        steps=len(extracted.times),
        video=extracted.video,
        corrupt_frames=extracted.corrupt_frames,
    )
    arrays = {f"{entry.id}/{name}": np.ascontiguousarray(getattr(extracted, name)) for name in _ARRAYS}
    with written_whole(loose_file(path, entry.id)) as temporary:
        temporary.write_bytes(save(arrays, metadata=_metadata([entry])))
    return entry


def loose_file(path: Path, entry_id: str) -> Path:
    """Where a video lies before it is packed."""
    return path / _LOOSE / f"{entry_id}.safetensors"


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(os.fspath(path))  # noqa: PTH100  (Path.resolve would follow links)


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads((path / _ABOUT).read_text(encoding="utf-8"))
        if about["schema"] != SCHEMA:
            raise DataError(f"'{path}' is a store of another form, {about['schema']!r}, where '{SCHEMA}' is expected.")
        return {"backbone": str(about["backbone"]), "rate": float(about["rate"])}
    except OSError as error:
        raise DataError(f"'{path}' is no store of features: make one with `summdiff extract`.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{path / _ABOUT}' is damaged ({error}).") from error


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith("."))


def _number(shard: Path) -> int:
    found = _SHARD_NAME.fullmatch(shard.name)
    return int(found[1]) if found else 0


def _packed(path: Path) -> Iterator[tuple[Path, list[Entry]]]:
    """The shards in the order in which they were made, each with its videos, read from the index where that has it."""
    index: dict[str, list[Entry]] = {}
    try:
        lines = (path / _INDEX).read_bytes().split(b"\n")
    except FileNotFoundError:
        lines = []
    for line in lines:
        try:
            facts = json.loads(line)
            index[facts["shard"]] = [Entry.from_json(video) for video in facts["videos"]]
        except (ValueError, KeyError, TypeError):
            continue  # cut off when its writer was killed: the shard itself says the same
    for file in sorted(_files(path / _SHARDS), key=_number):
        yield file, index[file.name] if file.name in index else list(_entries(file))


def _entries_or_gone(file: Path) -> Iterable[Entry]:
    try:
        return _entries(file)
    except FileNotFoundError:
        return ()


def _entries(file: Path) -> list[Entry]:
    """What a shard or loose file says is in it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            return [Entry.from_json(facts) for facts in json.loads(opened.metadata()["videos"])]
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{file}' is damaged or no part of a store ({error}).") from error


def _is_whole(file: Path) -> bool:
    try:
        return bool(_entries(file))
    except DataError:
        return False


def _read(file: Path, entry: Entry) -> Extracted:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            arrays = {name: opened.get_tensor(f"{entry.id}/{name}") for name in _ARRAYS}
        return Extracted(**arrays, video=entry.video, corrupt_frames=entry.corrupt_frames)
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{file}' is damaged: '{entry.video.path}' cannot be read ({error}).") from error


def _metadata(entries: Iterable[Entry]) -> dict[str, str]:
    return {"schema": SCHEMA, "videos": json.dumps([entry.to_json() for entry in entries])}


def _append(file: Path, facts: dict[str, Any]) -> None:
    """Add a line; first end one that was cut off."""
    text = json.dumps(facts).encode() + b"\n"
    with file.open("ab+") as opened:
        if opened.tell():
            opened.seek(-1, os.SEEK_END)
            text = text if opened.read(1) == b"\n" else b"\n" + text
        opened.write(text)
