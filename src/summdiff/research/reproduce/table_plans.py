"""The tables and figures of `tables.yaml`: runs and measurements of each row, and the claims."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from summdiff._untrusted import read_text
from summdiff.data.video import DatasetKind
from summdiff.data.yaml_text import parse_yaml
from summdiff.errors import DataError, UsageError, reason
from summdiff.research.reproduce.measurements import Measurement, SystemRun, TableData
from summdiff.research.training.recipe_files import read_recipe, recipe_names

TABLES = Path(__file__).with_name("tables.yaml")
_LARGEST_RIDGE = 2**30  # bytes of a file up to which ridge regression, which needs all features in memory, is fitted
_KINDS: tuple[DatasetKind, ...] = ("tvsum", "youtube_highlights", "mr_hisum")
_QUICK_EVERY = ("folds=2",)
_QUICK_TRAINED = ("epochs=2", "warmup_epochs=0", "validate_every=1", "diffusion.samples=2", "diffusion.steps=3")

Value = int | float | str
Changes = tuple[str, ...]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SystemSpec(_Spec):
    """A system that a row trains. The fields of all specs are documented in `tables.yaml`."""

    label: str
    recipe: str
    paper: str | None = None
    ours: bool = False
    changes: Changes = ()
    quick: Changes = ()


class RowSpec(_Spec):
    """One row, or one row per system and combination of the values in `vary`."""

    system: str | tuple[str, ...]
    vary: dict[str, tuple[Value, ...]] = {}
    quick: dict[str, tuple[Value, ...]] = {}
    label: str = "{label}"
    paper: str = "{paper}"
    readout: str = "scores"
    study: str | None = None
    changes: Changes = ()
    trained_on: Literal["larger"] | None = None
    steps: Value | None = None
    guidance_scale: Value | None = None
    offset: Value | None = None
    at: dict[str, Value] = {}


Selector = str | dict[str, Value | tuple[Value, ...]]


class CheckSpec(_Spec):
    """A difference that a claim needs."""

    row: Selector
    ahead_of: Selector | None = None
    not_behind: Selector | None = None
    no_worse_than: Selector | None = None


class TableSpec(_Spec):
    """A table or a figure."""

    title: str
    claim: str = ""
    data: tuple[DatasetKind, ...] | Literal["smaller"] | None = None
    schedule: Literal["reproduce", "recipe"] = "reproduce"
    changes: Changes = ()
    axis: tuple[str, str] | None = None
    rows: tuple[RowSpec, ...]
    checks: tuple[CheckSpec, ...] = ()
    notes: tuple[str, ...] = ()


class TablesFile(_Spec):
    """A file of tables, such as `tables.yaml`."""

    systems: dict[str, SystemSpec] = {}
    tables: dict[str, TableSpec] = {}
    studies: dict[str, TableSpec] = {}


@dataclass(frozen=True)
class TableRow:
    """A row of a table on one data set.

    Attributes:
        label: name of the row.
        measurement: the run and how it is judged.
        readout: name of the judged curves of the model.
        paper: row of the paper's table with the paper's numbers, or None.
        at: values that identify the row in checks and figures.
        baseline: whether SummDiff is compared with it.
    """

    label: str
    measurement: Measurement
    readout: str = "scores"
    paper: str | None = None
    at: Mapping[str, Value] = field(default_factory=dict)
    baseline: bool = False


@dataclass(frozen=True)
class TablePlan:
    """A table with its rows on each data set.

    Attributes:
        name: as in `summdiff reproduce table1`.
        spec: the table.
        rows: rows by judged data set.
        notes: notes of the table, and the systems left out per data set.
    """

    name: str
    spec: TableSpec
    rows: Sequence[tuple[TableData, Sequence[TableRow]]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Scale:
    """The size of the experiments.

    Attributes:
        quick: tiny networks, two epochs, two folds and few values, to check that everything runs.
        changes: fields of every recipe, applied last.
    """

    quick: bool = False
    changes: Sequence[str] = ()


@cache
def paper() -> dict[str, Any]:
    """Return the paper's numbers by table: `measures`, and for each row `values` and sometimes `sd`, in per cent."""
    tables: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("paper.yaml").read_text(encoding="utf-8"))
    return tables


