"""SumMe's `GT/<title>.mat`, one MATLAB file per video: `nFrames`, `FPS` and `user_score` (n_frames x annotators).

`user_score` holds the numbers of the segments that an annotator chose, and 0 for other frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.data.annotations.matlab import load
from summdiff.data.annotations.record import VideoAnnotations
from summdiff.errors import DataError


def read(path: Path) -> dict[str, VideoAnnotations]:
    """Read the annotations of every `.mat` in a folder or its sub-folder GT, or of a single file, by title.

    Upper case sorts before lower case, as in the usual numbering of the videos.
    """
    if path.is_dir():
        inside = path / "GT"
        files = list((inside if inside.is_dir() else path).glob("*.mat"))
        if not files:
            raise DataError(f"The folder '{path}' has no .mat: expected SumMe's GT/*.mat.")
    else:
        files = [path]
    return {file.stem: _video(file) for file in sorted(files, key=lambda file: file.stem)}


def _video(path: Path) -> VideoAnnotations:
    values = load(path, ("nFrames", "FPS", "user_score"))
    n_frames = int(_number(path, values, "nFrames"))
    fps = _number(path, values, "FPS")
    if "user_score" not in values:
        raise DataError(f"'{path}' has no 'user_score'; is it one of SumMe's GT/*.mat?")
    chosen = values["user_score"]
    if chosen.dtype.kind not in "fuib" or len(chosen) != n_frames:
        raise DataError(f"'{path}': 'user_score' is {chosen.shape}, expected ({n_frames}, annotators).")
    if not np.isfinite(chosen).all():
        raise DataError(f"'{path}': 'user_score' has values that are not finite.")
    return VideoAnnotations(
        name=path.stem,
        n_frames=n_frames,
        fps=fps,
        summaries=np.ascontiguousarray((chosen > 0).T, dtype=np.uint8),
        title=path.stem,
    )


def _number(path: Path, values: dict[str, NDArray[Any]], key: str) -> float:
    value = values.get(key)
    if value is None:
        raise DataError(f"'{path}' has no '{key}'; is it one of SumMe's GT/*.mat?")
    if value.size != 1 or value.dtype.kind not in "fui" or not 0 < value.item() < np.inf:
        raise DataError(f"'{path}': '{key}' is not a positive number.")
    return float(value.item())
