"""Compare filling the budget exactly with OR-tools' branch and bound and dynamic programming, in turns.

    python benchmarks/knapsack.py [--shots 500] [--capacity 20000] [--rounds 9] [--json FILE]

Shots of 2 to 30 seconds in frames at 25 per second, the capacity in frames. Their values: `any`, a score times the
length, as in `summarize`; `alike`, the same with scores between 0.5 and 0.6, as in a model's mean curve; `five levels`,
a score of 1 to 5, as given by annotators in the literature. OR-tools takes integers, so values are scaled by a million.
All must reach the same total value; branch and bound gets five seconds and is left out of that check if it needs more.
The ratio is to the faster of OR-tools' two solvers. `any` has no target: bounds decide nearly all of its items, and
what is left are calls on short arrays, a microsecond each, which compiled code does not make; the row states how many.
"""

from __future__ import annotations

import argparse
import cProfile
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from ortools.algorithms.python import knapsack_solver
from rows import Row, ratio, turns, write

from summdiff.selection.knapsack import knapsack

SCALE, LIMIT = 1_000_000, 5.0
KINDS = knapsack_solver.SolverType
SOLVERS = {
    "branch and bound": KINDS.KNAPSACK_MULTIDIMENSION_BRANCH_AND_BOUND_SOLVER,
    "dynamic programming": KINDS.KNAPSACK_DYNAMIC_PROGRAMMING_SOLVER,
}


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
        ways = {"ours": partial(ours, values, weights, asked.capacity)}
        ways |= {name: partial(theirs, solver, values, weights, asked.capacity) for name, solver in SOLVERS.items()}
        stopped = []
        for name in SOLVERS:
            began = time.perf_counter()
            best = ways[name]()
            if time.perf_counter() - began >= LIMIT:
                stopped.append(name)  # without the proof that it is the best
            elif ways["ours"]() != best:
                raise SystemExit(f"{kind}: ours and {name} disagree")
        seconds = turns(ways, 1 if stopped else asked.rounds)
        numbers: dict[str, object] = {f"{name}, ms": 1000 * statistics.median(each) for name, each in seconds.items()}
        print(f"{kind:>12}: {numbers} {f'stopped: {stopped}' if stopped else ''}")
        fastest = min(SOLVERS, key=lambda name: statistics.median(seconds[name]))
        spent = ", ".join(f"{name} {1000 * statistics.median(each):.2f} ms" for name, each in seconds.items())
        bound = f"{spent}; ours makes {calls(ways['ours'])} calls, most on short arrays"
        if stopped:
            bound += (
                f"; {' and '.join(stopped)} was stopped after {LIMIT:g} s, so the ratio to it would be larger still"
            )
        name = f"knapsack, {asked.shots} shots, capacity {asked.capacity}, {kind}"
        rows.append(
            Row(
                name,
                f"OR-tools, {fastest}",
                ratio(seconds[fastest], seconds["ours"]),
                None if kind == "any" else 1.0,
                bound=bound,
                numbers=numbers,
            )
        )
    write(asked.json, rows)


def calls(work: Callable[[], object]) -> int:
    """Return how many functions work calls."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


def ours(values: np.ndarray, weights: np.ndarray, capacity: int) -> int:
    return int(values[knapsack(values, weights, capacity)].sum())


def theirs(kind: knapsack_solver.SolverType, values: np.ndarray, weights: np.ndarray, capacity: int) -> int:
    solver = knapsack_solver.KnapsackSolver(kind, "benchmark")
    solver.set_time_limit(LIMIT)
    solver.init(values.astype(int).tolist(), [weights.tolist()], [capacity])
    return int(solver.solve())


if __name__ == "__main__":
    main()
