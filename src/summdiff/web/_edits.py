"""Decisions of a person about the summary of a video, with undo and redo."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field

from summdiff.options import MovieOptions
from summdiff.reselection import reselect, with_parts
from summdiff.summary import Interval, Summary, merge

Span = Annotated[tuple[float, float], Field(description="[start, end) in seconds")]
ALTERNATIVES = 3
_MAX_SPANS = 2000
_MAX_STEPS = 200  # of undo
_ROUNDING_SECONDS = 0.05  # by which a part may grow where it is moved to frames


class Request(BaseModel):
    """The body of a request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Constraints(Request):
    """A budget, and the parts that must be in the summary or must not be.

    The parts to keep may take more than the budget: then the summary consists of them.
    """

    budget: float = Field(gt=0, le=1, description="largest share of the duration")
    keep: list[Span] = Field(default=[], max_length=_MAX_SPANS)
    drop: list[Span] = Field(default=[], max_length=_MAX_SPANS)

    def intervals(self) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        """Return the parts to keep and the parts to drop."""
        return tuple(Interval(*span) for span in self.keep), tuple(Interval(*span) for span in self.drop)


class Decisions(Constraints):
    """Everything that decides which parts of a video are in its summary, and how they are written."""

    version: int = Field(ge=0, description="position of the version whose scores are used")
    alternative: int | None = Field(
        default=None, ge=0, description="position of an alternative under this budget and these constraints"
    )
    parts: list[Span] | None = Field(
        default=None, min_length=1, max_length=_MAX_SPANS, description="parts cut by hand, which replace the selection"
    )

    quality: Literal["small", "normal", "high"] = "normal"
    frame: Literal["film", "16:9", "1:1", "9:16"] = "film"
    captions: bool = Field(default=False, description="draw what is said into the pictures")
    crop: tuple[float, float] = Field(default=(0.5, 0.5), description="where the window of `frame` is, 0 to 1 each")

    def apply(self, summary: Summary, samples: ArrayLike | None) -> Summary:
        """Return the summary of a version under these decisions.

        An alternative that does not exist under this budget gives the best selection.

        Args:
            summary: of the version.
            samples: (M, N) curves of the version, or None.

        Raises:
            UsageError: everything is left out, a part lies outside the video, or a value is out of range.
        """
        selected = self._selected(summary, samples)
        written = self.model_dump(include={"quality", "frame", "crop", "captions"}, mode="json")
        settings = {**selected.settings, **written}
        MovieOptions.of(settings)  # checks them
        return replace(selected, settings=settings)

    def _selected(self, summary: Summary, samples: ArrayLike | None) -> Summary:
        if self.parts is not None:
            return with_parts(summary, [Interval(*span) for span in self.parts])
        chosen = self.choose(summary, samples, alternatives=0 if self.alternative is None else ALTERNATIVES)
        if self.alternative is not None and self.alternative < len(chosen.alternatives):
            return chosen.alternative(self.alternative)
        return chosen

    def choose(self, summary: Summary, samples: ArrayLike | None, *, alternatives: int) -> Summary:
        """Return the best selection under these constraints, with alternatives; raises as `apply`."""
        keep, drop = self.intervals()
        kept = sum(part.duration for part in merge(keep))
        least = (kept + _ROUNDING_SECONDS * len(keep)) / summary.video.duration if keep else 0.0
        budget = min(1.0, max(self.budget, least))
        return reselect(summary, budget=budget, keep=keep, drop=drop, samples=samples, alternatives=alternatives)


@dataclass
class EditHistory:
    """Decisions about one video, step by step.

    Attributes:
        past, future: what undo and redo return to; the nearest is last in `past` and first in `future`.
        present: None before the first decision.
    """

    past: list[Decisions] = field(default_factory=list)
    present: Decisions | None = None
    future: list[Decisions] = field(default_factory=list)

    def change(self, decisions: Decisions) -> None:
        """Decide anew; what was undone is forgotten."""
        if decisions == self.present:
            return
        if self.present is not None:
            self.past = [*self.past, self.present][-_MAX_STEPS:]
        self.present, self.future = decisions, []

    def undo(self) -> None:
        """Return to the decisions before, if there are any."""
        if self.past and self.present is not None:
            self.future = [self.present, *self.future]
            self.present = self.past.pop()

    def redo(self) -> None:
        """Return to what was undone last, if anything."""
        if self.future and self.present is not None:
            self.past.append(self.present)
            self.present = self.future.pop(0)
