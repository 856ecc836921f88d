"""`summdiff train`: train a model from a recipe."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        str,
        typer.Argument(help="A name that `summdiff recipes` lists, or a YAML file.", show_default=False),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE...",
            help="Fields to change, for instance epochs=50 network.width=128 data=tvsum.h5.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run every step once, on two batches, and write nothing.")
    ] = False,
) -> None:
    """Train a model on a recipe's data and write it to the recipe's output folder.

    The data is the recipe's `data` file, or the usual file of its `kind` in the folder $SUMMDIFF_DATA. Ctrl-C or
    SIGTERM finishes the step, saves and exits; a second one exits at once. The same command continues the run. Logs are
    log.csv and, for TensorBoard, tensorboard/. `summdiff summarize --model FOLDER` uses the result.
    """
    from summdiff.cli._training_display import training_display
    from summdiff.research.training.loop import train as run
    from summdiff.research.training.processes import Interrupted, LostProcess, is_first_process
    from summdiff.research.training.recipe_files import read_recipe

    checked = read_recipe(recipe, overrides or ())
    display = training_display(checked.epochs)
    try:
        folder = run(checked, callbacks=display, dry_run=dry_run)
    except Interrupted as stop:
        display.close()
        if not is_first_process():  # a launcher may kill the first process, which is saving
            raise typer.Exit(0) from stop
        print(f"summdiff: {stop}", file=sys.stderr)
        raise typer.Exit(stop.exit_code) from stop
    except LostProcess as loss:
        display.close()
        if not loss.first_to_notice:
            raise typer.Exit(1) from None
        raise
    finally:
        display.close()
    if dry_run and is_first_process():
        print("Everything works.", file=sys.stderr)
    elif folder is not None:
        print(folder)
