"""`summdiff recipes`: what there is to train."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this one, to change it.", show_default=False)] = None,
) -> None:
    """List the recipes that come with summdiff, for `summdiff train` and `summdiff crossval`, or print one."""
    from summdiff.errors import DataError
    from summdiff.research.training.recipe import shipped_recipes

    shipped = shipped_recipes()
    if name is None:
        width = max(map(len, shipped))
        for each, path in shipped.items():
            print(f"{each.ljust(width)}  {_first_sentence(path.read_text(encoding='utf-8'))}")
    elif name in shipped:
        print(shipped[name].read_text(encoding="utf-8"), end="")
    else:
        raise DataError(f"There is no recipe '{name}': there are {', '.join(shipped)}.")


def _first_sentence(recipe: str) -> str:
    """Of the comment that a recipe begins with."""
    comment = itertools.takewhile(lambda line: line.startswith("#"), recipe.splitlines())
    return " ".join(line.strip("# ") for line in comment).partition(". ")[0].rstrip(".") + "."