@cache
def read_tables(path: Path = TABLES) -> TablesFile:
    """Read a file of tables; the systems of `tables.yaml` are known in every file.

    Raises:
        DataError: the file is missing, not YAML, or a field is unknown or has an invalid value.
    """
    try:
        document = parse_yaml(read_text(path))
        tables = TablesFile.model_validate(document)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{path}' cannot be read: {reason(error)}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"'{path}': {where}: {first['msg'].lower()}, got {reprlib.repr(first['input'])}.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is not a file of tables: {error}.") from error
    if path != TABLES:
        tables = tables.model_copy(update={"systems": read_tables().systems | tables.systems})
    return tables


def plan_table(name: str, file: TablesFile, data: Sequence[TableData], scale: Scale) -> TablePlan:
    """List the rows of a table on each data set that it judges.

    Raises:
        UsageError: the data sets do not fit the table, or a row names an unknown system.
        DataError: a recipe is missing or invalid.
    """
    spec = (file.tables | file.studies)[name]
    if spec.data == "smaller":
        smaller, larger = _two_sizes(name, data)
        judged = [smaller]
    else:
        larger = None
        judged = [one for one in data if spec.data is None or one.kind in spec.data]
        if not judged:
            raise UsageError(f"{name} needs data of kind {' or '.join(spec.data or ())}: give it with --data.")
    rows = [(one, list(_rows(name, spec, file.systems, one, larger, scale))) for one in judged]
    for one, rows_of_one in rows:
        if not rows_of_one:
            raise UsageError(f"None of the systems of {name} can be trained on '{one.path}'.")
    notes = [*spec.notes, *(note for one in judged if (note := _left_out(spec, file.systems, one)))]
    return TablePlan(name, spec, rows, notes)


def _two_sizes(name: str, data: Sequence[TableData]) -> tuple[TableData, TableData]:
    """Return the smaller and the larger data set."""
    if len(data) < 2:
        raise UsageError(
            f"{name} needs two data sets with the same features, a larger one to train on and a smaller one to judge: "
            "give --data twice."
        )
    by_size = sorted(data, key=lambda one: len(one.file))
    smaller, larger = by_size[0], by_size[-1]
    shapes = [one.file.feature_shape(one.file.names[0]) for one in (smaller, larger)]
    if any(shape is None for shape in shapes) or len({shape[1] for shape in shapes if shape}) > 1:
        raise UsageError(f"'{larger.path}' and '{smaller.path}' have different features, so no model fits both.")
    return smaller, larger


def _rows(
    name: str,
    spec: TableSpec,
    systems: Mapping[str, SystemSpec],
    judged: TableData,
    larger: TableData | None,
    scale: Scale,
) -> Iterator[TableRow]:
    in_paper = paper().get(name, {}).get("rows", {})
    for row in spec.rows:
        vary = (row.quick or row.vary) if scale.quick else row.vary
        if row.trained_on and larger is None:
            raise UsageError(f"{name}: `trained_on: larger` needs `data: smaller` in the table.")
        data = larger if row.trained_on and larger else judged
        for system in _systems(row.system, systems, data):
            known = {"label": system.label, "paper": system.paper, "data": judged.kind}
            for values in product(*vary.values()):
                at = dict(zip(vary, values, strict=True))
                words = known | {key: _short(value) for key, value in at.items()}
                quick = _quick(system) if scale.quick else ()
                own = [_filled(change, words) for change in row.changes]
                changes = (*spec.changes, *system.changes, *quick, *own, *scale.changes)
                run = SystemRun(_recipe(system, data.kind), data, changes, schedule=spec.schedule)
                label, row_in_paper = _filled(row.label, words), _filled(row.paper, words)
                yield TableRow(
                    label,
                    Measurement(
                        run,
                        steps=_whole(_number(row.steps, words)),
                        guidance_scale=_number(row.guidance_scale, words),
                        offset=_number(row.offset, words),
                        study=row.study,
                        target=judged if row.trained_on else None,
                    ),
                    readout=_filled(row.readout, words),
                    paper=row_in_paper if row_in_paper in in_paper else None,
                    at={"system": system.label} | at | row.at,
                    baseline=not system.ours,
                )


