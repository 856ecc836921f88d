"""Choosing the parts of a video under a time budget.

One file per method; each method has the interface of `ShotKnapsack`: `choose`, `worth`, `probability` and `coarse`.

- `shot_knapsack`: whole shots, chosen as a 0/1 knapsack.
- `knapsack`: the knapsack itself, also for many problems at once, as evaluation needs it.
- `constraints`: shots divided where the user wants something kept or dropped.
- `alternatives`: further good selections.
- `places`: where a part may start and end, and what a cut there costs.
"""

from summdiff.selection.alternatives import AlternativeChoice, alternatives, overlap
from summdiff.selection.knapsack import knapsack
from summdiff.selection.places import CutPlaces, cut_places
from summdiff.selection.shot_knapsack import Choice, ShotKnapsack, ShotValue, best_window

__all__ = [
    "AlternativeChoice",
    "Choice",
    "CutPlaces",
    "ShotKnapsack",
    "ShotValue",
    "alternatives",
    "best_window",
    "cut_places",
    "knapsack",
    "overlap",
]
