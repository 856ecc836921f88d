"""`summdiff crossval`: how well a recipe does on videos that it was not trained on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def crossval(
    recipe: Annotated[
        Path, typer.Argument(help="A YAML recipe, for instance recipes/default.yaml.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE...", help="Fields to change, as for `summdiff train`.", show_default=False),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Folds trained at the same time.")] = 1,
) -> None:
    """Cross-validate a recipe: every video is predicted once, by a model that never saw it.

    Writes metrics.json, predictions.h5 (for `summdiff evaluate`) and splits.json to `crossval` in the recipe's output
    folder, and prints the agreement with annotators beside that of ridge regression on the same inputs, random scores,
    and the annotators among themselves.
    """
    from summdiff.cli.results import print_evaluation
    from summdiff.training.crossval import cross_validate
    from summdiff.training.recipe import read_recipe

    result = cross_validate(
        read_recipe(recipe, overrides or ()),
        processes=processes,
        on_fold=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print_evaluation(result.evaluation)
    print(result.path)
