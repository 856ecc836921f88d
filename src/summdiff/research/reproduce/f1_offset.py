"""How much F1 depends on where a system puts its zero: the same scores judged as they are, and with a constant added.

    python -m summdiff.research.reproduce.f1_offset [pgl_sum_tvsum vasnet_tvsum ...] [--seeds 0] [--offset 0.5]
        [--output results/tvsum_f1_offset.csv]

What `systems` has trained is used again. Rank correlation and MAP cannot tell the two apart. The
knapsack can: it weighs a shot's mean score against its length, so scores far above zero make it take many short shots,
and scores near zero with a few peaks few long ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from summdiff.evaluation import Predictions, evaluate, read_predictions
from summdiff.research.reproduce.systems import Row, System, parser, print_table, run, write_csv
from summdiff.research.training.crossval import predictions_file
from summdiff.research.training.videos import to_cross_validate

COLUMNS = ("system", "variant", "seeds", "tau", "f1", "f1_offset", "median", "highest")


def with_an_offset(system: System, offset: float) -> list[Row]:
    """A row for each way of reading it: means over seeds, F1 in per cent; `median` and `highest` are of its scores."""
    data = to_cross_validate(system.recipe, lambda sentence: None)[0].data
    rows: list[Row] = []
    for readout in system.readouts:
        found = []
        for result in system.results:
            curves = read_predictions(result.path.parent / predictions_file(readout)).curves
            means = {name: samples.mean(axis=0, keepdims=True) for name, samples in curves.items()}
            judged = evaluate(
                data,
                [
                    Predictions("plain", means),
                    Predictions("offset", {name: curve + offset for name, curve in means.items()}),
                ],
                names=list(curves),
                draws=1,
                resamples=1,
            ).means
            found.append(
                (
                    judged["plain"]["tau"].value,
                    100 * judged["plain"]["f1"].value,
                    100 * judged["offset"]["f1"].value,
                    np.mean([np.median(curve) for curve in means.values()]),
                    np.mean([curve.max() for curve in means.values()]),
                )
            )
        values = [
            round(float(value), digits) for value, digits in zip(np.mean(found, axis=0), (4, 2, 2, 3, 3), strict=True)
        ]
        row: Row = {"system": system.recipe.network.model, "variant": system.variant(readout), "seeds": len(found)}
        rows.append(row | dict(zip(COLUMNS[3:], values, strict=True)))
    return rows


def main() -> None:
    """Write and print the table."""
    made = parser(__doc__, Path("results/tvsum_f1_offset.csv"))
    made.add_argument("--offset", type=float, default=0.5, help="what is added to every score (default: 0.5)")
    asked = made.parse_args()
    systems, _ = run(asked)
    rows = [row for system in systems for row in with_an_offset(system, asked.offset)]
    write_csv(asked.output, rows, COLUMNS)
    print_table(rows, COLUMNS)


if __name__ == "__main__":
    main()
