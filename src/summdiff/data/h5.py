"""Base class of the readers: one HDF5 file with one group per video."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

from summdiff._untrusted import open_regular
from summdiff.data.frame_rates import frame_rate
from summdiff.data.h5_guard import H5_ERRORS, attribute, member, open_h5
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.data.video_group import VideoGroup, as_text
from summdiff.errors import DataError, reason


class AnnotatedFile(ABC):
    """An HDF5 file with one group per video. Videos are read one at a time.

    Each process opens its own handle when needed, so an object works in threads, after a fork and, pickled, in spawned
    processes, for example in torch's `DataLoader(num_workers=...)`.

    Attributes:
        path: the file.
        names: the videos in it, in natural order (`video_2` before `video_10`).
        kind: the data set.
        dataset: name of the data set in `identity`, for a file with the form of another; None for its own.
        fps: frames per second of videos that neither state a rate nor are recognized; None without one.
        convention: how `change_points` become a summary, a name of `summdiff.metrics.segments`; None without segments.

    Raises:
        DataError: the file is missing, damaged, not HDF5 or has no video, or h5py is not installed.
    """

    kind: ClassVar[DatasetKind]
    convention: ClassVar[str | None] = "eccv16"
    _feature_keys: ClassVar[tuple[str, ...]] = ("features",)  # the first one present holds the features

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file and list its videos, without opening groups."""
        self.path = Path(path)
        self.dataset: str | None = None
        self.fps: float | None = None
        self._handle: tuple[int, Any] | None = None  # process, h5py.File
        try:
            names = list(self._file())
        except H5_ERRORS as error:
            raise DataError(f"'{self.path}' cannot be read: {reason(error)}; it may be damaged.") from error
        if not names:
            raise DataError(f"'{self.path}' has no video: expected one group per video.")
        damaged = [name for name in names if not isinstance(name, str)]
        if damaged:
            raise DataError(f"'{self.path}' has a group whose name is not text, {damaged[0]!r}; it may be damaged.")
        self.names: tuple[str, ...] = tuple(sorted(names, key=natural))

    @abstractmethod
    def _read(self, group: VideoGroup, *, features: bool) -> AnnotatedVideo:
        """Read one video, with features if requested."""

    def __getitem__(self, name: str) -> AnnotatedVideo:
        """Read one video with its features.

        Raises:
            DataError: the video is unknown, or one of its keys is missing, damaged or has wrong shape or values.
        """
        return self._read(self.group(name), features=True)

    def annotations(self, name: str) -> AnnotatedVideo:
        """Read one video without its features, which may be missing. Raises as `[name]` does."""
        return self._read(self.group(name), features=False)

    def feature_shape(self, name: str) -> tuple[int, int] | None:
        """Return (N, D) of a video's features without reading them; None if it has none. Raises as `[name]` does."""
        group = self.group(name)
        key = next((key for key in self._feature_keys if key in group), None)
        if key is None:
            return None
        shape = group.shape(key)
        if len(shape) != 2:
            raise group.wrong(key, f"has {len(shape)} axes, expected 2")
        return shape[0], shape[1]

    def frame_rate(
        self, group: VideoGroup, n_frames: int, n_steps: int, *, original: float | None = None
    ) -> dict[str, Any]:
        """Return the fields `fps` and `fps_source` of a video; see `summdiff.data.frame_rates.frame_rate`."""
        rate = frame_rate(group, self.kind, n_frames, n_steps, original=original, given=self.fps)
        return {"fps": rate.fps, "fps_source": rate.source}

    def n_steps(self, name: str) -> int:
        """Return the number of steps that a video is judged at, without reading it; raises the errors of `[name]`."""
        group = self.group(name)
        key = "picks" if "picks" in group else "gtscore"
        shape = group.shape(key)
        if len(shape) != 1:
            raise group.wrong(key, f"has {len(shape)} axes, expected 1")
        return shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.path}', {len(self)} videos)"

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def identity(self, name: str) -> str:
        """Return a name of the video that is unique across files, such as `tvsum/video_3`.

        The attribute `dataset` replaces the kind in a file that has the format of a data set but other videos.
        For "other" (the user's own videos) `video_name` replaces the number.
        """
        dataset = self.dataset or self.attribute("dataset") or self.kind
        return f"{dataset}/{(dataset == 'other' and self.group(name).text('video_name')) or name}"

    def attribute(self, key: str) -> str:
        """Return an attribute of the file as text; "" if it has none."""
        try:
            return as_text(attribute(self._file(), key))
        except H5_ERRORS as error:
            raise DataError(f"'{self.path}': attribute '{key}' cannot be read: {reason(error)}.") from error

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file, which results state."""
        status = self.path.stat()
        return _sha256(self.path, status.st_size, status.st_mtime_ns)

    def group(self, name: str) -> VideoGroup:
        """Return the group of a video, to read keys from.

        Raises:
            DataError: the video is unknown, or it is not a group.
        """
        import h5py

        try:
            found = member(self._file(), name, f"'{self.path}'")
            group = None if found is None else h5py.Group(found) if isinstance(found, h5py.h5g.GroupID) else found
        except H5_ERRORS as error:
            raise DataError(f"'{self.path}', {name} cannot be read: {reason(error)}; it may be damaged.") from error
        if group is None:
            raise DataError(f"'{self.path}' has no video '{name}'; it has {len(self)}, from '{self.names[0]}'.")
        if not isinstance(group, h5py.Group):
            raise DataError(f"'{self.path}', {name} is a single array; expected a group with the keys of a video.")
        return VideoGroup(self.path, name, group)

    def close(self) -> None:
        """Close this process's handle; the next reading opens it again."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handle": None}

    def _file(self) -> Any:
        """The `h5py.File` of this process."""
        if self._handle is None or self._handle[0] != os.getpid():
            # Close a handle inherited by a fork: HDF5 would otherwise keep using the parent's file descriptor.
            self.close()
            self._handle = os.getpid(), open_h5(self.path)
        return self._handle[1]


@lru_cache(maxsize=16)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    """Return the SHA-256 of a file; cached until it changes."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def natural(name: str) -> tuple[str, int, str]:
    """Return a sort key that puts video_2 before video_10."""
    stem = name.rstrip("0123456789")
    number = name[len(stem) :].lstrip("0")  # not as a number: Python refuses those of thousands of digits
    return stem, len(number), number
