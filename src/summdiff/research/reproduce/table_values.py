"""A table's measured values on one data set: means, paired differences, and which claims they support.

A claim is confirmed if the 95% intervals of all paired differences that it needs lie above zero, contrary if one lies
below zero, otherwise not confirmed. "Not behind" allows for a margin that was fixed beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.evaluation import MAIN_MEASURE, Measure, PairedDifference, differences, mean_over, measures_of
from summdiff.research.reproduce.measurements import MeasuredValues, TableData
from summdiff.research.reproduce.sampling_study import MEASURES as SAMPLING_MEASURES
from summdiff.research.reproduce.table_plans import CheckSpec, Selector, TableRow

MARGIN = 0.01  # of tau; one point of F1, MAP or mAP in per cent
Status = Literal["confirmed", "not confirmed", "contrary"]


@dataclass(frozen=True)
class TableValues:
    """A table's rows on one data set, with the values of each seed.

    Attributes:
        data: the data set that the rows are judged on.
        rows: the rows.
        measured: for each row the values of each seed.
    """

    data: TableData
    rows: Sequence[TableRow]
    measured: Sequence[Sequence[MeasuredValues]]
    _differences: dict[tuple[int, int], dict[str, PairedDifference]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The videos that all rows were judged on."""
        return tuple(sorted(set.intersection(*(set(one.names) for seeds in self.measured for one in seeds))))

    @cached_property
    def groups(self) -> tuple[str, ...] | None:
        """(V,) the domain of each video where the mean is one over domains."""
        first = self.measured[0][0]
        if first.groups is None:
            return None
        domain = dict(zip(first.names, first.groups, strict=True))
        return tuple(domain[name] for name in self.names)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that the rows have."""
        present = {m for row, seeds in zip(self.rows, self.measured, strict=True) for m in seeds[0].rows[row.readout]}
        known = (*measures_of(self.data.kind), *SAMPLING_MEASURES)
        return tuple(m for m in known if m.name in present and m.name != "map_trapezoid")

    @cached_property
    def main(self) -> Measure:
        """The measure used to select models, or the first measure of a study."""
        return next((m for m in self.measures if m.name == MAIN_MEASURE[self.data.kind]), self.measures[0])

    def values(self, row: int, reference: str | None = None) -> NDArray[np.float64]:
        """Return (S, V, C) values of a row, or of a reference, by seed, video and measure; nan where not measured."""
        by_seed = []
        for measured in self.measured[row]:
            position = {name: i for i, name in enumerate(measured.names)}
            order = [position[name] for name in self.names]
            columns = measured.rows[reference or self.rows[row].readout]
            missing = np.full(len(order), np.nan)
            by_seed.append(
                np.stack([columns[m.name][order] if m.name in columns else missing for m in self.measures], axis=1)
            )
        return np.stack(by_seed)

    def difference(self, row: int, other: int) -> dict[str, PairedDifference]:
        """Return a row minus another for each common measure; each video's values are means over seeds."""
        if (row, other) not in self._differences:
            ours, theirs = (self.values(i).mean(axis=0) for i in (row, other))
            shared = [c for c in range(len(self.measures)) if not np.isnan(ours[:, c] - theirs[:, c]).any()]
            paired = differences(ours[:, shared], theirs[:, shared], self.groups) if shared else []
            names = [self.measures[c].name for c in shared]
            self._differences[row, other] = dict(zip(names, paired, strict=True))
        return self._differences[row, other]

    def means(self, row: int, reference: str | None = None) -> list[dict[str, float]]:
        """Return for each seed the mean over videos by measure; where there are domains also `map_<domain>`."""
        by_seed = []
        for values in self.values(row, reference):
            means = dict(zip((m.name for m in self.measures), mean_over(values, self.groups).tolist(), strict=True))
            if self.groups is not None:
                column, domains = self.measures.index(self.main), np.array(self.groups)
                means |= {f"map_{d}": float(values[domains == d, column].mean()) for d in sorted(set(self.groups))}
            by_seed.append(means)
        return by_seed

    def mean(self, row: int, measure: str | None = None) -> float:
        """Return the mean over seeds and videos of a measure, by default the main one."""
        return float(np.mean([means[measure or self.main.name] for means in self.means(row)]))

    def best(self, rows: Sequence[int], measure: str | None = None) -> int:
        """Return the row with the highest mean."""
        return max(rows, key=lambda row: self.mean(row, measure))

    def select(self, selector: Selector, *, besides: int | None = None, measure: str | None = None) -> list[int]:
        """Return the numbers of the rows that a check names.

        Args:
            selector: as `tables.yaml` says.
            besides: the compared row, which is left out.
            measure: measure that chooses the best baseline; None for the main one.

        Raises:
            UsageError: an unknown word.
        """
        baselines = [i for i, row in enumerate(self.rows) if row.baseline]
        chosen: dict[str, Callable[[], list[int]]] = {
            "first": lambda: [0],
            "last": lambda: [len(self.rows) - 1],
            "others": lambda: list(range(len(self.rows))),
            "baselines": lambda: baselines,
            "paper baselines": lambda: [i for i in baselines if self.rows[i].paper],
            "best baseline": lambda: [self.best(baselines, measure)] if baselines else [],
        }
        if isinstance(selector, str):
            if selector not in chosen:
                raise UsageError(f"'{selector}' selects no rows: use {', '.join(chosen)}, or values of rows.")
            rows = chosen[selector]()
        else:
            rows = [i for i, row in enumerate(self.rows) if _matches(row, selector)]
        return [i for i in rows if i != besides]

    def shown(self, row: int) -> str:
        """Return a row's label and mean of the main measure as text."""
        return f"{self.rows[row].label} {number(self.mean(row), self.main)}"

    def shown_difference(self, row: int, other: int) -> str:
        """Return a row's difference from another by the main measure, with its interval, as text."""
        mean = self.difference(row, other)[self.main.name].mean
        value, low, high = (number(x, self.main, sign="+") for x in (mean.value, mean.low, mean.high))
        return f"{value} ({low} … {high}) against {self.shown(other)}"


