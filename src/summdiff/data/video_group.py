"""The group of one video in an HDF5 file, each key checked as it is read."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import Budget
from summdiff.data.h5_guard import H5_ERRORS, attribute, member, text_or_number, unpacking_bytes
from summdiff.errors import DataError, reason

COPY_BYTES = 10  # for each value read: a copy of another type, and a mask of the check


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
                return as_text(stored)
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


def as_text(stored: Any) -> str:
    """Return an attribute's value as text; "" for none."""
    if isinstance(stored, bytes):
        return stored.decode("utf-8", errors="replace")
    return "" if stored is None else str(stored)


def _type_name(dtype: Any) -> str:
    return {"O": "text or objects", "S": "text", "U": "text", "c": "complex numbers"}.get(dtype.kind, f"type {dtype}")
