"""What all data sets of annotated videos have in common: one HDF5 file, one group per video, checked as it is read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import DataError


class AnnotatedFile:
    """An HDF5 file with one group per video. It is opened for each reading, so it may be shared between processes.

    Attributes:
        path: the file.
        names: the videos in it, `video_2` before `video_10`.

    Raises:
        DataError: no such file, not HDF5, no video in it, or h5py is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file and list its videos."""
        self.path = Path(path)
        with self.open() as file:
            self.names: tuple[str, ...] = tuple(sorted(file, key=_natural))
        if not self.names:
            raise DataError(f"'{self.path}' has no video: expected one group per video.")

    def __len__(self) -> int:
        return len(self.names)

    def fingerprint(self) -> str:
        """SHA-256 of the file, to say in a result what it was measured on."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def open(self) -> Any:
        """The file as `h5py.File`, for a `with` statement."""
        try:
            import h5py
        except ImportError as error:
            raise DataError("Reading data sets needs h5py: install it with `pip install 'summdiff[train]'`.") from error
        if not self.path.is_file():
            raise DataError(f"There is no data file '{self.path}'.")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise DataError(f"'{self.path}' cannot be read as HDF5: {error}.") from error

    def group(self, file: Any, name: str) -> Any:
        """The group of one video."""
        if name not in file:
            raise DataError(f"'{self.path}' has no video '{name}'; it has {len(self.names)}, from '{self.names[0]}'.")
        return file[name]

    def array(self, group: Any, key: str, *, ndim: int, n: int | None = None) -> NDArray[Any]:
        """One key's values, checked: number of axes, last axis of length n, finite, not empty."""
        name = group.name.lstrip("/")
        if key not in group:
            raise self.wrong(name, key, "is missing")
        array = np.asarray(group[key][()])
        if array.ndim != ndim:
            raise self.wrong(name, key, f"has {array.ndim} axes where {ndim} are expected")
        if array.size == 0:
            raise self.wrong(name, key, "is empty")
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise self.wrong(name, key, "has values that are not finite numbers")
        if n is not None and array.shape[-1] != n:
            raise self.wrong(name, key, f"has {array.shape[-1]} entries where {n} are expected")
        return array

    def fps(self, group: Any) -> float:
        """Frames per second of the original video."""
        name = group.name.lstrip("/")
        if "fps" not in group.attrs:
            raise self.wrong(name, "fps", "is missing")
        fps = float(group.attrs["fps"])
        if not 0 < fps < 1000:
            raise self.wrong(name, "fps", f"is {fps:g}, which is no frame rate")
        return fps

    def wrong(self, video: str, key: str, what: str) -> DataError:
        """The error that says in one sentence what is wrong, and where."""
        return DataError(f"'{self.path}', {video}: '{key}' {what}.")


def _natural(name: str) -> tuple[str, int]:
    """Sort key: video_2 before video_10."""
    digits = name[len(name.rstrip("0123456789")) :]
    return name[: len(name) - len(digits)], int(digits or 0)
