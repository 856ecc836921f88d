"""Compare the selections of the two shot values on real videos (docs/choosing-shots.md).

    python scripts/compare_shot_values.py VIDEO...

For each video and value: the chosen shots, the pieces they form (shots that touch are joined), seconds per piece, the
share of the budget that is used, and the mean importance of the chosen seconds: 0 is the mean of the whole video, 1
that of its most important seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import numpy as np

from summdiff.pipeline import Summarizer
from summdiff.summary import Summary

VALUES: tuple[Literal["sum", "mean"], ...] = ("sum", "mean")


def measure(summary: Summary) -> tuple[int, int, float, float, float]:
    """Return shots, pieces, seconds per piece, share of the budget and importance."""
    times, scores = np.array(summary.scores.times), np.array(summary.scores.mean)
    chosen = np.any([(times >= piece.start) & (times < piece.end) for piece in summary.selection], axis=0)
    best = np.sort(scores)[::-1][: max(1, int(chosen.sum()))].mean()
    importance = (scores[chosen].mean() - scores.mean()) / (best - scores.mean()) if chosen.any() else 0.0
    pieces = len(summary.selection)
    used = summary.selected_duration / (summary.budget * summary.video.duration)
    shots = sum(shot.selected for shot in summary.shots)
    return shots, pieces, summary.selected_duration / pieces, used, float(importance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    summarizer = Summarizer()
    print(f"{'':32}{'value':>6}{'shots':>7}{'pieces':>8}{'s a piece':>11}{'budget used':>13}{'importance':>12}")
    for path in parser.parse_args().videos:
        for value in VALUES:
            summary = summarizer.summarize(path, select="shots", budget=0.15, value=value)
            shots, pieces, length, used, importance = measure(summary)
            print(f"{path.name:32}{value:>6}{shots:7}{pieces:8}{length:11.1f}{used:13.2f}{importance:12.2f}")


if __name__ == "__main__":
    main()
