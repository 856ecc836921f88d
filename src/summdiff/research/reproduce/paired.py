"""Each system against the first, video by video, and how sure the difference is.

    python -m summdiff.research.reproduce.paired [summdiff_joint_tvsum vasnet_tvsum ...] [--seeds 0,1,2]
        [--output results/tvsum_paired.csv]

What `systems` has trained is used again. Of each video the mean over seeds is taken; the interval
is of a bootstrap over videos, 95 %, and `p` that of a permutation test (`summdiff.evaluation`): both ask
what other videos would give these models; what other training videos would give is not in them. Ridge regression on the
first system's own input is compared too. F1 and MAP are in per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.evaluation import differences
from summdiff.research.reproduce.systems import Row, System, parser, print_table, run, write_csv
from summdiff.research.training.crossval import system_name

COLUMNS = ("system", "variant", "measure", "first", "this", "difference", "low", "high", "p", "better", "worse")
MEASURES = ("tau", "rho", "f1", "map50", "map15")


def against_the_first(systems: Sequence[System]) -> list[Row]:
    """A row for each other system, each way of reading it, and each measure: the first less the other."""
    first = systems[0]
    ours = _by_video(first, system_name(first.recipe, first.readouts[0]))
    others = [
        (system.recipe.network.model, system.variant(readout), _by_video(system, system_name(system.recipe, readout)))
        for system in systems[1:]
        for readout in system.readouts
    ]
    if "ridge" in first.results[0].evaluation.means:
        others.append(("ridge", f"{first.recipe.conditioning}; the first's own input", _by_video(first, "ridge")))
    rows: list[Row] = []
    for label, variant, theirs in others:
        shared = [measure for measure in MEASURES if measure in ours and measure in theirs]
        found = differences(_stacked(ours, shared), _stacked(theirs, shared))
        for measure, difference in zip(shared, found, strict=True):
            factor, digits = (1, 4) if measure in ("tau", "rho") else (100, 2)
            numbers = {
                "first": ours[measure].mean(),
                "this": theirs[measure].mean(),
                "difference": difference.mean.value,
                "low": difference.mean.low,
                "high": difference.mean.high,
            }
            row: Row = {"system": label, "variant": variant, "measure": measure}
            row |= {name: round(factor * float(value), digits) for name, value in numbers.items()}
            rows.append(row | {"p": round(difference.p, 4), "better": difference.better, "worse": difference.worse})
    return rows


def _by_video(system: System, name: str) -> dict[str, NDArray[np.float64]]:
    """Each measure's values (V,) of a row, means over the system's seeds, in the order of the videos' names."""
    each = []
    for result in system.results:
        evaluation = result.evaluation
        order = np.argsort(evaluation.names)
        row = next(row for row in evaluation.systems if row.name == name)
        each.append({measure: values[order] for measure, values in row.values.items()})
    return {measure: np.mean([values[measure] for values in each], axis=0) for measure in each[0]}


def _stacked(values: dict[str, NDArray[np.float64]], measures: Sequence[str]) -> NDArray[np.float64]:
    return np.stack([values[measure] for measure in measures], axis=1)


def main() -> None:
    """Write and print the table."""
    asked = parser(__doc__, Path("results/tvsum_paired.csv")).parse_args()
    systems, _ = run(asked)
    rows = against_the_first(systems)
    write_csv(asked.output, rows, COLUMNS)
    print_table(rows, COLUMNS)


if __name__ == "__main__":
    main()
