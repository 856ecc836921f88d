"""Compare KTS with ruptures' exact kernel change point detection, in turns, on features with planted changes.

    python benchmarks/segmentation.py [--steps 600 3600 10800] [--rounds 3] [--json FILE]

Both use the linear kernel on (n, 1280) features of unit length. ruptures gets the number of cuts that ours found and
the same shortest segment; it has no longest segment and does not choose the number of cuts. Memory is the peak that
Python allocated for ours. At 600 steps ours, without limits on lengths, must also equal an exact dynamic program over
every number of cuts, written plainly here.
"""

from __future__ import annotations

import argparse
import statistics
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import ruptures
from rows import Row, ratio, turns, write

from summdiff.segmentation import kts


def scenes(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    scene = np.cumsum(rng.random(n) < 0.1)
    x = rng.normal(size=(scene[-1] + 1, 1280))[scene] + 0.5 * rng.normal(size=(n, 1280))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def ruptures_cuts(x: np.ndarray, cuts: int) -> list[int]:
    return ruptures.KernelCPD("linear", min_size=2).fit(x).predict(n_bkps=cuts)


def exact_cuts(x: np.ndarray) -> list[int]:
    """Return the best cuts by tabulating the least scatter for every number of cuts, as in the paper."""
    n = len(x)
    products = x.astype(np.float64) @ x.T.astype(np.float64)
    block = np.zeros((n + 1, n + 1))
    block[1:, 1:] = products.cumsum(0).cumsum(1)
    ends = np.concatenate(([0.0], np.cumsum(np.diag(products))))
    at = np.arange(n + 1)
    inner = block[at, at][None, :] - block - block.T + block[at, at][:, None]
    lengths = np.maximum(at[None, :] - at[:, None], 1)
    scatter = np.where(at[:, None] < at, ends[None, :] - ends[:, None] - inner / lengths, np.inf)
    best, came = scatter[0].copy(), []
    found, least = 0, best[n] / n
    for m in range(1, n // 2):
        whole = best[:, None] + scatter
        came.append(whole.argmin(axis=0))
        best = whole.min(axis=0)
        objective = best[n] / n + m / (2 * n) * (np.log(n / m) + 1)
        if objective < least:
            found, least = m, objective
        if m / (2 * n) * (np.log(n / m) + 1) > least:  # the penalty alone is more: it only grows up to n / 2 cuts
            break
    cuts, end = [], n
    for m in range(found, 0, -1):
        end = int(came[m - 1][end])
        cuts.append(end)
    return cuts[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[600, 3600, 10800])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    x = scenes(600)
    if kts(x, min_length=1).tolist() != exact_cuts(x):
        raise SystemExit("Ours does not find what the exact dynamic programme finds.")
    rows, memory = [], {}
    print(f"{'steps':>7}{'cuts':>7}{'ours, s':>10}{'ruptures, s':>13}{'ratio':>8}{'memory, MB':>12}")
    for n in asked.steps:
        x = scenes(n)
        cuts = len(kts(x, min_length=2, max_length=30))
        doubles = x.astype(np.float64)
        ways = {
            "ours": partial(kts, x, min_length=2, max_length=30),
            "ruptures": partial(ruptures_cuts, doubles, cuts),
        }
        seconds = turns(ways, min(2, asked.rounds) if n > 5000 else asked.rounds)
        times = ratio(seconds["ruptures"], seconds["ours"])
        tracemalloc.start()
        ways["ours"]()
        memory[n] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        ours, theirs = (statistics.median(each) for each in seconds.values())
        print(f"{n:7}{cuts:7}{ours:10.3f}{theirs:13.2f}{times:8.0f}{memory[n]:12.0f}", flush=True)
        numbers = {"ours, s": ours, "ruptures, s": theirs, "cuts": cuts, "memory, MB": memory[n]}
        target = 50.0 if n >= 10_000 else None  # the gain grows with the length
        bound = "ruptures' time grows with the square of the length, ours with the length"
        rows.append(Row(f"KTS, {n} steps x 1,280", "ruptures.KernelCPD", times, target, bound=bound, numbers=numbers))
    least, most = min(memory), max(memory)
    if least < most:
        growth = float(np.log(memory[most] / memory[least]) / np.log(most / least))
        name = f"KTS, exponent of memory from {least} to {most} steps"
        rows.append(Row(name, "linear growth", growth, 1.05, at_most=True))
    write(asked.json, rows)


if __name__ == "__main__":
    main()
