"""Compare evaluating many videos with the same protocol in plain Python and in typical research code, in turns.

    python benchmarks/evaluation.py [--rounds 3] [--tvsum 50] [--mr-hisum 2000] [--json FILE]

Videos are synthetic, in the sizes of the real data sets. TVSum: about 470 steps and 7,050 frames, 50 segments, 20
annotators; F1, tau and rho with each annotator, MAP50 and MAP15. Mr.HiSum: 120 to 300 steps of one second, about 35
segments, one reference. "plain" is plain_evaluation.py, with loops over lists; "usual" is NumPy over frames, a knapsack
table in Python, and SciPy once per annotator, as in research code. All three start from the same annotations, prepare
what they need, and must give the same numbers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from plain_evaluation import evaluate_video
from rows import Row, write
from scipy import stats
from sklearn.metrics import average_precision_score

from summdiff.data.video import AnnotatedVideo
from summdiff.evaluation import judge, prepare
from summdiff.metrics.segments import summary_from_scores

MEASURES = ("f1", "tau", "rho", "map50", "map15")
Rows = list[dict[str, float]]


def tvsum_like(rng: np.random.Generator) -> AnnotatedVideo:
    n = int(rng.integers(400, 540))
    n_frames = 15 * n
    picks = np.arange(n) * 15
    edges = np.concatenate(([0], np.sort(rng.choice(np.arange(15, n_frames - 15), 49, replace=False)), [n_frames]))
    change_points = np.stack([edges[:-1], edges[1:] - 1], axis=1)
    signal = np.repeat(rng.normal(size=n // 4 + 1), 4)[:n]  # scores last two seconds
    noise = np.repeat(rng.normal(size=(20, n // 4 + 1)), 4, axis=1)[:, :n]
    user_scores = np.clip(np.round(2.5 + signal + noise), 1, 5).astype(np.float32)
    user_summary = np.stack([summary_from_scores(user, picks, n_frames, change_points) for user in user_scores])
    gtscore = ((user_scores.mean(axis=0) - 1) / 4).astype(np.float32)
    return AnnotatedVideo(
        "tvsum", "video", n_frames=n_frames, picks=picks, gtscore=gtscore, fps=30.0,
        user_scores=user_scores, user_summary=user_summary, change_points=change_points,
    )  # fmt: skip


def mr_hisum_like(rng: np.random.Generator) -> AnnotatedVideo:
    n = int(rng.integers(120, 301))
    edges = np.concatenate(([0], np.sort(rng.choice(np.arange(1, n - 1), n // 6, replace=False)), [n - 1]))
    change_points = np.stack([edges[:-1], edges[1:]], axis=1)
    bins = rng.random(100) ** 2
    gtscore = bins[np.minimum(1000 * np.arange(n) // (10 * n), 99)].astype(np.float32)
    picks = np.arange(n)
    summary = summary_from_scores(gtscore, picks, n, change_points, convention="mr_hisum")
    return AnnotatedVideo(
        "mr_hisum", "video", n_frames=n, picks=picks, gtscore=gtscore, fps=1.0,
        user_summary=summary[None], change_points=change_points,
    )  # fmt: skip


def ours(videos: list[AnnotatedVideo], scores: list[np.ndarray], convention: Any) -> dict[str, np.ndarray]:
    return judge(prepare(videos, convention=convention), [curve[None] for curve in scores])


def plain(lists: list[dict[str, Any]]) -> Rows:
    return [evaluate_video(**arguments) for arguments in lists]


def usual(videos: list[AnnotatedVideo], scores: list[np.ndarray], convention: str) -> Rows:
    return [usual_video(video, curve, convention) for video, curve in zip(videos, scores, strict=True)]


def usual_video(video: AnnotatedVideo, scores: np.ndarray, convention: str) -> dict[str, float]:
    frame_scores = np.zeros(video.n_frames)
    for i, start in enumerate(video.picks):
        end = video.picks[i + 1] if i + 1 < len(video.picks) else video.n_frames
        frame_scores[start:end] = scores[i]
    half_open = convention == "mr_hisum"
    values = [frame_scores[a : b + 1].mean() for a, b in video.change_points]
    lengths = [int(b - a + (not half_open)) for a, b in video.change_points]
    capacity = int(0.15 * video.n_frames)
    table = np.zeros((len(values) + 1, capacity + 1))
    for i, (value, length) in enumerate(zip(values, lengths, strict=True), start=1):
        for c in range(capacity + 1):
            table[i, c] = table[i - 1, c]
            if length <= c:
                table[i, c] = max(table[i, c], table[i - 1, c - length] + value)
    summary, left = np.zeros(video.n_frames), capacity
    for i in range(len(values), 0, -1):
        if table[i, left] != table[i - 1, left]:
            left -= lengths[i - 1]
            start = video.change_points[i - 1, 0]
            summary[start : start + lengths[i - 1]] = 1
    f1 = []
    for user in video.user_summary:
        overlap = (summary * user).sum()
        f1.append(2 * overlap / (summary.sum() + user.sum()) if overlap else 0.0)
    references = video.user_scores if video.user_scores is not None else video.gtscore[None]
    size = max(1, int(5 * video.rate + 0.5))
    starts = range(0, len(scores), size)
    ranked = np.array([scores[s : s + size].mean() for s in starts])
    true = np.array([video.gtscore[s : s + size].astype(np.float64).mean() for s in starts])
    result = {
        "f1": float(np.mean(f1)),
        "tau": float(np.mean([stats.kendalltau(scores, reference).statistic for reference in references])),
        "rho": float(np.mean([stats.spearmanr(scores, reference).statistic for reference in references])),
    }
    for name, share in (("map50", 0.5), ("map15", 0.15)):
        labels = np.zeros(len(true))
        labels[np.argsort(-true, kind="stable")[: int(share * len(true))]] = 1
        result[name] = float(average_precision_score(labels, ranked))
    return result


def as_lists(video: AnnotatedVideo, scores: np.ndarray, convention: str) -> dict[str, Any]:
    """Convert arrays to the lists that plain Python works on."""
    return {
        "scores": scores.tolist(),
        "gtscore": video.gtscore.astype(np.float64).tolist(),
        "annotator_scores": None if video.user_scores is None else video.user_scores.tolist(),
        "user_summaries": video.user_summary.tolist(),
        "picks": video.picks.tolist(),
        "n_frames": video.n_frames,
        "change_points": video.change_points.tolist(),
        "convention": convention,
        "rate": video.rate,
        "reduce": "mean",
    }


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    rows = work()
    return time.perf_counter() - began, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tvsum", type=int, default=50)
    parser.add_argument("--mr-hisum", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = []
    rng = np.random.default_rng(0)
    print(f"{'videos':>24}{'ours, s':>10}{'plain, s':>10}{'ratio':>7}{'usual, s':>10}{'ratio':>7}")
    for name, make, count, convention in (
        ("TVSum", tvsum_like, asked.tvsum, "eccv16"),
        ("Mr.HiSum", mr_hisum_like, asked.mr_hisum, "mr_hisum"),
    ):
        videos = [make(rng) for _ in range(count)]
        scores = [video.gtscore + rng.normal(size=len(video.gtscore)) for video in videos]
        lists = [as_lists(video, curve, convention) for video, curve in zip(videos, scores, strict=True)]
        seconds: dict[str, list[float]] = {"ours": [], "plain": [], "usual": []}
        for _ in range(asked.rounds):
            found: dict[str, Any] = {}
            for way, work in (
                ("ours", lambda v=videos, s=scores, c=convention: ours(v, s, c)),
                ("plain", lambda given=lists: plain(given)),
                ("usual", lambda v=videos, s=scores, c=convention: usual(v, s, c)),
            ):
                took, found[way] = timed(work)
                seconds[way].append(took)
            for other in ("plain", "usual"):
                for key in MEASURES:
                    np.testing.assert_allclose(found["ours"][key], [row[key] for row in found[other]], atol=1e-9)
        median = {way: statistics.median(times) for way, times in seconds.items()}
        ratio = {
            way: statistics.median(b / a for a, b in zip(seconds["ours"], seconds[way], strict=True)) for way in seconds
        }
        print(
            f"{f'{count} as in {name}':>24}{median['ours']:10.3f}{median['plain']:10.2f}{ratio['plain']:7.0f}"
            f"{median['usual']:10.2f}{ratio['usual']:7.0f}",
            flush=True,
        )
        numbers = {f"{way}, s": seconds for way, seconds in median.items()} | {"against usual code": ratio["usual"]}
        rows.append(
            Row(
                f"evaluating {count} videos as in {name}",
                "plain Python",
                ratio["plain"],
                30.0 if name == "TVSum" else None,
                bound=f"against usual code with NumPy and SciPy it is {ratio['usual']:.0f}",
                numbers=numbers,
            )
        )
    write(asked.json, rows)


if __name__ == "__main__":
    main()
