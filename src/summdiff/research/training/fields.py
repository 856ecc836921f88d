"""The tables of all recipe fields in docs/training.md.

    python -m summdiff.research.training.fields docs/training.md

writes them anew, between the two marks in that file.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from summdiff.documents import put_table
from summdiff.research.training.network_recipe import SECTIONS
from summdiff.research.training.recipe import Recipe


def field_tables() -> str:
    """A table of the recipe's own fields, and one of each section."""
    sections = {
        name: type(field.default) for name, field in Recipe.model_fields.items() if isinstance(field.default, BaseModel)
    }
    plain = {name: field for name, field in Recipe.model_fields.items() if name not in sections}
    parts = ["### The recipe\n\n" + _table(plain)]
    for name, field in plain.items():
        each = _listed(field.annotation)
        if isinstance(each, type) and issubclass(each, BaseModel):
            about = " ".join((each.__doc__ or "").split())
            parts.append(f"### Each of `{name}`\n\n{about}\n\n" + _table(each.model_fields))
    for name, section in sections.items():
        choices = {f"{name}` with `model: {model}": each for model, each in SECTIONS.items()}
        for title, each in (choices if name == "network" else {name: section}).items():
            about = " ".join((each.__doc__ or "").split())
            parts.append(f"### `{title}`\n\n{about}\n\n" + _table(each.model_fields))
    return "\n\n".join(parts)


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = [f"| `{name}` | {_values(field)} | {_default(field)} | {_about(field)} |" for name, field in fields.items()]
    return "\n".join(["| field | values | default | |", "|---|---|---|---|", *rows])


def _about(field: FieldInfo) -> str:
    return (field.description or "").rstrip(".").replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value: Any = field.default
    if value == ():
        return "`[]`"
    if value is None or isinstance(value, bool):
        return f"`{json.dumps(value)}`"
    return f"`{value}`"


def _values(field: FieldInfo) -> str:
    kinds = list(dict.fromkeys(_kinds(field.annotation)))
    without = [kind for kind in kinds if kind != "`null`"]
    return ", ".join(without) + _bounds(field.metadata) + ("" if len(without) == len(kinds) else ", `null`")


def _kinds(annotation: Any) -> Iterator[str]:
    """The words for what a field takes."""
    origin = get_origin(annotation)
    if origin is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif origin in (Union, types.UnionType):
        for kind in get_args(annotation):
            yield from _kinds(kind)
    elif _listed(annotation) is not None:
        each = _listed(annotation)
        section = isinstance(each, type) and issubclass(each, BaseModel)
        yield "list of sections" if section else f"list of {', '.join(_kinds(each))}"
    elif origin is tuple:
        yield "two numbers"
    elif annotation is types.NoneType:
        yield "`null`"
    elif hasattr(annotation, "__metadata__"):
        yield from _kinds(get_args(annotation)[0])
    else:
        yield {int: "whole number", float: "number", bool: "`true`, `false`", str: "text", Path: "path"}[annotation]


def _listed(annotation: Any) -> Any:
    """What the items of a list of any length are; None of anything else."""
    listed = get_args(annotation)
    return listed[0] if get_origin(annotation) is tuple and listed[1:] == (...,) else None


def _bounds(metadata: list[Any]) -> str:
    """What pydantic holds a number to."""
    said = []
    for bound in metadata:
        for name, words in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below")):
            if getattr(bound, name, None) is not None:
                said.append(f"{words} {_plain(getattr(bound, name))}")
    return f" {' '.join(said)}" if said else ""


def _plain(number: float) -> str:
    """A number as people write it; 2^63 rather than its 19 digits."""
    power = int(number).bit_length() - 1
    if power > 40 and number == 2**power:
        return f"2^{power}"
    return str(number) if isinstance(number, int) else f"{number:g}"


def main() -> None:
    """Write the tables into the document that is named."""
    put_table(Path(sys.argv[1]), "fields", field_tables())


if __name__ == "__main__":
    main()
