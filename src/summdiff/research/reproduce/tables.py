"""What a table of the paper is here: rows that are measured, and claims that are judged by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.evaluation import MAIN_MEASURE, Measure, PairedDifference, differences, mean_over, measures_of
from summdiff.research.reproduce.cells import Found, Ground, Measurement
from summdiff.research.reproduce.lineup import Scale
from summdiff.research.reproduce.verdicts import Ruling, Status

REFERENCES = ("random", "constant", "annotator with another", "mean of the others", "oracle")


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes:
        label: what it is called.
        what: how it is measured.
        readout: how the model is read.
        paper: the row of the paper's table that it answers to, None where it has none.
        at: what the table varies, and its value here, by name.
        baseline: whether it is a system that SummDiff is compared with.
    """

    label: str
    what: Measurement
    readout: str = "scores"
    paper: str | None = None
    at: Mapping[str, float | str] = field(default_factory=dict)
    baseline: bool = False


@dataclass(frozen=True)
class Part:
    """A table's rows on one data set, with what was found.

    Attributes:
        ground: the data set that they are judged on.
        rows: the rows.
        found: of each row what each seed found.
    """

    ground: Ground
    rows: Sequence[Row]
    found: Sequence[Sequence[Found]]
    _differences: dict[tuple[int, int], dict[str, PairedDifference]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The videos that all rows were judged on."""
        sets = [set(found.names) for each in self.found for found in each]
        return tuple(sorted(set.intersection(*sets)))

    @cached_property
    def groups(self) -> tuple[str, ...] | None:
        """(V,) the domain of each where the mean is one over domains."""
        first = self.found[0][0]
        if first.groups is None:
            return None
        domain = dict(zip(first.names, first.groups, strict=True))
        return tuple(domain[name] for name in self.names)

    @property
    def main(self) -> str:
        """The measure that the data set goes by."""
        return MAIN_MEASURE[self.ground.kind]

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that there are."""
        there = self.found[0][0].rows[self.rows[0].readout]
        return tuple(m for m in measures_of(self.ground.kind) if m.name in there and m.name != "map_trapezoid")

    def values(self, row: int, reference: str | None = None) -> NDArray[np.float64]:
        """(S, V, C) of a row, or of a reference beside it: by seed, video and measure."""
        each = []
        for found in self.found[row]:
            where = {name: i for i, name in enumerate(found.names)}
            order = [where[name] for name in self.names]
            measured = found.rows[reference or self.rows[row].readout]
            missing = np.full(len(order), np.nan)
            each.append(
                np.stack([measured[m.name][order] if m.name in measured else missing for m in self.measures], axis=1)
            )
        return np.stack(each)

    def difference(self, row: int, other: int) -> dict[str, PairedDifference]:
        """A row less another by measure, of each video the mean over seeds."""
        if (row, other) not in self._differences:
            ours, theirs = (self.values(i).mean(axis=0) for i in (row, other))
            found = differences(ours, theirs, self.groups)
            self._differences[row, other] = dict(zip((m.name for m in self.measures), found, strict=True))
        return self._differences[row, other]

    def means(self, row: int, reference: str | None = None) -> list[dict[str, float]]:
        """By seed, the mean over videos by measure; where there are domains also `map_<domain>` for each."""
        each = []
        for values in self.values(row, reference):
            means = dict(zip((m.name for m in self.measures), mean_over(values, self.groups).tolist(), strict=True))
            if self.groups is not None:
                main = [m.name for m in self.measures].index(self.main)
                domains = np.array(self.groups)
                means |= {f"map_{d}": float(values[domains == d, main].mean()) for d in sorted(set(self.groups))}
            each.append(means)
        return each

    def mean(self, row: int, measure: str | None = None) -> float:
        """The mean over seeds and videos, by the main measure unless another is given."""
        return float(np.mean([means[measure or self.main] for means in self.means(row)]))

    def find(self, **at: float | str) -> int:
        """The number of the row with these values."""
        return next(i for i, row in enumerate(self.rows) if all(row.at.get(key) == value for key, value in at.items()))

    def best(self, rows: Sequence[int], measure: str | None = None) -> int:
        """Which of these rows is the best, by the main measure unless another is given."""
        return max(rows, key=lambda row: self.mean(row, measure))

    def shown(self, row: int) -> str:
        """A row's mean by the main measure, to read."""
        return f"{self.rows[row].label} {number(self.mean(row), self._main)}"

    def shown_difference(self, row: int, other: int) -> str:
        """How a row differs from another by the main measure, to read."""
        mean = self.difference(row, other)[self.main].mean
        value, low, high = (number(x, self._main, sign="+") for x in (mean.value, mean.low, mean.high))
        return f"{value} ({low} … {high}) against {self.shown(other)}"

    @property
    def _main(self) -> Measure:
        return next(m for m in self.measures if m.name == self.main)


@dataclass(frozen=True)
class Experiment:
    """A table or a figure.

    Attributes:
        name: as in `summdiff reproduce table1`.
        title: what it is.
        claim: what the paper says of it, in a line; "" where nothing.
        plan: of the data sets and the scale, the data sets that are judged on with their rows.
        rule: what a part says of the claim.
        axis: what a figure has along it, and how it is called; None without a figure.
        about: what differs from the paper beside data and schedule.
    """

    name: str
    title: str
    claim: str
    plan: Callable[[Sequence[Ground], Scale], list[tuple[Ground, list[Row]]]]
    rule: Callable[[Part], Ruling]
    axis: tuple[str, str] | None = None
    about: tuple[str, ...] = ()


Pairs = Sequence[tuple[int, int]]


def ruled(
    part: Part,
    judge: Callable[[Mapping[tuple[int, int], PairedDifference]], Status],
    pairs: Pairs | Callable[[str], Pairs],
    numbers: str,
) -> Ruling:
    """A ruling from the differences of pairs of rows: `judge` is asked by each measure.

    Args:
        part: the rows.
        judge: what differences by pair say.
        pairs: which; where other rows count by another measure, a function of its name.
        numbers: what the ruling rests on, to read.
    """
    by_measure: dict[str, Status] = {}
    for measure in part.measures:
        wanted = pairs(measure.name) if callable(pairs) else pairs
        by_measure[measure.name] = judge({pair: part.difference(*pair)[measure.name] for pair in wanted})
    return Ruling(by_measure[part.main], numbers, by_measure)


def number(value: float, measure: Measure, *, sign: str = "") -> str:
    """A value to read: per cent, or four digits."""
    return f"{100 * value:{sign}.2f}" if measure.percent else f"{value:{sign}.4f}"


def to_dict(measure: Measure) -> dict[str, Any]:
    """A measure, as JSON holds it."""
    return {"name": measure.name, "label": measure.label, "percent": measure.percent, "about": measure.about}
