"""TVSum's `ydata-tvsum50.mat`: a MATLAB 7.3 (HDF5) file with one struct array `tvsum50` of 50 videos.

Each field is a data set (videos, 1) of references to the values of the videos: `video`, `category`, `title` (UTF-16),
`length` (seconds), `nframes`, `user_anno` (n_frames x annotators in MATLAB, transposed in HDF5) and
`gt_score`, their mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import Budget
from summdiff.data.annotations.matlab import DAMAGE, open_hdf5, read_values, text
from summdiff.data.annotations.record import VideoAnnotations
from summdiff.data.annotations.tvsum_tsv import SCORE_RANGE
from summdiff.data.h5_guard import member
from summdiff.errors import DataError

_STRUCT = "tvsum50"
_NEEDED = ("video", "category", "title", "nframes", "user_anno")


def is_tvsum(path: Path) -> bool:
    """Return whether a MATLAB file has TVSum's struct."""
    file = open_hdf5(path)
    if file is None:
        return False
    with file:
        try:
            return member(file, _STRUCT, f"'{path}'") is not None
        except DAMAGE as error:
            raise DataError(f"'{path}' is damaged: {error}.") from error


def read(path: Path) -> dict[str, VideoAnnotations]:
    """Read every video's annotations, in the order of the file."""
    import h5py
    from h5py import h5r

    videos: dict[str, VideoAnnotations] = {}
    at = 0
    with open_hdf5(path) as file:
        try:
            where, budget = f"'{path}', '{_STRUCT}'", Budget()
            struct = h5py.Group(member(file, _STRUCT, f"'{path}'"))
            fields = {field: member(struct, field, where) for field in (*_NEEDED, "length")}
            for field in _NEEDED:
                if fields[field] is None:
                    raise DataError(f"'{path}': '{_STRUCT}' has no field '{field}'.")
            references = {
                field: read_values(dataset, budget).ravel() for field, dataset in fields.items() if dataset is not None
            }
            for at in range(len(references["video"])):
                values = {
                    field: read_values(h5r.dereference(to[at], file.id), budget) for field, to in references.items()
                }
                video = _video(path, at, values)
                if video.name in videos:
                    raise DataError(f"'{path}', video {at + 1}: '{video.name}' occurs twice.")
                videos[video.name] = video
        except DAMAGE as error:
            raise DataError(f"'{path}', video {at + 1}: damaged or of another form ({error}).") from error
    if not videos:
        raise DataError(f"'{path}' has no annotated video.")
    return videos


def _video(path: Path, at: int, field: dict[str, NDArray[Any]]) -> VideoAnnotations:
    name = text(field["video"])
    if not name:
        raise DataError(f"'{path}', video {at + 1}: 'video' is not text.")
    n_frames = int(field["nframes"].item())
    stored = field["user_anno"]
    if stored.ndim != 2 or n_frames not in stored.shape:
        raise DataError(f"'{path}', '{name}': 'user_anno' has shape {stored.shape} without an axis of {n_frames}.")
    if not ((stored >= SCORE_RANGE[0]) & (stored <= SCORE_RANGE[1])).all():
        raise DataError(f"'{path}', '{name}': 'user_anno' has scores outside 1 to 5.")
    scores = np.ascontiguousarray(stored if stored.shape[1] == n_frames else stored.T, dtype=np.float32)
    length = field.get("length")
    seconds = float(length.item()) if length is not None and length.dtype.kind in "fui" and length.size == 1 else 0.0
    return VideoAnnotations(
        name=name,
        n_frames=n_frames,
        fps=n_frames / seconds if seconds > 0 else None,
        scores=scores,
        score_range=SCORE_RANGE,
        title=text(field["title"]),
        category=text(field["category"]),
    )
