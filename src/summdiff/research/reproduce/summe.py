"""The default model on SumMe, whose videos and annotators it never saw: a check, never used to choose anything.

    python -m summdiff.research.reproduce.summe summe_annotations.h5 [--model default]
        [--video Jumps.webm --title Jumps]

With --video: that video through the whole product (EfficientNet-Lite0 features, one step a second), against each of its
annotators, beside random and constant scores and the annotators against each other. Without: zero-shot Kendall's tau on
every video that has features in the file. Tau and rho are means over annotators, at the steps' own frames; F1 is the
largest over annotators, on the data set's segments with a budget of 15 % (docs/default-model.md says more).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.data.summe import SumMe
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import SummdiffError
from summdiff.metrics.fscore import f1_score
from summdiff.metrics.rank import kendall_tau, spearman_rho
from summdiff.metrics.segments import summary_from_scores
from summdiff.scoring import load_model

_DRAWS = 200  # of random scores


def of_scores(video: AnnotatedVideo, times: NDArray[np.float64], scores: NDArray[np.floating]) -> dict[str, float]:
    """Agreement of scores given at `times` (N,) seconds with the annotators of a video."""
    frames, users = _frames(video, times), video.need_user_summary()
    at_steps = users[:, frames]
    summary = summary_from_scores(scores, frames, video.n_frames, video.need_change_points())
    return {
        "tau": kendall_tau(scores, at_steps),
        "rho": spearman_rho(scores, at_steps),
        "f1": f1_score(summary, users, reduce="max"),
    }


def one_video(path: Path, video: AnnotatedVideo, model: str) -> dict[str, dict[str, float]]:
    """Rows for one video: the model and what it is to be compared with."""
    from summdiff.pipeline import Summarizer

    made = Summarizer(model=model).summarize(path)
    times, scores = np.array(made.scores.times), np.array(made.scores.mean)
    rows = {model: of_scores(video, times, scores)}
    users = video.need_user_summary()
    at = np.arange(video.n_frames) / video.need_fps()
    ours = np.any([(at >= part.start) & (at < part.end) for part in made.selection], axis=0)
    rows["the summary as summarize makes it"] = {"f1": f1_score(ours, users, reduce="max")}
    rng = np.random.default_rng(0)
    draws = [of_scores(video, times, rng.random(len(times))) for _ in range(_DRAWS)]
    rows[f"random (mean of {_DRAWS})"] = {key: float(np.mean([draw[key] for draw in draws])) for key in draws[0]}
    rows["constant"] = of_scores(video, times, np.full(len(times), 0.5))
    frames = _frames(video, times)
    left_out = [(user, np.delete(users, i, axis=0)) for i, user in enumerate(users)]
    rows["each annotator with the others"] = {
        "tau": float(np.mean([kendall_tau(user[frames], others[:, frames]) for user, others in left_out])),
        "rho": float(np.mean([spearman_rho(user[frames], others[:, frames]) for user, others in left_out])),
        "f1": float(np.mean([f1_score(user, others, reduce="max") for user, others in left_out])),
    }
    rows["mean annotator (ceiling)"] = of_scores(video, times, users.mean(axis=0)[frames])
    return rows


def zero_shot(summe: SumMe, model: str) -> dict[str, dict[str, float]]:
    """Rows for every video with features in the file, and their mean."""
    loaded = load_model(model)
    rows = {}
    for name in summe.names:
        video = summe[name]
        if video.features is None:
            continue
        scores = loaded.score(video.need_features(), rate=video.rate).mean
        rows[f"{name} {video.title}"] = of_scores(video, video.picks / video.need_fps(), scores)
    values = list(rows.values())
    rows[f"mean of {len(values)} videos"] = {key: float(np.mean([row[key] for row in values])) for key in values[0]}
    return rows


def _frames(video: AnnotatedVideo, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first frame at or after each time."""
    return np.minimum(np.ceil(times * video.need_fps() - 1e-6).astype(np.int64), video.n_frames - 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="SumMe's annotations, HDF5")
    parser.add_argument("--model", default="default", help="id or folder of the model")
    parser.add_argument("--video", type=Path, help="the video file of --title")
    parser.add_argument("--title", default="Jumps", help="its title in the data")
    asked = parser.parse_args()
    try:
        summe = SumMe(asked.data)
        if asked.video:
            rows = one_video(asked.video, summe.titled(asked.title), asked.model)
        else:
            rows = zero_shot(summe, asked.model)
    except SummdiffError as error:
        sys.exit(str(error))
    print(f"{'':40}{'tau':>8}{'rho':>8}{'F1 max':>8}")
    for name, row in rows.items():
        print(f"{name:40}" + "".join(f"{row[key]:8.3f}" if key in row else f"{'':8}" for key in ("tau", "rho", "f1")))


if __name__ == "__main__":
    main()
