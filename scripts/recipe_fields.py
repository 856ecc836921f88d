"""Write the tables of all recipe fields into docs/training.md, between two marks in that file.

python scripts/recipe_fields.py docs/training.md
"""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from page_tables import put_table
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from summdiff.research.networks.registry import architectures
from summdiff.research.training.recipe import NetworkRecipe, Recipe

_TYPES = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text", Path: "path"}


def field_tables() -> str:
    """Return a table of the recipe's own fields, and one of each section's."""
    sections = {
        name: type(field.default) for name, field in Recipe.model_fields.items() if isinstance(field.default, BaseModel)
    }
    plain = {name: field for name, field in Recipe.model_fields.items() if name not in sections}
    parts = ["### The recipe\n\n" + _table(plain)]
    for name, field in plain.items():
        item = _item_type(field.annotation)
        if _is_section(item):
            parts.append(_section_table(f"### Each of `{name}`", item))
    for name, section in sections.items():
        if name == "network":
            parts += [_network_table(model) for model in architectures()]
        else:
            parts.append(_section_table(f"### `{name}`", section))
    return "\n\n".join(parts)


def _section_table(heading: str, section: type[BaseModel]) -> str:
    about = " ".join((section.__doc__ or "").split())
    return f"{heading}\n\n{about}\n\n{_table(section.model_fields)}"


def _network_table(model: str) -> str:
    """Return the table of a network's fields, from its config dataclass."""
    config_type = architectures()[model].config
    docstring, types_by_name = config_type.__doc__ or "", get_type_hints(config_type)
    descriptions: dict[str, str] = {}
    for base in reversed(config_type.__mro__):
        descriptions |= _attribute_descriptions(base.__doc__ or "")
    options = getattr(NetworkRecipe(model=model), "__pydantic_extra__", None) or {}
    rows = {
        field.name: FieldInfo(
            annotation=types_by_name[field.name],
            default=_dataclass_default(field),
            description=descriptions.get(field.name),
        )
        for field in fields(config_type)
        if field.name in options
    }
    return f"### `network` with `model: {model}`\n\n{docstring.partition(chr(10))[0]}\n\n{_table(rows)}"


def _dataclass_default(field: Field[Any]) -> Any:
    return ... if field.default is MISSING else field.default


def _attribute_descriptions(docstring: str) -> dict[str, str]:
    """Return the descriptions under "Attributes:" of a docstring, by name; `name, other: text` describes both."""
    attributes = docstring.partition("Attributes:")[2]
    entries = re.findall(r"^ {8}(\w+(?:, \w+)*): (.*(?:\n {12}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def _table(rows: dict[str, FieldInfo]) -> str:
    lines = [f"| `{name}` | {_values(row)} | {_default(row)} | {_about(row)} |" for name, row in rows.items()]
    return "\n".join(["| field | values | default | |", "|---|---|---|---|", *lines])


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
    """Describe a field's values: types or choices, bounds, and whether it may be null."""
    words = list(dict.fromkeys(_type_words(field.annotation)))
    without_null = [word for word in words if word != "`null`"]
    return ", ".join(without_null) + _bounds(field.metadata) + ("" if len(without_null) == len(words) else ", `null`")


def _type_words(annotation: Any) -> Iterator[str]:
    origin, item = get_origin(annotation), _item_type(annotation)
    if origin is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif origin in (Union, types.UnionType):
        for choice in get_args(annotation):
            yield from _type_words(choice)
    elif item is not None:
        yield "list of sections" if _is_section(item) else f"list of {', '.join(_type_words(item))}"
    elif origin is tuple:
        yield "two numbers"
    elif annotation is types.NoneType:
        yield "`null`"
    elif hasattr(annotation, "__metadata__"):
        yield from _type_words(get_args(annotation)[0])
    else:
        yield _TYPES[annotation]


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _item_type(annotation: Any) -> Any:
    """Return the type of a list's items; None for other types."""
    arguments = get_args(annotation)
    return arguments[0] if get_origin(annotation) is tuple and arguments[1:] == (...,) else None


def _bounds(metadata: list[Any]) -> str:
    words = []
    for bound in metadata:
        for name, word in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below")):
            if getattr(bound, name, None) is not None:
                words.append(f"{word} {_number(getattr(bound, name))}")
    return f" {' '.join(words)}" if words else ""


def _number(number: float) -> str:
    """Format a number; 2^63 instead of its 19 digits."""
    power = int(number).bit_length() - 1
    if power > 40 and number == 2**power:
        return f"2^{power}"
    return str(number) if isinstance(number, int) else f"{number:g}"


def main() -> None:
    """Write the tables into the document named on the command line."""
    put_table(Path(sys.argv[1]), "fields", field_tables())


if __name__ == "__main__":
    main()
