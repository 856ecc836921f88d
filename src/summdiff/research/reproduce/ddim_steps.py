"""Quality over the number of DDIM steps (the paper's figure 3), with models that cross-validation trained.

    python -m summdiff.research.reproduce.ddim_steps summdiff_paper_tvsum summdiff_joint_tvsum [--seeds 0,1,2]
        [--steps 1,2,5,10,20,50] [--output results/tvsum_ddim_steps.csv]

What `systems` has trained is used again; each fold's model predicts its own test videos with each
number of steps. Writes the CSV and a figure beside it, as PNG and SVG.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.atomic import written_whole
from summdiff.errors import SummdiffError
from summdiff.evaluation import Predictions, evaluate, predict
from summdiff.research.reproduce.systems import Row, System, parser, print_table, run, whole_numbers, write_csv
from summdiff.research.training.videos import to_cross_validate
from summdiff.scoring import load_model

STEPS = (1, 2, 5, 10, 20, 50)
COLUMNS = (
    "system",
    "variant",
    "seeds",
    "steps",
    "tau",
    "tau_sd",
    "rho",
    "rho_sd",
    "f1",
    "map50",
    "map15",
    "predict_ms",
)


def over_steps(system: System, counts: Sequence[int]) -> list[Row]:
    """A row for each number of steps, means over the system's seeds."""
    recipe = system.recipe
    folds = to_cross_validate(recipe, lambda sentence: None)
    data = folds[0].data
    rows: list[Row] = []
    for count in counts:
        found, milliseconds = [], []
        for result in system.results:
            seed = result.metrics["recipe"]["seed"]
            curves: dict[str, NDArray[np.float64]] = {}
            began = time.perf_counter()
            for number, fold in enumerate(folds):
                model = load_model(result.path.parent / f"fold{number}")
                drawn = predict(model, data, fold.split.test, samples=recipe.diffusion.samples, steps=count, seed=seed)
                curves |= drawn.curves
            milliseconds.append(1000 * (time.perf_counter() - began) / len(curves))
            judged = evaluate(data, [Predictions(recipe.name, curves, {})], names=list(curves), seed=seed)
            found.append({name: mean.value for name, mean in judged.means[recipe.name].items()})
        row: Row = {"system": "summdiff", "variant": system.variant("scores"), "seeds": len(found), "steps": count}
        for name in ("tau", "rho", "f1", "map50", "map15"):
            if name in found[0]:
                factor, digits = (1, 4) if name in ("tau", "rho") else (100, 2)
                values = [factor * one[name] for one in found]
                row[name] = round(float(np.mean(values)), digits)
                if f"{name}_sd" in COLUMNS and len(values) > 1:
                    row[f"{name}_sd"] = round(float(np.std(values, ddof=1)), digits)
        row["predict_ms"] = round(float(np.mean(milliseconds)), 1)
        rows.append(row)
    return rows


def draw(rows: Sequence[Row], path: Path) -> None:
    """Tau over steps, a line for each variant with its deviation over seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        x, y, spread = ([float(row.get(key, 0.0)) for row in own] for key in ("steps", "tau", "tau_sd"))
        axes.errorbar(x, y, yerr=spread, marker="o", capsize=3, label=str(variant))
    axes.set_xscale("log")
    shown = sorted({int(row["steps"]) for row in rows})
    axes.set_xticks(shown, [str(count) for count in shown])
    axes.minorticks_off()
    axes.set_xlabel("DDIM steps")
    axes.set_ylabel("Kendall's tau with each annotator")
    axes.grid(alpha=0.3)
    axes.legend()
    for kind in ("png", "svg"):
        with written_whole(path.with_suffix(f".{kind}")) as partial:
            figure.savefig(partial, format=kind, dpi=150)


def main() -> None:
    """Write the table and the figure, and print the table."""
    made = parser(__doc__, Path("results/tvsum_ddim_steps.csv"))
    made.add_argument("--steps", default=",".join(map(str, STEPS)), help="numbers of steps, comma-separated")
    asked = made.parse_args()
    try:
        counts = whole_numbers(asked.steps)
        systems, _ = run(asked)
        rows = [row for system in systems for row in over_steps(system, counts)]
    except SummdiffError as error:
        sys.exit(str(error))
    write_csv(asked.output, rows, COLUMNS)
    draw(rows, asked.output)
    print_table(rows, COLUMNS)


if __name__ == "__main__":
    main()
