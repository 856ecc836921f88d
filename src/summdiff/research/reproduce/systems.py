"""Systems side by side: trained, selected and judged alike on the same folds, as one table.

    python -m summdiff.research.reproduce.systems [summdiff_joint_tvsum pgl_sum_tvsum ...] [--seeds 0,1,2]
        [--processes 2] [--output results/tvsum_systems.csv]

Without names these are all shipped recipes for TVSum. Each is cross-validated with each seed (folds that
are finished are read back) and becomes one row, a detector one for each way of reading it; ridge regression on the same
inputs, chance, people and the oracle follow, judged by the same code. Means are over seeds, `_sd` is the deviation over
them (n - 1), F1 and MAP are in per cent, `params` are those that gradients train (none of ridge regression, which is
fitted in closed form), `train_seconds` is for all folds and `predict_ms` for one video with all its samples. Beside the
CSV, a JSON file says how it came about.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from summdiff import __version__
from summdiff.atomic import written_whole
from summdiff.errors import SummdiffError, UsageError
from summdiff.research.networks.registry import ARCHITECTURES
from summdiff.research.training.crossval import CrossValidation, cross_validate_seeds, system_name
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.processes import Interrupted
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe, recipe_names

COLUMNS = (
    *("system", "variant", "seeds", "tau", "tau_sd", "rho", "rho_sd"),
    *("f1", "map50", "map15", "params", "train_seconds", "predict_ms"),
)
Row = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class System:
    """A recipe and its cross-validations, one a seed."""

    recipe: Recipe
    results: Sequence[CrossValidation]

    def variant(self, readout: str) -> str:
        """What the recipe's name says beside network and data set, else variant or inputs; how it is read; a note."""
        network = self.recipe.network
        said = self.recipe.name.removesuffix(f"_{self.recipe.kind}").replace(network.model, "").strip("_")
        kind = said or str(getattr(network, "variant", "")) or self.recipe.conditioning
        read = "" if readout == "scores" else f" by {readout}"
        return "; ".join(filter(None, (kind + read, ARCHITECTURES[network.model].network.note)))

    @property
    def readouts(self) -> Sequence[str]:
        """How its model is read, the usual way first; each is a row."""
        return [str(readout) for readout in self.results[0].metrics["folds"][0]["readouts"]]


def run_systems(
    recipes: Sequence[Recipe], seeds: Sequence[int], *, processes: int, callbacks: Callbacks | None = None
) -> list[System]:
    """Cross-validate each recipe with each seed.

    Raises:
        UsageError: two recipes have the same name or output, or other data or folds.
        DataError, OutputError, Interrupted: as `cross_validate_seeds`.
    """
    folds = {(r.data_path(), r.splits, r.folds, r.split_seed, r.validation) for r in recipes}
    if len(folds) > 1:
        raise UsageError("The recipes do not share data, folds and validation share, so their rows do not compare.")
    for what, values in (("name", [r.name for r in recipes]), ("output", [str(r.output) for r in recipes])):
        if len(set(values)) < len(values):
            raise UsageError(f"Two of the recipes have the same {what}: {', '.join(values)}.")
    callbacks = callbacks or Callbacks()
    systems = []
    for recipe in recipes:
        callbacks.message(f"{recipe.name}:")
        _, results = cross_validate_seeds(recipe, seeds, processes=processes, callbacks=callbacks)
        systems.append(System(recipe, results))
    return systems


def table(systems: Sequence[System], seeds: Sequence[int]) -> list[Row]:
    """One row for each system, for ridge regression on each kind of input, and for each reference."""
    rows = []
    for system in systems:
        for readout in system.readouts:
            name, variant = system_name(system.recipe, readout), system.variant(readout)
            rows.append(_row(system, name, system.recipe.network.model, variant, seeds, cost=True))
    seen = {system.recipe.conditioning for system in systems if system.recipe.network.model == "ridge"}
    for system in systems:
        inputs = system.recipe.conditioning
        if inputs not in seen and "ridge" in system.results[0].evaluation.means:
            seen.add(inputs)
            rows.append(_row(system, "ridge", "ridge", inputs, seeds[:1]))
    references = systems[0].results[0].evaluation.references
    return rows + [_row(systems[0], row.name, row.name, "", seeds[:1]) for row in references]


