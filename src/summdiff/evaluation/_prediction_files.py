"""Predictions files: read those of any tool, and write JSON or HDF5.

JSON: `{"video_1": [0.1, …], …}`, or `{"about": {…}, "scores": {"video_1": …}}`. HDF5: a data set `video_1`, or a group
`video_1` with `scores` (or `importance_scores`). A curve is (N,), samples are (M, N); N is the number of steps of the
data set's file, or its number of frames. Samples are judged by their mean, unless the file has a separate mean curve:
in JSON `{"means": {"video_1": [0.1, …]}}` beside `scores`, in HDF5 a data set `mean` in the group. Vectors of frames
that hold only 0 and 1 are ready summaries (also under `machine_summary`) and are judged as they are.

NumPy: arrays by video in `.npz`; one video in `.npy`, or a folder of them, named after the videos. CSV: a header with
the columns `video` and `score`, a row per step or frame in order; or without a header a row per video, its name and its
scores. A video may be called by its title, its YouTube id or a path; see `Predictions.named_as_in`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff._untrusted import Budget, open_regular, parse_json, read_json
from summdiff.atomic import written_whole
from summdiff.data.h5 import natural
from summdiff.data.h5_guard import attribute, member, open_h5, unpacking_bytes
from summdiff.data.video_group import COPY_BYTES
from summdiff.errors import DataError, UsageError, reason
from summdiff.evaluation._prediction_tables import read_csv, read_npy, read_npz
from summdiff.evaluation._predictions import Form, Predictions

SUFFIXES = (".json", ".h5", ".hdf5", ".npz", ".npy", ".csv")
WRITTEN = SUFFIXES[:3]
FORMAT = "summdiff.predictions/1"
_LARGEST = 1e200
_SCORES, _SUMMARY = ("scores", "score", "importance_scores"), "machine_summary"


def is_predictions(path: str | os.PathLike[str]) -> bool:
    """Return whether a path has the suffix of a predictions file, or is a folder of .npy files that is no model."""
    path = Path(path)
    if path.is_dir():
        return not (path / "config.json").exists() and any(path.glob("*.npy"))
    return path.suffix.lower() in SUFFIXES


def is_written(path: str | os.PathLike[str]) -> bool:
    """Return whether `write_predictions` writes files with the suffix of a path."""
    return Path(path).suffix.lower() in WRITTEN


def read_predictions(path: str | os.PathLike[str], form: Form | None = None) -> Predictions:
    """Read a predictions file.

    Args:
        path: the file.
        form: how to read it, as scores or as ready summaries; None: by its values, see `Predictions.are_summaries`.

    Raises:
        DataError: the file is missing or damaged, has another form, or scores that are not finite numbers.
    """
    file = Path(path)
    if not file.exists():
        raise DataError(f"There is no predictions file '{file}'.")
    keys = (_SUMMARY, *_SCORES) if form == "summaries" else (*_SCORES, _SUMMARY)
    suffix = file.suffix.lower()
    about: dict[str, Any] = {}
    raw_means: dict[str, Any] = {}
    raw: Mapping[str, Any]
    if file.is_dir() or suffix == ".npy":
        budget = Budget()
        raw = {part.stem: read_npy(part, budget) for part in _parts(file)}
    elif suffix == ".npz":
        about, raw = read_npz(file)
    elif suffix == ".csv":
        raw = read_csv(file, keys)
    else:
        about, raw, raw_means = _read_json(file, keys) if suffix == ".json" else _read_h5(file, keys)
    if not raw:
        raise DataError(f"'{file}' has no scores: one entry per video is needed.")
    curves = {name: _checked(raw[name], file, name) for name in sorted(raw, key=natural)}
    means = {name: _checked(raw_means[name], file, name)[0] for name in curves if raw_means.get(name) is not None}
    return Predictions(name=file.name, curves=curves, about=about, sha256=_digest(file), means=means, form=form)


def _parts(path: Path) -> list[Path]:
    """Return the .npy files of a folder, or the file itself."""
    return sorted(path.glob("*.npy")) if path.is_dir() else [path]


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the files of a folder in order."""
    digest = hashlib.sha256()
    for part in _parts(path):
        with open_regular(part) as content:
            while block := content.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def write_predictions(
    path: str | os.PathLike[str],
    curves: Mapping[str, ArrayLike],
    *,
    about: Mapping[str, Any],
    means: Mapping[str, ArrayLike] | None = None,
) -> Path:
    """Write a predictions file, JSON or HDF5 by its suffix.

    Args:
        path: the file; replaced if it exists.
        curves: scores (N,) or (M, N) by video.
        about, means: see `Predictions`.

    Raises:
        UsageError: the suffix is not .json, .h5 or .hdf5.
        OutputError: the file cannot be written.
    """
    file = Path(path)
    if not is_written(file):
        raise UsageError(f"'{file}' must end in {', '.join(WRITTEN)}.")
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