def _systems(names: str | Sequence[str], systems: Mapping[str, SystemSpec], data: TableData) -> list[SystemSpec]:
    """Return the systems that a row names; from a list or group only those that can be trained on the data."""
    if data.kind not in _KINDS:
        raise UsageError(
            f"'{data.path}' is of kind {data.kind}, for which the tables have no training schedules: "
            f"give a file of kind {', '.join(_KINDS)}."
        )
    if isinstance(names, str) and names not in ("all", "baselines"):
        return [_system(names, systems)]
    if names == "all":
        chosen = list(systems.values())
    elif names == "baselines":
        chosen = [system for system in systems.values() if not system.ours]
    else:
        chosen = [_system(name, systems) for name in names]
    return [system for system in chosen if can_train(system, data)]


def _system(name: str, systems: Mapping[str, SystemSpec]) -> SystemSpec:
    """Return a system by its name, or by the name of a recipe or its file."""
    if name in systems:
        return systems[name]
    recipe = read_recipe(name)
    return SystemSpec(label=recipe.name, recipe=name, ours=recipe.network.learns is None)


def can_train(system: SystemSpec, data: TableData) -> bool:
    """Return whether the system has a recipe for the data set and, if it needs all data in memory, the data fits."""
    ridge = system.recipe.endswith("ridge")
    return _has_recipe(system.recipe, data.kind) and not (ridge and data.path.stat().st_size > _LARGEST_RIDGE)


@cache
def _has_recipe(recipe: str, kind: DatasetKind) -> bool:
    names = _shipped_recipes()
    if f"{recipe}_{kind}" in names:
        return True
    return (recipe in names or Path(recipe).exists()) and read_recipe(recipe).kind in (kind, None)


@cache
def _shipped_recipes() -> frozenset[str]:
    return frozenset(recipe_names())


def _recipe(system: SystemSpec, kind: DatasetKind) -> str:
    """Return the name of the system's recipe for a kind of data."""
    name = f"{system.recipe}_{kind}"
    return name if name in _shipped_recipes() else system.recipe


def _left_out(spec: TableSpec, systems: Mapping[str, SystemSpec], data: TableData) -> str:
    """Describe the systems missing from a table of all systems on a data set; "" if none."""
    missing = [system.label for system in systems.values() if not can_train(system, data)]
    if not missing or all(row.system != "all" for row in spec.rows):
        return ""
    why = {
        "youtube_highlights": "they learn from the key-shots of segments or from single annotators, and it has neither",
        "mr_hisum": "they have no recipe for it, or need all features in memory",
    }.get(data.kind, "they have no recipe for it")
    return f"without {'; '.join(missing)}: {why}."


def _quick(system: SystemSpec) -> Changes:
    if system.recipe.endswith("ridge"):  # closed form: nothing to make smaller
        return _QUICK_EVERY
    return (*_QUICK_EVERY, *_QUICK_TRAINED, *system.quick)


def _filled(text: str, words: Mapping[str, Any]) -> str:
    try:
        return text.format(**words)
    except (KeyError, IndexError, ValueError) as error:
        raise UsageError(f"'{text}' in a row: write {{name}} with one of {', '.join(words)}.") from error


def _number(value: Value | None, words: Mapping[str, Any]) -> float | None:
    """Return a row's number, which may be given as the name of a varying value."""
    try:
        return float(_filled(value, words)) if isinstance(value, str) else value
    except ValueError as error:
        raise UsageError(f"'{value}' in a row is not a number.") from error


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _short(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) else value
