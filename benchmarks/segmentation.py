"""KTS against ruptures' exact kernel change point detection, in turns, on features with planted changes.

    python benchmarks/segmentation.py [--steps 600 3600] [--rounds 3]

Both use the linear kernel on (n, 1280) features of unit length. ruptures is given the number of cuts that ours found
and the same shortest segment; it has no longest one, and does not choose the number of cuts. Memory is the peak that
Python allocated for ours.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import ruptures

from summdiff.segmentation import kts


def scenes(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    scene = np.cumsum(rng.random(n) < 0.1)
    x = rng.normal(size=(scene[-1] + 1, 1280))[scene] + 0.5 * rng.normal(size=(n, 1280))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ruptures_cuts(x: np.ndarray, cuts: int) -> list[int]:
    return ruptures.KernelCPD("linear", min_size=2).fit(x).predict(n_bkps=cuts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[600, 3600])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'steps':>7}{'cuts':>7}{'ours, s':>10}{'ruptures, s':>13}{'ratio':>8}{'memory, MB':>12}")
    for n in arguments.steps:
        x = scenes(n)
        cuts = len(kts(x, min_length=2, max_length=30))
        doubles = x.astype(np.float64)
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours.append(seconds(partial(kts, x, min_length=2, max_length=30)))
            theirs.append(seconds(partial(ruptures_cuts, doubles, cuts)))
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        tracemalloc.start()
        kts(x, min_length=2, max_length=30)
        memory = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        print(
            f"{n:7}{cuts:7}{statistics.median(ours):10.3f}{statistics.median(theirs):13.2f}{ratio:8.0f}{memory:12.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
