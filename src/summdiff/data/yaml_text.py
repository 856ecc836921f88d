"""Safe reading of YAML from users."""

from __future__ import annotations

from typing import Any

from summdiff.errors import DataError

_MAX_VALUES = 100_000  # aliases of aliases can stand for billions


def parse_yaml(text: str) -> Any:
    """Parse YAML into plain types, without running code in it.

    Raises:
        DataError: PyYAML is not installed.
        ValueError: the text is not YAML, has invalid values, or expands to too many values.
    """
    try:
        import yaml
    except ImportError as error:
        raise DataError("Reading YAML needs PyYAML: install it with `pip install 'summdiff[data]'`.") from error
    try:
        document = yaml.safe_load(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except Exception as error:  # invalid dates, numbers and flags raise many kinds of errors
        reason = " ".join(str(error).split()) if isinstance(error, yaml.YAMLError | ValueError) else ""
        raise ValueError(reason or "a value does not have its stated type") from error
    waiting, count = [document], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > _MAX_VALUES:
            raise ValueError(f"it expands to more than {_MAX_VALUES:,} values")
        if isinstance(value, dict):
            waiting += (*value.keys(), *value.values())
        elif isinstance(value, list | tuple | set):
            waiting += value
    return document
