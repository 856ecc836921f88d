"""Choosing the parts of a video under a time budget.

One file per method (`method` has their contract), and what the methods share:

- `intervals`: intervals wherever they are worth most, and nothing twice; the default.
- `priced_intervals`: the exact dynamic program behind it, and its search for the budget.
- `shot_knapsack`: whole shots, chosen as a 0/1 knapsack, as in the literature.
- `knapsack`: the knapsack itself, also for many problems at once, as evaluation needs it.
- `places`: where a part may start and end, and what a cut there costs.
- `constraints`: shots or steps divided where the user wants something kept or dropped.
- `alternatives`: further good selections.
"""

from summdiff.selection.alternatives import AlternativeChoice, alternatives, overlap
from summdiff.selection.constraints import apply_constraints
from summdiff.selection.intervals import IntervalSelection, IntervalSettings, descriptors
from summdiff.selection.knapsack import knapsack
from summdiff.selection.method import SelectionMethod
from summdiff.selection.places import (
    INSIDE_SENTENCE,
    CutPlaces,
    avoid_transitions,
    cut_places,
    move_to_transitions,
    step_edges,
)
from summdiff.selection.shot_knapsack import ShotKnapsack, ShotValue, best_window, mean_scores

__all__ = [
    "INSIDE_SENTENCE",
    "AlternativeChoice",
    "CutPlaces",
    "IntervalSelection",
    "IntervalSettings",
    "SelectionMethod",
    "ShotKnapsack",
    "ShotValue",
    "alternatives",
    "apply_constraints",
    "avoid_transitions",
    "best_window",
    "cut_places",
    "descriptors",
    "knapsack",
    "mean_scores",
    "move_to_transitions",
    "overlap",
    "step_edges",
]