def _read_json(file: Path, keys: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return metadata, scores and means of a JSON file, unchecked."""
    try:
        document = read_json(file)
    except (OSError, ValueError) as error:
        raise DataError(f"'{file}' cannot be read as JSON: {reason(error)}.") from error
    if not isinstance(document, dict):
        raise DataError(f"'{file}' is not an object with an entry for each video.")
    if isinstance(document.get("scores"), dict):
        about, means = (mapping if isinstance(mapping := document.get(key), dict) else {} for key in ("about", "means"))
        return about, document["scores"], means
    scores = {
        name: next((entry[key] for key in keys if key in entry), None) if isinstance(entry, dict) else entry
        for name, entry in document.items()
    }
    return {}, scores, {}


def _read_h5(file: Path, keys: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return metadata, scores and means of an HDF5 file, unchecked."""
    raw: dict[str, Any] = {}
    means: dict[str, Any] = {}
    name, budget = "", Budget()
    try:
        with open_h5(file) as content:
            about = parse_json(attribute(content, "about") or "{}")
            for name in content:
                raw[name], means[name] = _stored(content, name, keys, f"'{file}'", budget)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError) as error:
        # TypeError, AttributeError: not text, not a data set
        where = f", {name}" if name else ""
        raise DataError(f"'{file}'{where}: cannot be read as HDF5: {error}.") from error
    return about if isinstance(about, dict) else {}, raw, means


def _stored(content: Any, name: Any, keys: tuple[str, ...], where: str, budget: Budget) -> tuple[Any, Any]:
    """Return scores and mean of a video, None for those that the file lacks; raises any error of h5py."""
    from h5py import Group, h5g

    if not isinstance(name, str):
        raise TypeError(f"the name {name!r} is no text")
    found = member(content, name, where)
    if not isinstance(found, h5g.GroupID):
        return _values(found, budget), None
    group, where = Group(found), f"{where}, {name}"
    scores = next((data for key in keys if (data := member(group, key, where)) is not None), None)
    return _values(scores, budget), _values(member(group, "mean", where), budget)


def _values(dataset: Any, budget: Budget) -> Any:
    """Return the numbers of an `h5py.h5d.DatasetID`; None for none."""
    from h5py import Dataset

    if dataset is None:
        return None
    data = Dataset(dataset)
    if data.dtype.kind not in "biufc":
        raise TypeError("the scores are not numbers")
    budget.take((data.size or 0) * (data.dtype.itemsize + COPY_BYTES) + unpacking_bytes(dataset))
    return data[()]


def _checked(raw: Any, file: Path, name: str) -> NDArray[np.float64]:
    """Scores as (M, N) float64."""
    if raw is None:
        keys = ", ".join(f"'{key}'" for key in (*_SCORES, _SUMMARY))
        raise DataError(f"'{file}', {name}: there is no 'scores': looked for {keys}.")
    if isinstance(raw, np.ndarray | np.generic) and np.iscomplexobj(raw):
        raise DataError(f"'{file}', {name}: the scores are complex numbers, which have no order.")
    try:
        scores = np.atleast_2d(np.asarray(raw, dtype=np.float64))
        if scores.ndim == 2 and scores.shape[1] == 1 < len(scores):  # a column of scores
            scores = scores.T
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
