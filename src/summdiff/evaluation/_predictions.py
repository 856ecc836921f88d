"""Predicted scores of a data set's videos, of a model or from a file of any tool: one curve or samples per video.

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff._untrusted import Budget, open_regular, parse_json, read_json
from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.data.h5 import COPY_BYTES, AnnotatedFile, natural
from summdiff.data.h5_guard import attribute, member, open_h5, unpacking_bytes
from summdiff.data.names import VideoNames
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError, UsageError
from summdiff.evaluation._prediction_tables import read_csv, read_npy, read_npz
from summdiff.metrics.segments import frame_scores

if TYPE_CHECKING:
    from summdiff.scoring.model import Model

SUFFIXES = (".json", ".h5", ".hdf5", ".npz", ".npy", ".csv")
WRITTEN = SUFFIXES[:3]
FORMAT = "summdiff.predictions/1"
_LARGEST = 1e200
_SCORES, _SUMMARY = ("scores", "score", "importance_scores"), "machine_summary"
Form = Literal["scores", "summaries"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Scores that a system predicts for videos.

    Attributes:
        name: name of the system.
        curves: scores (M, N) float64 by video; M = 1 for a single curve.
        about: metadata of the file: `model`, `selection` (the rule by which it was chosen), `trained_on` and
            `validated_on` (identities of videos such as `tvsum/video_1`), and anything else.
        sha256: checksum of the file; "" without a file.
        means: curve (N,) to judge by, by video; if missing, the mean of the video's `curves`.
        form: whether the curves are scores or ready 0/1 summaries of frames; None: as their values say, see
            `are_summaries`.
    """

    name: str
    curves: Mapping[str, NDArray[np.float64]]
    about: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    means: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    form: Form | None = None

    def __repr__(self) -> str:
        most = max(map(len, self.curves.values()), default=0)
        samples = f", {most} samples" if most > 1 else ""
        return f"Predictions('{self.name}', {len(self.curves)} videos{samples})"

    def named_as_in(self, data: AnnotatedFile) -> Predictions:
        """Return the same with the names of the videos in a data set's file; see `VideoNames`.

        Raises:
            DataError: none of the videos is in the file, or one is in it under two names.
        """
        own = frozenset(data.names)
        if own.issuperset(self.curves):
            return self
        names = VideoNames(data)
        curves = names.rename(self.curves.items(), f"'{self.name}'")
        if not curves.keys() & own:
            raise DataError(
                f"'{self.name}' has no video of '{data.path.name}': it has {_some(self.curves)}, the data "
                f"{_some(data.names)}."
            )
        return replace(self, curves=curves, means=names.rename(self.means.items(), f"'{self.name}'"))

    def at_steps(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        """Return the scores (M, N) of a video's N steps: of scores per frame the mean over each step's frames.

        Raises:
            DataError: there are none, or their number is neither that of steps nor that of frames.
        """
        return self._at_steps(self._own(video), video)

    def mean_at_steps(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        """Return the curve (N,) that a video is judged by; see `at_steps`."""
        curve: NDArray[np.float64] = self._at_steps(self._mean(video), video)[0]
        return curve

    def frames(self, video: AnnotatedVideo) -> NDArray[np.float64] | None:
        """Return the scores (M, n_frames) of a video's frames; None if it has scores of steps."""
        return self._frames(self._own(video), video)

    def mean_frames(self, video: AnnotatedVideo) -> NDArray[np.float64] | None:
        """Return the curve (n_frames,) of frames that a video is judged by; None if it has scores of steps."""
        frames = self._frames(self._mean(video), video)
        return None if frames is None else frames[0]

    def are_summaries(self, videos: Sequence[AnnotatedVideo]) -> bool:
        """Return whether the curves of videos are ready summaries: one vector of 0 and 1 for the frames of each.

        A constant vector may be either and counts as what the others are.

        Raises:
            DataError: a video is missing, or some have summaries and others scores, and `form` does not decide.
        """
        if self.form is not None:
            return self.form == "summaries"
        summaries, scores = [], []
        for video in videos:
            curves = self._own(video)
            of_frames = video.kind != "youtube_highlights" and curves.shape == (1, video.n_frames)
            if not (of_frames and ((curves == 0) | (curves == 1)).all()):
                scores.append(video.name)
            elif curves.min() < curves.max():
                summaries.append(video.name)
        if summaries and scores:
            raise DataError(
                f"'{self.name}' has 0/1 summaries of {len(summaries)} videos ({summaries[0]} is one) and scores of "
                f"{len(scores)} ({scores[0]} is one): judge them separately, or say how to read all of them, by "
                "--summaries or --scores."
            )
        return bool(summaries)

    def summary(self, video: AnnotatedVideo) -> NDArray[np.uint8]:
        """Return the ready summary (n_frames,) of a video, cut or filled with 0 to its length.

        Raises:
            DataError: there is none, there are several, one has values other than 0 and 1, or one value per step.
        """
        curves = self._own(video)
        if len(curves) > 1:
            raise DataError(f"'{self.name}', {video.name}: {len(curves)} summaries, but one per video is judged.")
        if not ((curves == 0) | (curves == 1)).all():
            raise DataError(f"'{self.name}', {video.name}: a summary has only 0 and 1, this one has other values.")
        length = curves.shape[1]
        if length == len(video.picks) != video.n_frames:
            raise DataError(
                f"'{self.name}', {video.name}: a summary has a value for each of the {video.n_frames} frames, this one "
                f"has one for each of the {length} steps."
            )
        summary = np.zeros(video.n_frames, dtype=np.uint8)
        summary[:length] = curves[0, : video.n_frames]
        return summary

    def _own(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        if video.name not in self.curves:
            raise DataError(
                f"'{self.name}' has no scores for {video.name}, only for {_some(self.curves)}: judge those "
                "by --partial."
            )
        return self.curves[video.name]

    def _mean(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        own = self._own(video)
        mean: NDArray[np.float64] = self.means[video.name] if video.name in self.means else own.mean(axis=0)
        return mean[None]

    def _at_steps(self, scores: NDArray[np.float64], video: AnnotatedVideo) -> NDArray[np.float64]:
        frames = self._frames(scores, video)
        return scores if frames is None else _step_means(frames, video)

    def _frames(self, scores: NDArray[np.float64], video: AnnotatedVideo) -> NDArray[np.float64] | None:
        """Return scores that are per frame, None if they are per step; raises DataError if neither."""
        if scores.shape[1] == len(video.picks):
            return None
        if scores.shape[1] == video.n_frames:
            return scores
        raise DataError(
            f"'{self.name}', {video.name}: {scores.shape[1]} scores, but the video has {len(video.picks)} steps and "
            f"{video.n_frames} frames."
        )


def _step_means(frames: NDArray[np.float64], video: AnnotatedVideo) -> NDArray[np.float64]:
    """Return the mean (M, N) of scores (M, n_frames) over each step: its clip, or the frames up to the next step."""
    starts, ends = video.picks, np.append(video.picks[1:], video.n_frames)
    if video.clips is not None:
        starts, ends = np.clip(video.clips.T.astype(np.int64), [[0], [1]], [[video.n_frames - 1], [video.n_frames]])
    ends = np.maximum(ends, starts + 1)
    bounds = np.stack((starts, ends), axis=1).ravel()
    padded = np.concatenate((frames, frames[:, -1:]), axis=1)  # an end may be the frame after the last
    low, high, total = (f.reduceat(padded, bounds, axis=1)[:, ::2] for f in (np.minimum, np.maximum, np.add))
    # A constant step keeps its value to the last digit: rounding would break ties between steps.
    means: NDArray[np.float64] = np.where(low == high, low, total / (ends - starts))
    return means


def predict(
    model: Model,
    data: AnnotatedFile,
    names: Sequence[str],
    *,
    samples: int = 8,
    steps: int = 10,
    seed: int = 0,
    readout: str = "scores",
    guidance_scale: float | None = None,
    on_video: Callable[[int], None] = lambda done: None,
) -> Predictions:
    """Sample curves of a model for videos of a data set, at the steps that the data set is judged at.

    Args:
        model: the model.
        data: the data set.
        names: the videos.
        samples, steps, seed, readout, guidance_scale: as for `Model.score`.
        on_video: called after each video with the number of videos done.

    Raises:
        DataError: a video has no features.
        ModelError: the features do not fit the model.
    """
    curves, means = {}, {}
    for done, name in enumerate(names, start=1):
        video = data[name]
        scores = model.score(
            video.need_features(),
            rate=video.rate,
            samples=samples,
            steps=steps,
            seed=seed,
            readout=readout,
            guidance_scale=guidance_scale,
        )
        rows = at_judged_steps(np.concatenate([scores.samples, scores.mean[None]]), video, data.annotations(name))
        curves[name], means[name] = rows[:-1].astype(np.float64), rows[-1].astype(np.float64)
        on_video(done)
    about: dict[str, Any] = {
        "summdiff": __version__,
        "model": model.id,
        "sampling": {"samples": samples, "steps": steps, "seed": seed}
        | ({} if guidance_scale is None else {"guidance_scale": guidance_scale}),
        "data": {"file": data.path.name, "sha256": data.fingerprint()},
    }
    about |= {
        key: model.provenance[key] for key in ("selection", "trained_on", "validated_on") if key in model.provenance
    }
    return Predictions(name=model.id, curves=curves, about=about, means=means)


def at_judged_steps(curves: NDArray[Any], video: AnnotatedVideo, judged: AnnotatedVideo) -> NDArray[Any]:
    """Return curves (M, N) at the steps at which a video is judged, if its features have other steps.

    Args:
        curves: (M, N) at the steps of `video`.
        video: the video with its features.
        judged: the same video as `AnnotatedFile.annotations` gives it.
    """
    if np.array_equal(video.picks, judged.picks):
        return curves
    return np.stack([frame_scores(curve, video.picks, video.n_frames)[judged.picks] for curve in curves])


def seen_in_training(
    about: Mapping[str, Any],
    data: AnnotatedFile,
    names: Sequence[str],
    key: Literal["trained_on", "validated_on"] = "trained_on",
) -> list[str] | None:
    """Return the videos that a system was trained or validated on according to its metadata; None if it is not stated.

    Entries that are not identities count as not stated: both TVSum and SumMe have a `video_1`.
    """
    listed = about.get(key)
    if not isinstance(listed, list):
        return None
    known = {_lower_data_set(entry) for entry in listed if isinstance(entry, str)}
    seen = [name for name in names if _lower_data_set(data.identity(name)) in known]
    if not seen and not all(isinstance(entry, str) and "/" in entry for entry in listed):
        return None
    return seen


def _lower_data_set(identity: str) -> str:
    """Return `tvsum/video_1` for `TVSum/video_1`. The case of a YouTube id is significant."""
    data_set, slash, name = identity.partition("/")
    return data_set.lower() + slash + name


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


def _some(names: Iterable[str]) -> str:
    """Return the first names, and how many there are."""
    listed = list(names)
    return ", ".join(listed[:3]) + (f" … ({len(listed)} videos)" if len(listed) > 3 else "")


def _read_json(file: Path, keys: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return metadata, scores and means of a JSON file, unchecked."""
    try:
        document = read_json(file)
    except (OSError, ValueError) as error:
        raise DataError(f"'{file}' cannot be read as JSON: {error}.") from error
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
