"""Filling the budget exactly, against OR-tools' branch and bound, in turns.

    python benchmarks/knapsack.py [--shots 500] [--capacity 20000] [--rounds 9] [--json FILE]

Shots of 2 to 30 seconds in frames of 25 a second, the capacity in frames. What they are worth: `any` score times their
length, as `summarize` has it; `alike`, the same with scores between 0.5 and 0.6, as a model's mean curve has them;
`five levels`, a score of 1 to 5, as an annotator gives in the literature's convention. OR-tools takes integers, so
values are scaled by a million. Both must reach the same total value; OR-tools is given five seconds, and is left out of
that check where it needs more.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

import numpy as np
from ortools.algorithms.python import knapsack_solver
from rows import Row, ratio, turns, write

from summdiff.selection.knapsack import knapsack

SCALE, LIMIT = 1_000_000, 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=500)
    parser.add_argument("--capacity", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    weights = rng.integers(50, 750, asked.shots)
    worth = {
        "any": rng.random(asked.shots) * weights,
        "alike": (0.5 + 0.1 * rng.random(asked.shots)) * weights,
        "five levels": rng.integers(1, 6, asked.shots).astype(float),
    }
    rows = []
    for kind, given in worth.items():
        values = np.round(given / given.max() * SCALE)
        ways = {
            "ours": partial(ours, values, weights, asked.capacity),
            "OR-tools": partial(theirs, values, weights, asked.capacity),
        }
        began = time.perf_counter()
        theirs_best = ways["OR-tools"]()
        finished = time.perf_counter() - began < LIMIT
        if finished and ways["ours"]() != theirs_best:
            raise SystemExit(f"{kind}: the solvers disagree")
        seconds = turns(ways, asked.rounds if finished else 1)
        numbers = {f"{name}, ms": round(1000 * statistics.median(each), 3) for name, each in seconds.items()}
        print(f"{kind:>12}: {numbers}" + ("" if finished else " (stopped, without the proof that it is the best)"))
        name = f"knapsack, {asked.shots} shots, capacity {asked.capacity}, {kind}"
        rows.append(
            Row(name, "OR-tools' branch and bound", ratio(seconds["OR-tools"], seconds["ours"]), 1.0, numbers=numbers)
        )
    write(asked.json, rows)


def ours(values: np.ndarray, weights: np.ndarray, capacity: int) -> int:
    return int(values[knapsack(values, weights, capacity)].sum())


def theirs(values: np.ndarray, weights: np.ndarray, capacity: int) -> int:
    kind = knapsack_solver.SolverType.KNAPSACK_MULTIDIMENSION_BRANCH_AND_BOUND_SOLVER
    solver = knapsack_solver.KnapsackSolver(kind, "benchmark")
    solver.set_time_limit(LIMIT)
    solver.init(values.astype(int).tolist(), [weights.tolist()], [capacity])
    return int(solver.solve())


if __name__ == "__main__":
    main()
