"""The measures of each data set: the columns of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from summdiff.data.video import DatasetKind


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of a result.

    Attributes:
        name: key in results.
        label: heading in tables.
        percent: whether tables show it times 100, as the literature does; results hold values from 0 to 1.
        about: definition in one line.
    """

    name: str
    label: str
    percent: bool
    about: str


_F1 = "F1 of the knapsack summary with each annotator's"

_MAP = "mean average precision of 5-second shots, positives the top {} by gtscore"

_MEASURES: Mapping[DatasetKind, tuple[Measure, ...]] = {
    "tvsum": (
        Measure("f1", "F1", True, f"{_F1}, mean over annotators"),
        Measure("tau", "tau", False, "Kendall's tau-b of the scores with each annotator's, mean over annotators"),
        Measure("rho", "rho", False, "Spearman's rho of the scores with each annotator's, mean over annotators"),
        Measure("map50", "MAP50", True, _MAP.format("50%")),
        Measure("map15", "MAP15", True, _MAP.format("15%")),
    ),
    "summe": (
        Measure("f1", "F1", True, f"{_F1}, largest over annotators"),
        Measure("f1_mean", "F1 mean", True, f"{_F1}, mean over annotators"),
        Measure("tau_a", "tau A", False, "protocol A: tau-b of the binary summary with each annotator's, mean"),
        Measure("rho_a", "rho A", False, "protocol A with Spearman's rho, the same for binary summaries"),
        Measure("tau_b", "tau B", False, "protocol B: tau-b of the binary summary with the mean of the annotators'"),
        Measure("rho_b", "rho B", False, "protocol B with Spearman's rho"),
    ),
    "mr_hisum": (
        Measure("f1", "F1", True, "F1 of the knapsack summary with gt_summary"),
        Measure("map50", "MAP50", True, _MAP.format("50%")),
        Measure("map15", "MAP15", True, _MAP.format("15%")),
        Measure("tau", "tau", False, "Kendall's tau-b of the scores with gtscore"),
        Measure("rho", "rho", False, "Spearman's rho of the scores with gtscore"),
    ),
    "youtube_highlights": (
        Measure("map", "mAP", True, "average precision of the clips with match = 1, mean over a domain, then domains"),
        Measure("map_trapezoid", "mAP trap.", True, "the same by the trapezoidal rule of highlight-detection code"),
    ),
}

KNAPSACK_AWARE = (
    Measure("wse", "WSE", False, "frames times harmful error of the segments' values, summed"),
    Measure("cis", "CIS", False, "harmful errors minus the loss of the most costly decision that they could reverse"),
    Measure("wir", "WIR", True, "share of frames in segments whose error cannot change the best selection"),
    Measure("ir", "IR", True, "share of segments whose error cannot change the best selection"),
)

F1Over = Literal["mean", "max"]

F1_OVER: Mapping[DatasetKind, F1Over] = {"tvsum": "mean", "summe": "max"}
"""Whether F1 is the mean or the largest over annotators, for data sets with several."""


def measures_of(kind: DatasetKind, f1_over: F1Over | None = None) -> tuple[Measure, ...]:
    """Return the measures of a data set, in the order of its columns; `f1_over` if F1 is not by its usual protocol."""
    if f1_over is None:
        return _MEASURES[kind]
    f1 = Measure("f1", "F1", True, f"{_F1}, {'largest' if f1_over == 'max' else 'mean'} over annotators")
    return (f1, *(measure for measure in _MEASURES[kind] if measure.name != "f1"))


MAIN_MEASURE: Mapping[DatasetKind, str] = {
    "tvsum": "tau",
    "summe": "tau",
    "mr_hisum": "tau",
    "youtube_highlights": "map",
}
"""The measure of `judge_steps_of` that training validates by."""
