"""Checks of a config's fields, made before any memory is taken for what they describe."""

from __future__ import annotations

import math
import reprlib
import types
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from summdiff.errors import ModelError

_LARGEST_SIZE = 1_000_000
_MOST_LAYERS = 1000  # and heads, and segments with heads of their own


def check_fields(config: Any) -> None:
    """Raise a ModelError where a field has another type than it should, or one size alone is out of all bounds."""
    hints = get_type_hints(type(config))
    for field in fields(config):
        value = getattr(config, field.name)
        if not _fits(value, hints[field.name]):
            raise ModelError(f"A model cannot have {field.name}={reprlib.repr(value)}: it is of the wrong type.")
    for name, value in sizes_of(config).items():
        most = _MOST_LAYERS if name.endswith(("layers", "segments", "heads")) else _LARGEST_SIZE
        if value > most:
            raise ModelError(f"A model cannot have {name}={value}: {most:,} is the most.")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a field's type; numbers have to be finite."""
    origin = get_origin(hint)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in get_args(hint))
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if origin in (list, tuple):
        each = get_args(hint)[0]
        return isinstance(value, list | tuple) and all(_fits(item, each) for item in value)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is hint if hint in (int, bool, str, types.NoneType) else True


def sizes_of(config: Any) -> dict[str, int]:
    """Return the whole numbers of a config by name, those of lists by their greatest."""
    found: dict[str, int] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        numbers = [n for n in (value if isinstance(value, list | tuple) else (value,)) if type(n) is int]
        if numbers:
            found[field.name] = max(numbers)
    return found
