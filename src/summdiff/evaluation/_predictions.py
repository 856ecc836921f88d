"""Predicted scores of a data set's videos: one curve or several samples per video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from summdiff._version import __version__
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.names import VideoNames
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError
from summdiff.metrics.segments import frame_scores

if TYPE_CHECKING:
    from summdiff.scoring.model import Model

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


def _some(names: Iterable[str]) -> str:
    """Return the first names, and how many there are."""
    listed = list(names)
    return ", ".join(listed[:3]) + (f" … ({len(listed)} videos)" if len(listed) > 3 else "")
