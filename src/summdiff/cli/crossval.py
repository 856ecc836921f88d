"""`summdiff crossval`: test a recipe on videos that it was not trained on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from summdiff.errors import UsageError


def crossval(
    recipe: Annotated[
        str,
        typer.Argument(help="A name that `summdiff recipes` lists, or a YAML file.", show_default=False),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE...", help="Fields to change, as for `summdiff train`.", show_default=False),
    ] = None,
    only_folds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="2,3",
            help="Train only these folds, counted from 1: one command per machine of a cluster, then one without it.",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Folds trained at the same time.")] = 1,
    seeds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="0,1,2", help="Run once per seed and print mean ± standard deviation.", show_default=False
        ),
    ] = None,
) -> None:
    """Cross-validate a recipe: predict every video once, by a model that was not trained on it.

    Writes metrics.json, predictions.h5 (for `summdiff evaluate`), splits.json, recipe.yaml and each fold's weights to
    `crossval` in the recipe's output folder; with --seeds, to one folder per seed. Prints the agreement with
    annotators next to the agreement of ridge regression on the same inputs, of random scores, and of the annotators
    with each other. Finished folds are not trained again. To summarize with a fold's model, make its graphs with
    `summdiff export-graphs`.
    """
    from summdiff.cli._evaluation_report import print_evaluation
    from summdiff.cli._training_display import training_display
    from summdiff.research.training.crossval import cross_validate, cross_validate_seeds, train_folds
    from summdiff.research.training.crossval_report import over_seeds
    from summdiff.research.training.processes import Interrupted
    from summdiff.research.training.recipe_files import read_recipe

    numbers = read_seeds(seeds or ())
    only = read_numbers(only_folds or (), "--only-folds", "fold", least=1)
    checked = read_recipe(recipe, overrides or ())
    display = training_display(checked.epochs, bar=False)
    try:
        if only:
            for folder in train_folds(checked, only, seeds=numbers, processes=processes, callbacks=display):
                print(folder)
            print("The same command without --only-folds trains the rest and judges all.", file=sys.stderr)
            return
        if not numbers:
            result = cross_validate(checked, processes=processes, callbacks=display)
            print_evaluation(result.evaluation)
            print(result.path)
            return
        path, results = cross_validate_seeds(checked, numbers, processes=processes, callbacks=display)
    except Interrupted as stop:
        print(f"summdiff: {stop}", file=sys.stderr)
        raise typer.Exit(stop.exit_code) from stop
    print_evaluation(results[0].evaluation)
    for line in describe_seeds(over_seeds(numbers, results), checked.name):
        print(line)
    print(path)


def read_seeds(listed: list[str] | tuple[str, ...]) -> list[int]:
    """Parse seeds such as "0,1,2" and "3".

    Raises:
        UsageError: a seed is not a whole number from 0, or is given twice.
    """
    return read_numbers(listed, "--seeds", "seed", least=0)


def read_numbers(listed: Sequence[str], option: str, noun: str, *, least: int) -> list[int]:
    """Parse numbers such as "0,1,2" and "3" of an option.

    Raises:
        UsageError: one is not a whole number from `least`, or is given twice.
    """
    words = [word.strip() for text in listed for word in text.split(",")]
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and int(word) >= least)]
    if wrong:
        example = ",".join(str(least + number) for number in range(3))
        raise UsageError(
            f"'{wrong[0]}' is not a {noun}: write whole numbers from {least}, for instance {option} {example}."
        )
    numbers = [int(word) for word in words]
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"A {noun} is given twice in {option} {','.join(words)}.")
    return numbers


def describe_seeds(over: dict[str, Any], name: str) -> list[str]:
    """Format mean and deviation of each measure of a model, one line each; F1 and MAP from 0 to 1."""
    seeds = ", ".join(str(seed) for seed in over["seeds"])
    lines = [f"{name}, mean ± standard deviation over seeds {seeds}:"]
    for measure, row in over["rows"][name].items():
        deviation = "" if row["sd"] is None else f" ± {row['sd']:.4f}"
        lines.append(f"  {measure:<14} {row['mean']:.4f}{deviation}")
    return lines
