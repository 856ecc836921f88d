"""Reading recipes: YAML files with a section for each data set, and changes from the command line.

Besides the fields of `Recipe`, a file may have these keys:

- `extends`: name of a shipped recipe file whose contents this file changes.
- `data_sets`: changes for each data set. The file then holds one recipe per data set, named `<name>_<data set>`; null
  removes a data set of the extended file.
- `reproduce`: changes that `summdiff reproduce` makes, for each data set: mostly shorter training schedules.

A mapping is merged key by key, any other value replaces the one before. `name` defaults to the file's name and `output`
to `runs/<name>`.
"""

from __future__ import annotations

import copy
import os
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from summdiff._untrusted import read_text
from summdiff.data.datasets import KINDS, open_dataset
from summdiff.data.yaml_text import parse_yaml
from summdiff.errors import DataError, UsageError, reason
from summdiff.research.training.recipe import Recipe

_FOLDER = Path(__file__).parents[2] / "recipes"


def recipe_files() -> dict[str, Path]:
    """Return the shipped recipe files by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def data_sets_of(file: str) -> tuple[str, ...]:
    """Return the data sets that a shipped recipe file has a section for; empty if it holds a single recipe."""
    return tuple(_data_sets(_load(recipe_files()[file])))


def recipe_names() -> tuple[str, ...]:
    """Return the names of all shipped recipes, such as `default` and `vasnet_tvsum`."""
    return tuple(name for file in recipe_files() for name in _names(file))


def read_recipe(path: str | os.PathLike[str], overrides: Sequence[str] = (), *, reproduce: bool = False) -> Recipe:
    """Read and check a recipe.

    Args:
        path: a YAML file, or the name of a shipped recipe: `vasnet_tvsum`, or `vasnet` if an override names the data
            set (`kind=tvsum`) or its file (`data=tvsum.h5`).
        overrides: `key=value` or `section.key=value` with a YAML value; later ones win.
        reproduce: apply the file's changes for `summdiff reproduce`.

    Raises:
        DataError: the file is missing or not YAML, a field is unknown or has an invalid value, or the data set is
            unknown.
        UsageError: an override is not of the form key=value, or addresses something that is not a section.
    """
    name = os.fspath(path)
    document = merged_document(name, overrides, reproduce=reproduce)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise DataError(f"Recipe '{name}': {_first_problem(error)}") from error


def merged_document(name: str, overrides: Sequence[str] = (), *, reproduce: bool = False) -> dict[str, Any]:
    """Return the unchecked fields of a recipe; arguments and errors as for `read_recipe`."""
    changes = [_parsed(override) for override in overrides]
    file, data_set = _find(name)
    document = _load(file, name)
    sections, tables = _data_sets(document), _section(document, "reproduce", name)
    for key in ("data_sets", "reproduce"):
        document.pop(key, None)
    document.setdefault("name", file.stem)
    if sections:
        data_set = data_set or _chosen_data_set(name, document, changes, sections)
        document = _merged(document, sections[data_set])
        document |= {"name": f"{document['name']}_{data_set}", "kind": data_set}
    if reproduce:
        document = _merged(document, tables.get(str(document.get("kind"))) or {})
    document.setdefault("output", f"runs/{document['name']}")
    for override, keys, value in changes:
        _set(document, keys, value, override)
    return document


def _find(name: str) -> tuple[Path, str | None]:
    """Return the file of a recipe, and the data set if the recipe's name says it."""
    file = Path(name)
    if file.exists():
        return file, None
    files = recipe_files()
    if name in files:
        return files[name], None
    for data_set in KINDS:
        stem = name.removesuffix(f"_{data_set}")
        if stem != name and stem in files and data_set in data_sets_of(stem):
            return files[stem], data_set
    if file.suffix not in (".yaml", ".yml"):
        known = recipe_names()
        near = get_close_matches(name, known, cutoff=0.5) or known
        raise DataError(f"There is no recipe '{name}': there are {', '.join(near)}, or name a YAML file.")
    return file, None