def _row(system: System, name: str, label: str, variant: str, seeds: Sequence[int], *, cost: bool = False) -> Row:
    results = system.results[: len(seeds)]
    row: Row = {"system": label, "variant": variant, "seeds": len(seeds) if cost else 1}
    for measure, factor in (("tau", 1), ("rho", 1), ("f1", 100), ("map50", 100), ("map15", 100)):
        if measure not in results[0].evaluation.means[name]:
            continue
        values = [factor * result.evaluation.means[name][measure].value for result in results]
        row[measure] = round(float(np.mean(values)), 4 if factor == 1 else 2)
        if f"{measure}_sd" in COLUMNS and len(values) > 1:
            row[f"{measure}_sd"] = round(float(np.std(values, ddof=1)), 4)
    if cost:
        costs = [result.metrics["cost"] for result in results]
        row["params"] = costs[0]["parameters"]
        row["train_seconds"] = round(float(np.mean([c["train_seconds"] for c in costs])), 1)
        row["predict_ms"] = round(float(np.mean([c["predict_ms"] for c in costs])), 1)
    return row


def provenance(systems: Sequence[System], seeds: Sequence[int], command: str) -> dict[str, Any]:
    """How the table came about: data, folds, selection, recipes, versions, and each seed's values with intervals."""
    first = systems[0].results[0].evaluation
    return {
        "command": command,
        "summdiff": __version__,
        "torch": torch.__version__,
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "data": first.data,
        "videos": len(first.names),
        "protocol": first.protocol,
        "seeds": list(seeds),
        "systems": {
            system.recipe.name: {
                "recipe": system.recipe.stated(),
                "about": system.results[0].evaluation.about[system.recipe.name],
                "by seed": [
                    {
                        "seed": seed,
                        "test": result.evaluation.to_dict()["systems"][system.recipe.name]["means"],
                        "validation": _validation(result),
                        "variety": result.metrics["variety"],
                        "comparisons": result.evaluation.to_dict()["comparisons"],
                    }
                    for seed, result in zip(seeds, system.results, strict=True)
                ],
            }
            for system in systems
        },
    }


def _validation(result: CrossValidation) -> dict[str, float]:
    """Mean over folds of what the selected models reached on their validation videos."""
    folds = [fold["validation"] for fold in result.metrics["folds"] if fold["validation"]]
    return {key: float(np.mean([fold[key] for fold in folds])) for key in folds[0]} if folds else {}


def write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> None:
    """Rows as CSV, what does not apply left empty.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def print_table(rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> None:
    """The same to read."""
    cells = [list(columns), *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print(
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
        )


def parser(about: str | None, output: Path) -> argparse.ArgumentParser:
    """The options that experiments over recipes and seeds share."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("recipes", nargs="*", help="names of shipped recipes, or YAML files (default: all for TVSum)")
    made.add_argument("--seeds", default="0,1,2", help="comma-separated (default: 0,1,2)")
    made.add_argument("--processes", type=int, default=1, help="folds at the same time (default: 1)")
    made.add_argument("--output", type=Path, default=output, help=f"CSV file (default: {output})")
    made.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="fields to change in every recipe")
    return made


class Said(Callbacks):
    """Prints what cross-validation says of its folds."""

    def message(self, sentence: str) -> None:
        """Print it on the error stream."""
        print(sentence, file=sys.stderr, flush=True)


def run(asked: argparse.Namespace) -> tuple[list[System], list[int]]:
    """The systems that were asked for. Leaves with a sentence where it cannot."""
    try:
        seeds = whole_numbers(asked.seeds)
        recipes = [read_recipe(path, asked.set) for path in asked.recipes or every_recipe("tvsum")]
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        return run_systems(recipes, seeds, processes=asked.processes, callbacks=Said()), seeds
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(stop.exit_code)
    except (SummdiffError, OSError) as error:
        sys.exit(str(error))


def every_recipe(kind: str) -> list[str]:
    """Names of the shipped recipes for a data set, SummDiff's first."""
    names = [name for name in recipe_names() if name.endswith(f"_{kind}")]
    return sorted(names, key=lambda name: not name.startswith("summdiff"))


def whole_numbers(words: str) -> list[int]:
    """Different whole numbers from "0,1,2".

    Raises:
        UsageError: it is no such list.
    """
    parts = [word.strip() for word in words.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts) or len(set(parts)) < len(parts):
        raise UsageError(f"'{words}' is no list of different whole numbers such as 1,2,5.")
    return [int(part) for part in parts]


def main() -> None:
    """Write and print the table."""
    asked = parser(__doc__, Path("results/tvsum_systems.csv")).parse_args()
    systems, seeds = run(asked)
    rows = table(systems, seeds)
    write_csv(asked.output, rows)
    said = provenance(systems, seeds, "python -m summdiff.research.reproduce.systems " + " ".join(sys.argv[1:]))
    with written_whole(asked.output.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print_table(rows)


if __name__ == "__main__":
    main()
