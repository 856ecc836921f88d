"""YAML from people, who may be mistaken or mean harm."""

from __future__ import annotations

from typing import Any

from summdiff.errors import DataError

_MOST_VALUES = 100_000  # a name for what was written before may stand for a thousand of them, and so on


def parse_yaml(text: str) -> Any:
    """What a YAML text holds, in plain types; nothing in it is run.

    Raises:
        DataError: YAML is not installed.
        ValueError: it is no YAML, holds what cannot be read, or far too much; said on one line.
    """
    try:
        import yaml
    except ImportError as error:
        raise DataError(
            "Reading YAML needs more packages: install them with `pip install 'summdiff[data]'`."
        ) from error
    try:
        document = yaml.safe_load(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except Exception as error:  # what is said to be a date, a number or a flag and is none fails in many ways
        reason = " ".join(str(error).split()) if isinstance(error, yaml.YAMLError | ValueError) else ""
        raise ValueError(reason or "it holds a value that is not of the type that it says") from error
    waiting, seen = [document], 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > _MOST_VALUES:
            raise ValueError(f"it stands for more than {_MOST_VALUES:,} values")
        waiting += (*value.keys(), *value.values()) if isinstance(value, dict) else value if _is_many(value) else ()
    return document


def _is_many(value: Any) -> bool:
    return isinstance(value, list | tuple | set)