def _load(file: Path, name: str | None = None) -> dict[str, Any]:
    """Read a recipe file, merged over the file that it extends."""
    name = name or os.fspath(file)
    try:
        document = copy.deepcopy(_parsed_file(file, file.stat().st_mtime_ns))
    except (OSError, ValueError) as error:
        raise DataError(f"Recipe '{name}' cannot be read: {reason(error)}.") from error
    if not isinstance(document, dict):
        raise DataError(f"Recipe '{name}' is not a list of `field: value` lines.")
    base = document.pop("extends", None)
    if base is None:
        return document
    files = recipe_files()
    if not isinstance(base, str) or base not in files:
        raise DataError(f"Recipe '{name}': extends must be one of {', '.join(files)}, got {reprlib.repr(base)}.")
    if files[base].resolve() == file.resolve():
        raise DataError(f"Recipe '{name}' extends itself.")
    return _merged(_load(files[base]), document)


@lru_cache(maxsize=64)
def _parsed_file(file: Path, _changed: int) -> Any:
    """Parse a YAML file; cached until it changes, as every recipe of a table is read from a few files."""
    return parse_yaml(read_text(file))


def _data_sets(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: changes for name, changes in _section(document, "data_sets", "").items() if changes is not None}


def _section(document: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    """Return the changes for each data set under a key, checked to be mappings."""
    section = document.get(key) or {}
    if not isinstance(section, dict):
        raise DataError(f"Recipe '{name}': {key} must have a section for each data set.")
    for data_set, changes in section.items():
        if data_set not in KINDS or not isinstance(changes, dict | None):
            raise DataError(
                f"Recipe '{name}': {key} must have a section for each data set ({', '.join(KINDS)}), "
                f"got {reprlib.repr(data_set)}: {reprlib.repr(changes)}."
            )
    return section


def _names(file: str) -> list[str]:
    return [f"{file}_{data_set}" for data_set in data_sets_of(file)] or [file]


def _chosen_data_set(
    name: str, document: Mapping[str, Any], changes: Iterable[tuple[str, list[str], Any]], sections: Mapping[str, Any]
) -> str:
    """Return the data set given as `kind`, or that of the file given as `data`."""
    fields = {**document, **{keys[0]: value for _, keys, value in changes if len(keys) == 1}}
    data_set, data = fields.get("kind"), fields.get("data")
    if data_set is None and isinstance(data, str):
        data_set = open_dataset(data).kind
    if data_set is None:
        raise DataError(
            f"Recipe '{name}' depends on the data set: add data=FILE, or kind= with one of {', '.join(sections)}."
        )
    if str(data_set) not in sections:
        raise DataError(f"Recipe '{name}' has no settings for {data_set}, only for {', '.join(sections)}.")
    return str(data_set)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; other values of `changes` replace those of `base`."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _parsed(override: str) -> tuple[str, list[str], Any]:
    """Split `section.key=value` into its keys and its value."""
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UsageError(f"'{override}' is not an override: write key=value, for instance network.width=128.")
    try:
        return override, key.split("."), parse_yaml(value)
    except ValueError as error:
        raise UsageError(f"Override '{override}': '{value}' is not a YAML value.") from error


def _set(document: dict[str, Any], keys: Sequence[str], value: Any, override: str) -> None:
    """Set a nested field."""
    place: Any = document
    for section in keys[:-1]:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise UsageError(f"Override '{override}': '{section}' is not a section.")
    place[keys[-1]] = value


def _section_type(section: Any, part: str | int) -> Any:
    """Return the type of a field of a section; of a list's items for an index."""
    if isinstance(part, int):
        return section
    annotation = section.model_fields[part].annotation
    return next((each for each in get_args(annotation) if hasattr(each, "model_fields")), annotation)


def _first_problem(error: ValidationError) -> str:
    """Describe the first invalid field."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the recipe"
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in first["loc"][:-1]:
            section = _section_type(section, part)
        known = list(getattr(section, "model_fields", {}))
        near = get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}."
        return f"there is no field `{field}`: {hint}"
    if first["type"] == "value_error":  # raised by one of our own validators
        return f"{field}: {str(first['ctx']['error']).rstrip('.')}."
    return f"{field}: {first['msg'].lower()}, got {reprlib.repr(first['input'])}."
