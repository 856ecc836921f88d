"""TVSum (Song et al., CVPR 2015) from one HDF5 file: 50 videos, each scored by 20 annotators.

The file has one group per video with the field's common keys; see `TVSum`. Needs the `train` extra (h5py).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import DataError


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """One video's features and what its annotators said.

    Attributes:
        name: the group in the file, `video_1` …
        category: the file's category label, "" where it has none.
        rate: steps per second.
        features: (N, D) float32.
        user_scores: (users, N) float32, each annotator's importance, 1 to 5.
        gtscore: (N,) float32, the mean annotator in [0, 1].
        picks: (N,) int64, first frame of each step.
        n_frames: frames of the original video.
    """

    name: str
    category: str
    rate: float
    features: NDArray[np.float32]
    user_scores: NDArray[np.float32]
    gtscore: NDArray[np.float32]
    picks: NDArray[np.int64]
    n_frames: int


class TVSum:
    """Reads one video at a time; nothing but the names is kept in memory.

        tvsum = TVSum("tvsum.h5")
        video = tvsum["video_1"]

    Keys of a group: `features` (N, D), `user_scores` (users, N) from 1 to 5, `gtscore` (N,), `picks` (N,), `n_frames`;
    attribute `fps`, and `category` if known.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file and list its videos.

        Raises:
            DataError: no such file, not HDF5, no video in it, or h5py is not installed.
        """
        self.path = Path(path)
        with self._open() as file:
            self.names: tuple[str, ...] = tuple(sorted(file, key=_natural))
        if not self.names:
            raise DataError(f"'{self.path}' has no video: expected one group per video.")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> AnnotatedVideo:
        """Read one video.

        Raises:
            DataError: unknown video, or a key of it is missing or has the wrong shape or values.
        """
        with self._open() as file:
            if name not in file:
                raise DataError(
                    f"'{self.path}' has no video '{name}'; it has {len(self.names)}, from '{self.names[0]}'."
                )
            group = file[name]
            features = self._array(group, "features", ndim=2).astype(np.float32)
            n = len(features)
            user_scores = self._array(group, "user_scores", ndim=2, n=n).astype(np.float32)
            gtscore = self._array(group, "gtscore", ndim=1, n=n).astype(np.float32)
            picks = self._array(group, "picks", ndim=1, n=n).astype(np.int64)
            n_frames = int(self._array(group, "n_frames", ndim=0))
            if user_scores.min() < 1 or user_scores.max() > 5:
                raise self._wrong(name, "user_scores", "has values outside 1 to 5")
            if "fps" not in group.attrs:
                raise self._wrong(name, "fps", "is missing")
            fps = float(group.attrs["fps"])
            if n > 1 and not (np.diff(picks) > 0).all():
                raise self._wrong(name, "picks", "is not rising")
            category = str(group.attrs.get("category", ""))
        step = float(np.median(np.diff(picks))) if n > 1 else float(n_frames)
        return AnnotatedVideo(
            name=name,
            category=category,
            rate=fps / step,
            features=features,
            user_scores=user_scores,
            gtscore=gtscore,
            picks=picks,
            n_frames=n_frames,
        )

    def fingerprint(self) -> str:
        """SHA-256 of the file, to say in a result what it was measured on."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _open(self) -> Any:
        try:
            import h5py
        except ImportError as error:
            raise DataError("reading data sets needs h5py: install it with `pip install 'summdiff[train]'`.") from error
        if not self.path.is_file():
            raise DataError(f"there is no data file '{self.path}'.")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise DataError(f"'{self.path}' cannot be read as HDF5: {error}.") from error

    def _array(self, group: Any, key: str, *, ndim: int, n: int | None = None) -> NDArray[Any]:
        """One key's values, checked: number of axes, last axis of length n, finite, not empty."""
        name = group.name.lstrip("/")
        if key not in group:
            raise self._wrong(name, key, "is missing")
        array = np.asarray(group[key][()])
        if array.ndim != ndim:
            raise self._wrong(name, key, f"has {array.ndim} axes where {ndim} are expected")
        if array.size == 0:
            raise self._wrong(name, key, "is empty")
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise self._wrong(name, key, "has values that are not finite numbers")
        if n is not None and array.shape[-1] != n:
            raise self._wrong(name, key, f"has {array.shape[-1]} steps where 'features' has {n}")
        return array

    def _wrong(self, video: str, key: str, what: str) -> DataError:
        return DataError(f"'{self.path}', {video}: '{key}' {what}.")


def _natural(name: str) -> tuple[str, int]:
    """Sort key: video_2 before video_10."""
    digits = name[len(name.rstrip("0123456789")) :]
    return name[: len(name) - len(digits)], int(digits or 0)
