"""`summdiff recipes`: list or print the shipped recipes."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Recipe to print, such as vasnet or vasnet_tvsum.", show_default=False)
    ] = None,
) -> None:
    """List the shipped recipes for `summdiff train` and `summdiff crossval`, or print one.

    Add the data set to the name of a recipe for several data sets: `vasnet_tvsum`.
    """
    import yaml

    from summdiff.research.training.recipe_files import data_sets_of, merged_document, recipe_files

    files = recipe_files()
    if name in files:
        print(files[name].read_text(encoding="utf-8"), end="")
    elif name is not None:
        print(yaml.safe_dump(merged_document(name), sort_keys=False, default_flow_style=None), end="")
    else:
        width = max(map(len, files))
        for file, path in files.items():
            print(f"{file.ljust(width)}  {_first_sentence(path.read_text(encoding='utf-8'))}")
            if data_sets := data_sets_of(file):
                print(f"{' ' * width}  {', '.join(f'{file}_{data_set}' for data_set in data_sets)}")


def _first_sentence(recipe: str) -> str:
    """Return the first sentence of the comment that a recipe begins with."""
    comment = itertools.takewhile(lambda line: line.startswith("#"), recipe.splitlines())
    return " ".join(line.strip("# ") for line in comment).partition(". ")[0].rstrip(".") + "."
