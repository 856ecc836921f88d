"""What the two ways to value a shot choose on real videos (docs/choosing-shots.md).

    python -m summdiff.research.reproduce.choosing VIDEO...

For each video and each value: how many shots are chosen, in how many pieces once those that touch are joined, how long
a piece is, what share of the budget is used, and how important the chosen seconds are on average, as a share of the way
from the whole video's mean to that of its most important seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import numpy as np

from summdiff.pipeline import Summarizer
from summdiff.summary import Summary


def row(summary: Summary) -> tuple[int, int, float, float, float]:
    """Chosen shots, pieces, seconds a piece, share of the budget used, and gain in importance from 0 to 1."""
    times, scores = np.array(summary.scores.times), np.array(summary.scores.mean)
    chosen = np.any([(times >= part.start) & (times < part.end) for part in summary.selection], axis=0)
    best = np.sort(scores)[::-1][: max(1, int(chosen.sum()))].mean()
    gain = (scores[chosen].mean() - scores.mean()) / (best - scores.mean()) if chosen.any() else 0.0
    pieces = len(summary.selection)
    used = summary.selected_duration / (summary.budget * summary.video.duration)
    shots = sum(shot.selected for shot in summary.shots)
    return shots, pieces, summary.selected_duration / pieces, used, float(gain)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    summarizer = Summarizer()
    values: tuple[Literal["sum", "mean"], ...] = ("sum", "mean")
    print(f"{'':32}{'value':>6}{'shots':>7}{'pieces':>8}{'s a piece':>11}{'budget used':>13}{'importance':>12}")
    for path in parser.parse_args().videos:
        for value in values:
            shots, pieces, length, used, gain = row(summarizer.summarize(path, value=value))
            print(f"{path.name:32}{value:>6}{shots:7}{pieces:8}{length:11.1f}{used:13.2f}{gain:12.2f}")


if __name__ == "__main__":
    main()
