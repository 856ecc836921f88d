"""What a user can ask of a summary, with its defaults and limits: one place for the API, the commands and the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypedDict

from summdiff.errors import UsageError

DEFAULT_MODEL = "default"
DEFAULT_BACKBONE = "efficientnet_lite0"


class OptionValues(TypedDict, total=False):
    """The fields of `Options` as keyword arguments."""

    budget: float
    duration: float | None
    samples: int
    steps: int
    seed: int
    value: Literal["sum", "mean"]
    min_shot: float
    max_shot: float


@dataclass(frozen=True)
class Options:
    """What is asked of a summary.

    Attributes:
        budget: largest share of the video's duration that the summary may last, in (0, 1].
        duration: the same in seconds; takes the place of `budget` where it is given.
        samples: importance curves drawn from the model, at least 1; their mean decides, their spread is kept.
        steps: denoising steps of each sample, at least 1.
        seed: of the sampling noise, 0 to 2**63 - 1.
        value: what a shot is worth to the knapsack: "sum", importance times seconds, or "mean", importance, as in the
            literature, which prefers many short shots.
        min_shot: seconds that a shot lasts at least.
        max_shot: seconds that a shot lasts at most.

    Raises:
        UsageError: a value is out of its range.
    """

    budget: float = 0.15
    duration: float | None = None
    samples: int = 8
    steps: int = 10
    seed: int = 0
    value: Literal["sum", "mean"] = "sum"
    min_shot: float = 2.0
    max_shot: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.budget <= 1:
            raise UsageError(
                f"The budget is a share of the video and must be above 0 and at most 1, not {self.budget:g}."
            )
        if self.duration is not None and not 0 < self.duration < math.inf:
            raise UsageError(f"The duration must be more than 0 seconds, not {self.duration:g}.")
        if not 1 <= self.samples <= 1000:
            raise UsageError(f"The number of samples must be between 1 and 1000, not {self.samples}.")
        if not 1 <= self.steps <= 1000:
            raise UsageError(f"The number of denoising steps must be between 1 and 1000, not {self.steps}.")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"The seed must be between 0 and 2**63 - 1, not {self.seed}.")
        if self.value not in ("sum", "mean"):
            raise UsageError(f"The value of a shot must be 'sum' or 'mean', not '{self.value}'.")
        if not 0 <= self.min_shot <= self.max_shot < math.inf or self.max_shot == 0:
            raise UsageError(
                "Shot lengths need 0 <= shortest <= longest and longest > 0, "
                f"not {self.min_shot:g} and {self.max_shot:g} seconds."
            )

    def seconds(self, duration: float) -> float:
        """Seconds that the summary of a video of `duration` seconds may last."""
        return self.budget * duration if self.duration is None else min(self.duration, duration)
