"""Base class of the readers: one HDF5 file with one group per video, each key checked as it is read."""

from __future__ import annotations

import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import Budget, open_regular
from summdiff.data.frame_rates import frame_rate
from summdiff.data.h5_guard import (
    H5_ERRORS,
    attribute,
    member,
    open_h5,
    reason,
    text_or_number,
    unpacking_bytes,
)
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.errors import DataError

COPY_BYTES = 10  # for each value read: a copy of another type, and a mask of the check


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
            return _as_text(attribute(self._file(), key))
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


class VideoGroup:
    """Group of one video; errors name file, video and key."""

    def __init__(self, path: Path, name: str, group: Any) -> None:
        """Wrap an `h5py.Group`."""
        self.path, self.name, self._group = path, name, group
        self._budget = Budget()

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    @cached_property
    def keys(self) -> frozenset[str]:
        """Names of the group's keys."""
        try:
            return frozenset(key for key in self._group if isinstance(key, str))
        except H5_ERRORS as error:
            raise DataError(
                f"'{self.path}', {self.name} cannot be read: {reason(error)}; it may be damaged."
            ) from error

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of a key without reading its values."""
        return self._dataset(key)[1] or ()

    def dtype(self, key: str) -> str:
        """Return the type of a key's values."""
        return str(self._dataset(key)[2])

    def array(self, key: str, *, ndim: int, n: int | None = None, rows: int | None = None) -> NDArray[Any]:
        """Read a key: finite numbers, not empty, with `ndim` axes, the first of length `rows` and the last `n`.

        Raises:
            DataError: the key is missing or damaged, or its values differ from this description.
        """
        dataset, shape, dtype = self._dataset(key)
        if dtype.kind not in "biuf":
            raise self.wrong(key, f"holds {_type_name(dtype)}, expected numbers")
        if shape is None or 0 in shape:
            raise self.wrong(key, "is empty")
        if ndim == 0 and shape == (1,):  # some files store a number as an array of length 1
            shape = ()
        if len(shape) != ndim:
            raise self.wrong(key, f"has {len(shape)} axes, expected {ndim}")
        if n is not None and shape[-1] != n:
            raise self.wrong(key, f"has {shape[-1]} entries, expected {n}")
        if rows is not None and shape[0] != rows:
            raise self.wrong(key, f"has {shape[0]} rows, expected {rows}")
        from h5py import h5s

        try:
            self._budget.take(math.prod(shape) * (dtype.itemsize + COPY_BYTES) + unpacking_bytes(dataset))
        except H5_ERRORS as error:
            raise self.wrong(key, f"cannot be read: {reason(error)}") from error
        try:
            array: NDArray[Any] = np.empty(shape, dtype)
            dataset.read(h5s.ALL, h5s.ALL, array)
        except H5_ERRORS as error:
            raise self._damaged(key, error) from error
        if dtype.kind == "f" and not np.isfinite(array).all():
            raise self.wrong(key, "has values that are not finite")
        return array

    def features(self, key: str = "features", *, rows: int | None = None) -> NDArray[np.floating]:
        """Read features (N, D): float16 stays float16, other types become float32."""
        array = self.array(key, ndim=2, rows=rows)
        return array if array.dtype == np.float16 else array.astype(np.float32, copy=False)

    def scores(self, key: str, *, n: int | None = None) -> NDArray[np.floating]:
        """Read scores (n,) with the stored precision, float32 at least: a knapsack may depend on the last digit."""
        array = self.array(key, ndim=1, n=n)
        return array if array.dtype.kind == "f" and array.dtype.itemsize >= 4 else array.astype(np.float32)

    def n_frames(self) -> int:
        """Read the number of frames of the original video."""
        value = self.array("n_frames", ndim=0)
        if value < 1 or value != int(value):
            raise self.wrong("n_frames", f"is {value}, expected a number of frames")
        return int(value)

    def picks(self, n_frames: int, *, key: str = "picks", n: int | None = None) -> NDArray[np.int64]:
        """Read the first frame of each step; raises DataError unless they rise within the video."""
        picks = self.integers(key, ndim=1, n=n)
        if len(picks) > 1 and not (np.diff(picks) > 0).all():
            raise self.wrong(key, "does not rise")
        if picks[0] < 0 or picks[-1] >= n_frames:
            raise self.wrong(key, f"goes from {picks[0]} to {picks[-1]} in a video of {n_frames} frames")
        return picks

    def segments(self, n_frames: int) -> NDArray[np.int64]:
        """Read `change_points` (S, 2) with inclusive ends; raises DataError if they do not cover the video."""
        segments = self.integers("change_points", ndim=2, n=2)
        first, last = segments.T
        if first[0] != 0 or last[-1] != n_frames - 1 or (first[1:] != last[:-1] + 1).any() or (last < first).any():
            raise self.wrong(
                "change_points", f"does not cut frames 0 to {n_frames - 1} into contiguous segments (first, last)"
            )
        return segments

    def integers(self, key: str, *, ndim: int, n: int | None = None) -> NDArray[np.int64]:
        """Read whole numbers stored as any type."""
        array = self.array(key, ndim=ndim, n=n)
        if array.dtype.kind == "f" and (array != np.rint(array)).any():
            raise self.wrong(key, "has values that are not whole numbers")
        return array.astype(np.int64)

    def binary(self, key: str, *, ndim: int, n: int | None = None) -> NDArray[np.uint8]:
        """Read values that are 0 or 1."""
        array = self.array(key, ndim=ndim, n=n)
        ones: NDArray[np.bool_] = array == 1
        if not (ones | (array == 0)).all():
            raise self.wrong(key, "has values other than 0 and 1")
        return ones.astype(np.uint8)

    def fps(self) -> float | None:
        """Read the frame rate of the original video; None if the file does not state it."""
        try:
            stored = attribute(self._group, "fps") if self._has_attributes else None
        except (TypeError, ValueError) as error:
            raise self.wrong("fps", f"is not a frame rate ({error})") from error
        except H5_ERRORS as error:
            raise self._damaged("fps", error) from error
        try:
            if stored is None:
                return None if "fps" not in self else self._rate(float(self.array("fps", ndim=0)))
            return self._rate(float(np.asarray(stored).reshape(())))
        except (TypeError, ValueError) as error:
            raise self.wrong("fps", f"is {stored!r}, not a frame rate") from error

    def text(self, *keys: str) -> str:
        """Return the first existing attribute or key as text; "" if none exists."""
        import h5py

        for key in keys:
            try:
                stored = attribute(self._group, key) if self._has_attributes else None
                if stored is None and key in self:
                    dataset, shape, _ = self._dataset(key)
                    if math.prod(shape or ()) == 1:
                        text_or_number(dataset)
                        stored = h5py.Dataset(dataset)[()]
            except H5_ERRORS as error:
                raise self._damaged(key, error) from error
            if stored is not None:
                return _as_text(stored)
        return ""

    def check_stored_inside(self, key: str) -> None:
        """Raise a DataError if a key is a link, or its values are stored in other files."""
        self._member(key)

    def wrong(self, key: str, fault: str) -> DataError:
        """Return the error for a key, naming file and video."""
        return DataError(f"'{self.path}', {self.name}: '{key}' {fault}.")

    @cached_property
    def _has_attributes(self) -> bool:
        return len(self._group.attrs) > 0

    def _rate(self, fps: float) -> float:
        if not 0 < fps < 1000:
            raise self.wrong("fps", f"is {fps:g}, not a frame rate")
        return fps

    def _dataset(self, key: str) -> tuple[Any, tuple[int, ...] | None, np.dtype[Any]]:
        """Return a key's `h5py.h5d.DatasetID`, shape (None without values) and type.

        The low-level interface takes less than half the time of `h5py.Dataset`, which matters for 31,892 videos.
        """
        from h5py import h5d, h5s

        if key not in self:
            raise self.wrong(key, "is missing")
        item = self._member(key)
        try:
            if isinstance(item, h5d.DatasetID):
                shape = item.shape
                if shape == () and item.get_space().get_simple_extent_type() == h5s.NULL:
                    shape = None
                return item, shape, item.dtype
        except H5_ERRORS as error:
            raise self._damaged(key, error) from error
        raise self.wrong(key, "is a group, expected an array")

    def _member(self, key: str) -> Any:
        try:
            return member(self._group, key, f"'{self.path}', {self.name}")
        except H5_ERRORS as error:
            raise self._damaged(key, error) from error

    def _damaged(self, key: str, error: Exception) -> DataError:
        return self.wrong(key, f"cannot be read, the file may be damaged ({reason(error)})")


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


def _as_text(stored: Any) -> str:
    if isinstance(stored, bytes):
        return stored.decode("utf-8", errors="replace")
    return "" if stored is None else str(stored)


def _type_name(dtype: Any) -> str:
    return {"O": "text or objects", "S": "text", "U": "text", "c": "complex numbers"}.get(dtype.kind, f"type {dtype}")