def _matches(row: TableRow, values: Mapping[str, object]) -> bool:
    at = {"label": row.label, **row.at}
    return all(at.get(key) in (value if isinstance(value, tuple) else (value,)) for key, value in values.items())


@dataclass(frozen=True, slots=True)
class ClaimStatus:
    """Whether the measurements on one data set support a claim.

    Attributes:
        status: by the main measure.
        numbers: the differences that the status rests on, as text.
        by_measure: the status by each measure.
    """

    status: Status
    numbers: str
    by_measure: Mapping[str, Status]


def check_claim(values: TableValues, checks: Sequence[CheckSpec]) -> ClaimStatus:
    """Check the differences that a claim needs, by every measure.

    The text names the best row of each group of more than three rows, and the best row of the table.
    """
    by_measure = {m.name: worst([_check(values, check, m.name) for check in checks]) for m in values.measures}
    texts: list[str] = []
    first = _one(values, checks[0])
    for check in checks:
        row, others, _ = _compared(values, check, values.main.name)
        text = _shown_differences(values, row, others)
        if text and text not in texts:
            texts.append(text if row == first else f"{values.shown(row)}: {text}")
    numbers = f"{values.shown(first)}: {'; '.join(texts) or 'nothing to compare'}"
    best = values.best(range(len(values.rows)))
    if best != first:
        numbers += f"; the best is {values.shown(best)}"
    return ClaimStatus(by_measure[values.main.name], numbers, by_measure)


def _one(values: TableValues, check: CheckSpec) -> int:
    rows = values.select(check.row)
    if not rows:
        raise UsageError(f"A check's row {check.row} is not in the table.")
    return rows[0]


def _shown_differences(values: TableValues, row: int, others: Sequence[int]) -> str:
    if len(others) <= 3:
        return "; ".join(values.shown_difference(row, other) for other in others)
    return f"{values.shown_difference(row, values.best(others))}, the best of {len(others)}"


def _compared(
    values: TableValues, check: CheckSpec, measure: str
) -> tuple[int, list[int], Callable[[Sequence[PairedDifference]], Status]]:
    """Return the row of a check, the rows to compare it with, and the test of their differences."""
    row = _one(values, check)
    for selector, test in (
        (check.ahead_of, ahead),
        (check.not_behind, not_behind),
        (check.no_worse_than, no_worse),
    ):
        if selector is not None:
            return row, values.select(selector, besides=row, measure=measure), test
    raise UsageError("A check needs ahead_of, not_behind or no_worse_than.")


def _check(values: TableValues, check: CheckSpec, measure: str) -> Status:
    row, others, test = _compared(values, check, measure)
    compared = [values.difference(row, other) for other in others]
    return test([difference[measure] for difference in compared if measure in difference])


def ahead(differences: Sequence[PairedDifference]) -> Status:
    """Confirmed if all intervals lie above 0, contrary if one lies below."""
    if any(difference.mean.high < 0 for difference in differences):
        return "contrary"
    return "confirmed" if differences and all(d.mean.low > 0 for d in differences) else "not confirmed"


def not_behind(differences: Sequence[PairedDifference]) -> Status:
    """Confirmed if all intervals lie above `-MARGIN`, contrary if one lies below 0."""
    if any(difference.mean.high < 0 for difference in differences):
        return "contrary"
    return "confirmed" if differences and all(d.mean.low > -MARGIN for d in differences) else "not confirmed"


def no_worse(differences: Sequence[PairedDifference]) -> Status:
    """Contrary if one interval lies below 0, otherwise confirmed."""
    return "contrary" if any(difference.mean.high < 0 for difference in differences) else "confirmed"


def worst(statuses: Sequence[Status]) -> Status:
    """Return the worst status: of a claim with several checks, or on several data sets."""
    order: tuple[Status, ...] = ("contrary", "not confirmed", "confirmed")
    return min(statuses, key=order.index, default="not confirmed")


def number(value: float, measure: Measure, *, sign: str = "") -> str:
    """Return a value as text: per cent, or four digits."""
    return f"{100 * value:{sign}.2f}" if measure.percent else f"{value:{sign}.4f}"
