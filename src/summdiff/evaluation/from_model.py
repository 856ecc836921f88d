"""Predictions of a trained model, and whether it has seen the videos that it is to be judged on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from summdiff import __version__
from summdiff.data.h5 import AnnotatedFile
from summdiff.evaluation.predictions import Predictions
from summdiff.metrics.segments import frame_scores
from summdiff.scoring.model import Model


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
    """Draw curves for videos of a data set, on the steps that the data set is judged on.

    Args:
        model: the model.
        data: the data set.
        names: its videos to predict.
        samples, steps, seed, readout, guidance_scale: as for `Model.score`.
        on_video: told how many videos are done.

    Raises:
        DataError: a video has no features.
        ModelError: they do not fit the model.
    """
    curves, means = {}, {}
    for done, name in enumerate(names, start=1):
        video = data[name]
        found = model.score(
            video.need_features(),
            rate=video.rate,
            samples=samples,
            steps=steps,
            seed=seed,
            readout=readout,
            guidance_scale=guidance_scale,
        )
        drawn = np.concatenate([found.samples, found.mean[None]])
        judged_at = data.annotations(name).picks
        if len(judged_at) != len(video.picks) or (judged_at != video.picks).any():  # features on a grid of their own
            drawn = np.stack([frame_scores(curve, video.picks, video.n_frames)[judged_at] for curve in drawn])
        curves[name], means[name] = drawn[:-1].astype(np.float64), drawn[-1].astype(np.float64)
        on_video(done)
    about: dict[str, Any] = {
        "summdiff": __version__,
        "model": model.id,
        "sampling": {"samples": samples, "steps": steps, "seed": seed}
        | ({} if guidance_scale is None else {"guidance_scale": guidance_scale}),
        "data": {"file": data.path.name, "sha256": data.fingerprint()},
    }
    about |= {key: model.provenance[key] for key in ("selection", "trained_on") if key in model.provenance}
    return Predictions(name=model.id, curves=curves, about=about, means=means)


def seen_in_training(about: Mapping[str, Any], data: AnnotatedFile, names: Sequence[str]) -> list[str] | None:
    """Which of the videos a system says that it was trained on; None if it does not say.

    It does not say either where entries are no identities, as `video_1` alone is none: TVSum and SumMe both have one.
    """
    trained_on = about.get("trained_on")
    if not isinstance(trained_on, list):
        return None
    known = {_lower_data_set(entry) for entry in trained_on if isinstance(entry, str)}
    seen = [name for name in names if _lower_data_set(data.identity(name)) in known]
    if not seen and not all(isinstance(entry, str) and "/" in entry for entry in trained_on):
        return None
    return seen


def _lower_data_set(identity: str) -> str:
    """`TVSum/video_1` as `tvsum/video_1`; names of videos themselves differ by case on YouTube."""
    data_set, slash, name = identity.partition("/")
    return data_set.lower() + slash + name
