"""`summdiff train`: train a model as a recipe says."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe: one of those that `summdiff recipes` lists, or a YAML file.", show_default=False
        ),
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
        bool, typer.Option("--dry-run", help="Do everything once, on two batches, and leave nothing behind.")
    ] = False,
) -> None:
    """Train a model on the videos of the recipe's data and write it to the recipe's output folder.

    The data is the recipe's `data` file, or the usual one of its `kind` in the folder $SUMMDIFF_DATA. An interrupted
    run goes on where it was: Ctrl-C or SIGTERM finish the step, save and leave, a second one leaves at once. Logs are
    log.csv and, for TensorBoard, tensorboard/. `summdiff summarize --model FOLDER` uses the result.
    """
    from summdiff.cli.epochs import watcher
    from summdiff.research.training.loop import LostProcess
    from summdiff.research.training.recipe_files import read_recipe
    from summdiff.research.training.run import is_first_process
    from summdiff.research.training.run import train as run
    from summdiff.research.training.signals import Interrupted

    checked = read_recipe(recipe, overrides or ())
    display = watcher(checked.epochs)
    try:
        folder = run(checked, watcher=display, dry_run=dry_run)
    except Interrupted as stop:
        display.close()
        if not is_first_process():  # a launcher would kill the first process, which may still be saving
            raise typer.Exit(0) from stop
        print(f"summdiff: {stop}", file=sys.stderr)
        raise typer.Exit(stop.exit_code) from stop
    except LostProcess as loss:
        display.close()
        if not loss.is_news:
            raise typer.Exit(1) from None
        raise
    finally:
        display.close()
    if dry_run and is_first_process():
        print("Everything works.", file=sys.stderr)
    elif folder is not None:
        print(folder)
