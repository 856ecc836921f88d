"""The shipped model on SumMe, whose videos and annotators it never saw (docs/default-model.md). Used to choose nothing.

    python scripts/summe_check.py summe_annotations.h5 [--model default] [--video Jumps.webm --title Jumps]

Without --video: zero-shot Kendall's tau on every video with features in the file. With it: the whole product on that
video (EfficientNet-Lite0 features, one step per second), beside random and constant scores and the annotators. Tau and
rho are means over annotators at the steps' frames; F1 is the highest over annotators, on the data set's segments with
a budget of 15%.
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
from summdiff.evaluation import intervals
from summdiff.metrics.fscore import f1_score
from summdiff.metrics.rank import kendall_tau, spearman_rho
from summdiff.metrics.segments import summary_from_scores
from summdiff.scoring import load_model

DRAWS = 200  # of random scores
Row = dict[str, float]


def agreement(video: AnnotatedVideo, times: NDArray[np.float64], scores: NDArray[np.floating]) -> Row:
    """Return the agreement of scores at `times` (N,) in seconds with a video's annotators."""
    frames, users = first_frames(video, times), video.need_user_summary()
    at_steps = users[:, frames]
    summary = summary_from_scores(scores, frames, video.n_frames, video.need_change_points())
    return {
        "tau": kendall_tau(scores, at_steps),
        "rho": spearman_rho(scores, at_steps),
        "f1": f1_score(summary, users, reduce="max"),
    }


def one_video(path: Path, video: AnnotatedVideo, model: str) -> dict[str, Row]:
    """Return the rows of the whole product and what it is compared with on a video."""
    from summdiff.pipeline import Summarizer

    summary = Summarizer(model=model).summarize(path)
    times, scores = np.array(summary.scores.times), np.array(summary.scores.mean)
    rows = {model: agreement(video, times, scores)}
    users = video.need_user_summary()
    at = np.arange(video.n_frames) / video.need_fps()
    chosen = np.any([(at >= piece.start) & (at < piece.end) for piece in summary.selection], axis=0)
    rows["the summary as summarize makes it"] = {"f1": f1_score(chosen, users, reduce="max")}
    rng = np.random.default_rng(0)
    draws = [agreement(video, times, rng.random(len(times))) for _ in range(DRAWS)]
    rows[f"random (mean of {DRAWS})"] = mean(draws)
    rows["constant"] = agreement(video, times, np.full(len(times), 0.5))
    frames = first_frames(video, times)
    pairs = [(user, np.delete(users, i, axis=0)) for i, user in enumerate(users)]
    rows["each annotator with the others"] = {
        "tau": float(np.mean([kendall_tau(user[frames], others[:, frames]) for user, others in pairs])),
        "rho": float(np.mean([spearman_rho(user[frames], others[:, frames]) for user, others in pairs])),
        "f1": float(np.mean([f1_score(user, others, reduce="max") for user, others in pairs])),
    }
    rows["mean annotator (ceiling)"] = agreement(video, times, users.mean(axis=0)[frames])
    return rows


def zero_shot(summe: SumMe, model: str) -> dict[str, Row]:
    """Return a row for every video with features in the file, and their mean."""
    loaded = load_model(model)
    rows = {}
    for name in summe.names:
        video = summe[name]
        if video.features is not None:
            scores = loaded.score(video.need_features(), rate=video.rate).mean
            rows[f"{name} {video.title}"] = agreement(video, video.picks / video.need_fps(), scores)
    tau = intervals(np.array([[row["tau"]] for row in rows.values()]))[0]
    return rows | {f"mean of {len(rows)} videos, tau {tau.low:.3f} to {tau.high:.3f}": mean(list(rows.values()))}


def mean(rows: list[Row]) -> Row:
    return {measure: float(np.mean([row[measure] for row in rows])) for measure in rows[0]}


def first_frames(video: AnnotatedVideo, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the first frame at or after each time."""
    return np.minimum(np.ceil(times * video.need_fps() - 1e-6).astype(np.int64), video.n_frames - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="SumMe's annotations, HDF5")
    parser.add_argument("--model", default="default", help="id or folder of the model")
    parser.add_argument("--video", type=Path, help="the video file of --title")
    parser.add_argument("--title", default="Jumps", help="its title in the data")
    args = parser.parse_args()
    try:
        summe = SumMe(args.data)
        rows = (
            one_video(args.video, summe.titled(args.title), args.model) if args.video else zero_shot(summe, args.model)
        )
    except SummdiffError as error:
        sys.exit(str(error))
    print(f"{'':44}{'tau':>8}{'rho':>8}{'F1 max':>8}")
    for name, row in rows.items():
        print(f"{name:44}" + "".join(f"{row[key]:8.3f}" if key in row else f"{'':8}" for key in ("tau", "rho", "f1")))


if __name__ == "__main__":
    main()
