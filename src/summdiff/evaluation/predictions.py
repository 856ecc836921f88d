"""Files of predicted scores: one curve, or several samples, for each video, from any tool.

JSON: `{"video_1": [0.1, …], …}`, or `{"about": {…}, "scores": {"video_1": …}}`. HDF5: a data set `video_1`, or a group
`video_1` with `scores` (`importance_scores` will do). A curve is (N,), samples are (M, N); N is the number of steps of
the data set's file, or its number of frames. Samples are judged by their mean, unless the file has a curve of its own
for that: in JSON `{"means": {"video_1": [0.1, …]}}` beside `scores`, in HDF5 a data set `mean` in the group.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.atomic import written_whole
from summdiff.data.h5 import natural
from summdiff.data.h5_guard import attribute, most_bytes, open_h5
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError, UsageError

SUFFIXES = (".json", ".h5", ".hdf5")
FORMAT = "summdiff.predictions/1"
_LARGEST = 1e200
_SCORES = ("scores", "importance_scores")


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a system says of videos.

    Attributes:
        name: what to call it.
        curves: name of a video to its scores (M, N) float64; M = 1 where there is one curve.
        means: name of a video to the curve (N,) that it is judged by; where there is none, the mean of its `curves`.
        about: what the file says of itself: `model`, `selection` (by what rule it was chosen), `trained_on` (identities
            of videos, as `tvsum/video_1`), whatever else.
        sha256: of the file; "" where there is none.
    """

    name: str
    curves: Mapping[str, NDArray[np.float64]]
    about: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    means: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def at_steps(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        """The scores (M, N) of a video's N steps; of scores for every frame those at the steps' first frames.

        Raises:
            DataError: there are none, or they are neither one a step nor one a frame.
        """
        return self._at_steps(self.curves, video)

    def mean_at_steps(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        """Return the curve (N,) that a video is judged by; as `at_steps`."""
        if video.name in self.means:
            return self._at_steps({video.name: self.means[video.name][None]}, video).reshape(-1)
        mean: NDArray[np.float64] = self.at_steps(video).mean(axis=0)
        return mean

    def _at_steps(self, curves: Mapping[str, NDArray[np.float64]], video: AnnotatedVideo) -> NDArray[np.float64]:
        if video.name not in curves:
            raise DataError(f"'{self.name}' has no scores for {video.name}.")
        scores = curves[video.name]
        if scores.shape[1] == len(video.picks):
            return scores
        if scores.shape[1] == video.n_frames:
            return scores[:, video.picks]
        raise DataError(
            f"'{self.name}', {video.name}: {scores.shape[1]} scores, where the data has {len(video.picks)} steps "
            f"and {video.n_frames} frames."
        )


def is_predictions(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a predictions file, by its suffix."""
    return Path(path).suffix.lower() in SUFFIXES


def read_predictions(path: str | os.PathLike[str]) -> Predictions:
    """Read a predictions file.

    Raises:
        DataError: no such file, damaged, not of the form above, or scores that are not finite numbers.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"There is no predictions file '{file}'.")
    about, raw, raw_means = _read_json(file) if file.suffix.lower() == ".json" else _read_h5(file)
    if not raw:
        raise DataError(f"'{file}' has no scores: expected one entry for each video.")
    curves = {name: _checked(raw[name], file, name) for name in sorted(raw, key=natural)}
    means = {name: _checked(raw_means[name], file, name)[0] for name in curves if raw_means.get(name) is not None}
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Predictions(name=file.name, curves=curves, about=about, sha256=digest, means=means)


def write_predictions(
    path: str | os.PathLike[str],
    curves: Mapping[str, ArrayLike],
    *,
    about: Mapping[str, Any],
    means: Mapping[str, ArrayLike] | None = None,
) -> Path:
    """Write a predictions file; the suffix chooses JSON or HDF5.

    Args:
        path: the file, replaced if it is there.
        curves: name of a video to its scores, (N,) or (M, N).
        about, means: see `Predictions`.

    Raises:
        UsageError: another suffix than .json, .h5 or .hdf5.
        OutputError: the file cannot be written.
    """
    file = Path(path)
    if not is_predictions(file):
        raise UsageError(f"'{file}' must end in {', '.join(SUFFIXES)}, the formats that are written.")
    about = {"format": FORMAT} | dict(about)
    with written_whole(file) as partial:
        if file.suffix.lower() == ".json":
            scores = {name: np.asarray(curve).tolist() for name, curve in curves.items()}
            document = {"about": about, "scores": scores}
            if means:
                document["means"] = {name: np.asarray(curve).tolist() for name, curve in means.items()}
            partial.write_text(json.dumps(document) + "\n", encoding="utf-8")
        else:
            import h5py

            with h5py.File(partial, "w") as content:
                content.attrs["about"] = json.dumps(about)
                for name, curve in curves.items():
                    content.create_dataset(f"{name}/scores", data=np.asarray(curve), compression="gzip")
                for name, curve in (means or {}).items():
                    content.create_dataset(f"{name}/mean", data=np.asarray(curve), compression="gzip")
    return file


def _read_json(file: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return what the file says of itself, and of each video its scores and its mean."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"'{file}' cannot be read as JSON: {error}.") from error
    if not isinstance(document, dict):
        raise DataError(f"'{file}' is not an object with an entry for each video.")
    if isinstance(document.get("scores"), dict):
        about, means = (found if isinstance(found := document.get(key), dict) else {} for key in ("about", "means"))
        return about, document["scores"], means
    scores = {
        name: next((entry[key] for key in _SCORES if key in entry), None) if isinstance(entry, dict) else entry
        for name, entry in document.items()
    }
    return {}, scores, {}


def _read_h5(file: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the same of an HDF5 file."""
    raw: dict[str, Any] = {}
    means: dict[str, Any] = {}
    name = ""
    try:
        with open_h5(file) as content:
            about = json.loads(attribute(content, "about") or "{}")
            for name, entry in content.items():
                raw[name] = _stored(name, entry, _SCORES)
                means[name] = _stored(name, entry, ("mean",)) if hasattr(entry, "items") else None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError) as error:
        # TypeError, AttributeError: not text, not a data set
        where = f", {name}" if name else ""
        raise DataError(f"'{file}'{where}: cannot be read as HDF5: {error}.") from error
    return about if isinstance(about, dict) else {}, raw, means


def _stored(name: Any, entry: Any, keys: tuple[str, ...]) -> Any:
    """What an HDF5 file holds of one video under one of the keys, None without; raises what h5py would."""
    import h5py

    if not isinstance(name, str):
        raise TypeError(f"the name {name!r} is no text")
    data = entry
    if isinstance(entry, h5py.Group):
        data = next((entry[key] for key in keys if key in entry), None)
    if data is None:
        return None
    if data.dtype.kind not in "biufc":
        raise TypeError("the scores are not numbers")
    if data.size * data.dtype.itemsize > most_bytes():
        raise ValueError(f"it says that it has {data.size:,} scores")
    return data[()]


def _checked(raw: Any, file: Path, name: str) -> NDArray[np.float64]:
    """Scores as (M, N) float64."""
    if raw is None:
        raise DataError(f"'{file}', {name}: there is no 'scores'.")
    if isinstance(raw, np.ndarray | np.generic) and np.iscomplexobj(raw):
        raise DataError(f"'{file}', {name}: the scores are complex numbers, which have no order.")
    try:
        scores = np.atleast_2d(np.asarray(raw, dtype=np.float64))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"'{file}', {name}: the scores are not numbers of shape (N,) or (M, N).") from error
    if scores.ndim != 2 or scores.size == 0:
        raise DataError(f"'{file}', {name}: the scores have shape {np.shape(raw)}, expected (N,) or (M, N).")
    if not np.isfinite(scores).all():
        raise DataError(f"'{file}', {name}: the scores are not all finite numbers.")
    if np.abs(scores).max() > _LARGEST:
        raise DataError(
            f"'{file}', {name}: there are scores beyond ±{_LARGEST:g}, whose sums overflow; scale them down."
        )
    return scores
