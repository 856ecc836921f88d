"""Measure how long choosing again takes, and what it needs in the JSON of a summary.

    python benchmarks/selection.py [--steps 600 3600 7200 36000] [--rounds 5]

Films of scenes of 3 to 30 seconds, some shown twice, at one step a second; the scores are smooth random curves.
Measured is `summdiff.reselect`, everything from the stored summary to the new one, in CPU milliseconds of one thread
(medians): with the default length, and with 15% of the film. `places` are the kilobytes of the JSON that only choosing
intervals again needs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from summdiff.options import Options
from summdiff.reselection import places_of, reselect
from summdiff.selection import cut_places, descriptors
from summdiff.summary import Scores, Shot, Summary, VideoInfo


def film(n: int) -> Summary:
    """Make a summary of a film of N steps without its selection."""
    rng = np.random.default_rng(n)
    lengths: list[int] = []
    while sum(lengths) < n:
        lengths.append(int(rng.integers(3, 31)))
    lengths[-1] -= sum(lengths) - n
    edges = np.concatenate(([0], np.cumsum(lengths))).astype(float)
    scene = rng.integers(0, len(lengths) * 3 // 4 + 1, len(lengths))
    centers = np.abs(rng.normal(size=(scene.max() + 1, 128)))
    features = np.repeat(centers[scene], lengths, axis=0) + rng.normal(0, 0.1, (n, 128))
    level = np.repeat(rng.beta(2, 4, len(centers))[scene], lengths)
    mean = np.clip(level + 0.3 * np.convolve(rng.normal(size=n + 8), np.hanning(9) / 4, "same")[:n], 0, 1)
    return Summary(
        video=VideoInfo("/film.mp4", float(n), 25.0, 640, 360, 0, has_audio=False),
        model={"id": "default"},
        settings={"select": "intervals"},
        budget=Options().seconds(n) / n,
        seed=0,
        scores=Scores(tuple(map(float, range(n))), tuple(mean.tolist()), (0.0,) * n),
        shots=tuple(Shot(a, b, 0.5, False, 0.0) for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)),
        selection=(),
        places=places_of(cut_places(features, np.arange(n + 1.0)), descriptors(features)),
    )


def milliseconds(summary: Summary, budget: float | None, rounds: int) -> tuple[float, Summary]:
    """Return the median CPU milliseconds of choosing again, and the choice."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        chosen = reselect(summary, budget=budget)
        spent.append(1000 * (time.process_time() - began))
    return statistics.median(spent), chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[600, 3600, 7200, 36000])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print("| steps | default length, ms | parts | 15%, ms | parts | places, kB |")
    print("|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for n in asked.steps:
            summary = film(n)
            usual, chosen = milliseconds(summary, None, asked.rounds)
            share, more = milliseconds(summary, 0.15, asked.rounds)
            size = len(summary.to_json(indent=None)) - len(replace(summary, places=None).to_json(indent=None))
            cells = (f"{usual:.1f}", len(chosen.selection), f"{share:.1f}", len(more.selection), f"{size / 1000:.0f}")
            print(f"| {n:,} | " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
