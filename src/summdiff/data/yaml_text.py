"""Safe reading of YAML from users."""

from __future__ import annotations

from functools import cache
from typing import Any

from summdiff.errors import DataError

_MAX_VALUES = 100_000  # aliases of aliases can stand for billions
_MAX_LENGTH = 4_000_000  # characters; PyYAML reads about a million a second
_MAX_NUMBER = 100  # characters


def parse_yaml(text: str) -> Any:
    """Parse YAML into plain types, without running code in it.

    Merge keys (`<<`) and sexagesimal numbers (`1:30`, which is a text here) are not supported: both let a short text
    stand for something huge.

    Raises:
        DataError: PyYAML is not installed.
        ValueError: the text is not YAML, has invalid values, or stands for too many values.
    """
    try:
        import yaml
    except ImportError as error:
        raise DataError("Reading YAML needs PyYAML: install it with `pip install 'summdiff[data]'`.") from error
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"it has more than {_MAX_LENGTH:,} characters")
    try:
        document = _loader()(text).get_single_data()
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
            raise _too_many_values()
        if isinstance(value, dict):
            waiting += (*value.keys(), *value.values())
        elif isinstance(value, list | tuple | set):
            waiting += value
    return document


def _too_many_values() -> ValueError:
    return ValueError(f"it stands for more than {_MAX_VALUES:,} values")


@cache
def _loader() -> Any:
    """Return the safe loader with limits that hold while it parses."""
    import yaml

    class Loader(yaml.SafeLoader):
        composed = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.composed += 1
            if self.composed > _MAX_VALUES:
                raise _too_many_values()
            return super().compose_node(parent, index)

        def flatten_mapping(self, node: Any) -> None:
            """Refuse merge keys, which PyYAML would copy here."""
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
                raise ValueError("merge keys (<<) are not supported: write the values out")
            super().flatten_mapping(node)

        def number(self, node: Any) -> Any:
            """Return a number, or the text where a number has colons."""
            digits = self.construct_scalar(node)
            if len(digits) > _MAX_NUMBER:
                raise ValueError(f"a number has more than {_MAX_NUMBER} characters")
            if ":" in digits:
                return digits
            return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)

    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.number)
    return Loader
