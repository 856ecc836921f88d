"""`summdiff train`: train a model as a recipe says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        Path, typer.Argument(help="A YAML recipe, for instance recipes/default.yaml.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE...",
            help="Fields to change, for instance epochs=50 network.width=128 data=tvsum.h5.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a model on all videos of the recipe's data and write it to the recipe's output folder.

    The data is the recipe's `data` file, or tvsum_i3d.h5 in the folder $SUMMDIFF_DATA. An interrupted run goes on where
    it was. `summdiff summarize --model FOLDER` uses the result.
    """
    from summdiff.training.recipe import read_recipe
    from summdiff.training.run import train as run

    checked = read_recipe(recipe, overrides or ())
    print(run(checked, on_epoch=lambda row: print(describe_row(row, checked.epochs), file=sys.stderr, flush=True)))


def describe_row(row: dict[str, float], epochs: int) -> str:
    """A row of the training log as a line to read."""
    line = f"epoch {row['epoch'] + 1:.0f}/{epochs}  loss {row['loss']:.4f}"
    if "tau" in row:
        line += f"  validation tau {row['tau']:.3f} rho {row['rho']:.3f} spread {row['spread']:.2f}"
    return line
