"""The contract of a method of selection."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class SelectionMethod(Protocol):
    """Chooses the parts of one video, under one budget and its constraints, for any scores."""

    def choose(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the chosen parts (P, 2) in seconds, in order, for scores (N,) of the steps. P is at least 1."""

    def worth(self, parts: NDArray[np.float64], scores: ArrayLike) -> float:
        """Return the total value of parts (P, 2) under scores (N,)."""

    def coarse(self) -> SelectionMethod:
        """Return a faster method for the same problem, a little less exact and still within the budget."""
