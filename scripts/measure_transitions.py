"""Measure how well dissolves and fades are found: mix stretches of real videos, and compare with what is known.

    python scripts/measure_transitions.py VIDEO... [--films 200] [--seed 0] [--one-in 1]

Stretches of 4 s in which nothing is found are joined in pairs: by a dissolve or a fade to black of 0.5 to 2 s, or by a
hard cut. Prints the share that is found, the errors of start and end, and how much is found that is not there. Mixtures
are made of the luma samples that the detector gets, so that hundreds take seconds. With `--one-in 4` only every fourth
frame is known, and those between are mixtures of their neighbors, as in a pass that leaves out frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.video import FrameDecoder
from summdiff.video._picture import LumaSampler
from summdiff.video._transitions import TransitionDetector

RATE, SECONDS, BLACK, WHITE = 25, 4, 16, 255
Samples = NDArray[Any]


def samples_of(path: Path) -> Samples:
    """Return the luma samples of a video at 25 frames per second: (F, 18, 32)."""
    sampler, times, samples = LumaSampler(), [], []
    with FrameDecoder(path) as decoder:
        for timed in decoder:
            luma = sampler(timed.frame)
            times.append(decoder.seconds(timed.ticks))
            samples.append((luma.samples[:18, :32] * (WHITE / luma.white)).astype(np.uint8))
    at = np.searchsorted(times, np.arange(0, times[-1], 1 / RATE), side="right") - 1
    return np.stack(samples)[at]


def found(samples: Samples) -> NDArray[np.float64]:
    """Return the transitions found in samples (F, rows, columns): (K, 2) seconds."""
    detector = TransitionDetector()
    for n in range(len(samples)):
        detector.until((n + 1) / RATE, samples[n], white=WHITE)
    return detector.transitions()


def thinned(samples: Samples, one_in: int) -> Samples:
    """Replace all but every n-th frame by mixtures of the nearest ones that stay."""
    at = np.arange(len(samples))
    before = at // one_in * one_in
    after = np.minimum(before + one_in, len(samples) - 1)
    share = ((at - before) / np.maximum(after - before, 1))[:, None, None]
    return (1 - share) * samples[before] + share * samples[after]


def quiet_stretches(videos: list[Samples], rng: np.random.Generator) -> Iterator[Samples]:
    """Yield random stretches of the videos in which no transition is found."""
    while True:
        video = videos[rng.integers(len(videos))]
        start = rng.integers(len(video) - SECONDS * RATE)
        stretch = video[start : start + SECONDS * RATE]
        if not len(found(stretch)):
            yield stretch.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one-in", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    stretches = quiet_stretches([samples_of(path) for path in asked.videos], rng)
    print(
        f"{'joined by':>10}{'films':>7}{'found':>7}{'elsewhere':>11}{'median error of start and end, s':>34}{'90%':>7}"
    )
    for kind in ("dissolve", "fade", "cut"):
        n_found, elsewhere, errors = 0, 0, []
        for _ in range(asked.films):
            before, after = next(stretches), next(stretches)
            if kind == "fade":
                after = np.full_like(after, BLACK)
            count = 0 if kind == "cut" else round(rng.uniform(0.5, 2.0) * RATE)
            share = ((np.arange(count) + 0.5) / max(count, 1))[:, None, None]
            mixed = (1 - share) * before[len(before) - count :] + share * after[:count]
            start, end = SECONDS - count / RATE, float(SECONDS)
            film = np.concatenate((before[: len(before) - count], mixed, after[count:]))
            spans = found(thinned(film, asked.one_in))
            inside = (spans[:, 0] < end) & (spans[:, 1] > start)
            elsewhere += int((~inside).sum())
            if inside.any():
                n_found += 1
                errors += [abs(spans[inside][0, 0] - start), abs(spans[inside][-1, 1] - end)]
        places = f"{np.median(errors):34.2f}{np.quantile(errors, 0.9):7.2f}" if errors and kind != "cut" else ""
        print(f"{kind:>10}{asked.films:7}{n_found / asked.films:7.2f}{elsewhere:11}{places}")


if __name__ == "__main__":
    main()
