"""Frozen values that describe a summary: the video, its importance scores, its shots and the chosen parts.

Times are seconds from the first displayed frame of the video. Intervals are half-open, [start, end), and their ends
are presentation times of frames, so two intervals that touch share a number.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from summdiff.errors import UsageError
from summdiff.transcript import Transcript

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MAX_TRANSITION = 10.0  # seconds
_SLOWEST_FPS = 10.0


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video file as a summary describes it.

    Attributes:
        path: absolute path of the file.
        duration: seconds from the first displayed frame to the end of the last one.
        fps: frame rate by the most common interval, frames per second.
        width, height: size of the stored picture in pixels, before rotation and before pixels are made square.
        rotation: degrees (0, 90, 180, 270) by which the stored picture is turned clockwise for display.
        has_audio: whether there is at least one audio stream.
    """

    path: str
    duration: float
    fps: float
    width: int
    height: int
    rotation: int
    has_audio: bool

    @property
    def cuts_per_second(self) -> float:
        """Places per second where the video may be cut: its frames, and any time within slower, still pictures."""
        return max(self.fps, _SLOWEST_FPS)


@dataclass(frozen=True, slots=True)
class Interval:
    """The part [start, end) of a video, in seconds."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot [start, end) of a video.

    Attributes:
        start, end: seconds.
        score: mean importance of its steps, in [0, 1].
        selected: whether the shot, or a part of it, is in the summary.
        probability: share of the samples whose own summary contains the shot, in [0, 1].
    """

    start: float
    end: float
    score: float
    selected: bool
    probability: float

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Scores:
    """Importance over time: three sequences of equal length N, one entry per step.

    Attributes:
        times: seconds at which each step was sampled from the video.
        mean: mean importance, in [0, 1].
        std: standard deviation of the importance curves: the model's own where it gives one, else that of the samples.
        blank: indices of the steps, ascending, that show nothing: one color, or color bars. They are chosen only where
            nothing else is left.
    """

    times: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    blank: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """The N + 1 places where chosen parts may start and end, and what the N steps between them show.

    With the scores this is all that choosing again needs.

    Attributes:
        edges: (N + 1,) seconds, ascending: the start of each step and the end of the last one.
        start_cost, end_cost: (N + 1,) costs of starting and of ending a part at each edge, in standard deviations of
            the scores × seconds.
        looks: N × K signed bytes, step by step. The product of two steps' K bytes, divided by 127², is about the cosine
            of their features, centered over the video.
    """

    edges: tuple[float, ...]
    start_cost: tuple[float, ...]
    end_cost: tuple[float, ...]
    looks: bytes


@dataclass(frozen=True, slots=True)
class CoarseCut:
    """A cut whose exact frame is not known yet; `summdiff.exact_cuts` finds it.

    Attributes:
        at: seconds where it is taken to be, an edge of a step or a shot.
        after, until: seconds, times of frames; the exact frame appears in (after, until].
    """

    at: float
    after: float
    until: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """A further good selection for the same video.

    Attributes:
        selection: the chosen parts, as in `Summary`.
        shots: indices of the shots that are chosen in whole or in part, from 0.
        expected: expected score relative to that of the summary, mostly below 1.
        overlap: seconds shared with the summary divided by seconds in either, in [0, 1].
    """

    selection: tuple[Interval, ...]
    shots: tuple[int, ...]
    expected: float
    overlap: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Scores, shots and chosen parts of one video.

    Attributes:
        video: the video.
        model: `id` of the model, its conditioning, the backbone and the version of summdiff.
        settings: the options that shaped the result, such as rate, samples, select, keep, drop and transition.
        budget: allowed share of the duration, in (0, 1].
        seed: seed of the sampling noise.
        scores: importance over time.
        shots: all shots, contiguous and in order.
        selection: the chosen parts, in order, merged where they touch unless `order` separates them; never empty. A
            part may cover a piece of a shot, or pieces of several; see `parts_of`.
        alternatives: further selections that differ from this one and from each other, see `Options.alternatives`.
        warnings: sentences for the user, such as the number of damaged frames that were skipped.
        timings: seconds spent in each stage; the only field that differs between two runs on the same input.
        places: where parts may start and end; None for a selection of whole shots.
        transcript: what is said in the video; None where that is unknown.
        coarse_cuts: cuts whose exact frame is not known, in order; none of them is used by the summary that a
            `Summarizer` returns.
    """

    video: VideoInfo
    model: dict[str, Any]
    settings: dict[str, Any]
    budget: float
    seed: int
    scores: Scores
    shots: tuple[Shot, ...]
    selection: tuple[Interval, ...]
    alternatives: tuple[Alternative, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    places: Places | None = None
    transcript: Transcript | None = None
    coarse_cuts: tuple[CoarseCut, ...] = ()

    @property
    def selected_duration(self) -> float:
        """Duration of the summary in seconds."""
        return math.fsum(part.duration for part in self.selection)

    @property
    def transition(self) -> float:
        """Seconds for which successive parts dissolve into each other where they are written; 0 for cuts."""
        return float(self.settings.get("transition", 0.0))

    @property
    def order(self) -> tuple[int, ...]:
        """Positions of the chosen parts in the order in which they are written; () for that of the film."""
        return tuple(self.settings.get("order", ()))

    def parts_of(self, shot: Shot) -> tuple[Interval, ...]:
        """Return what is chosen of a shot: the parts of the selection inside it, in order."""
        return inside(self.selection, shot.start, shot.end)

    def alternative(self, number: int) -> Self:
        """Return the summary with an alternative (counted from 0) as its selection; the rest stays.

        Raises:
            UsageError: there is no such alternative.
        """
        if not 0 <= number < len(self.alternatives):
            raise UsageError(
                f"Alternative {number} does not exist: there are {len(self.alternatives)}, counted from 0."
            )
        other = self.alternatives[number]
        shots = tuple(replace(shot, selected=i in other.shots) for i, shot in enumerate(self.shots))
        return replace(self, shots=shots, selection=other.selection, alternatives=())

    def to_json(self, *, indent: int | None = 1) -> str:
        """Return the summary as JSON text; short-cut to `summdiff.summary_json.to_json`."""
        from summdiff.summary_json import to_json

        return to_json(self, indent=indent)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Summary:
        """Read a summary from JSON text or a file; short-cut to `summdiff.summary_json.from_json`."""
        from summdiff.summary_json import from_json

        return from_json(source)

    def save(
        self,
        directory: str | os.PathLike[str],
        *,
        formats: Sequence[str] = ("mp4", "json"),
        name: str | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the summary into a folder and return the paths; short-cut to `summdiff.export.save`."""
        from summdiff.export import save

        return save(self, directory, formats=formats, name=name, overwrite=overwrite)

    def plot(self) -> Figure:
        """Draw the importance curve as a matplotlib figure; short-cut to `summdiff.export.plot`."""
        from summdiff.export import plot

        return plot(self)


def clock(seconds: float | Fraction, *, tenths: bool = False) -> str:
    """Return seconds as m:ss, or h:mm:ss from an hour on, with tenths of a second if asked for.

    What is left of the last digit is cut off, as video players do, after rounding to the millisecond.
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    tail = f".{milliseconds // 100}" if tenths else ""
    return f"{hours}:{minutes:02d}:{rest:02d}{tail}" if hours else f"{minutes}:{rest:02d}{tail}"


def merge(parts: Iterable[Interval], *, tolerance: float = 1e-6) -> tuple[Interval, ...]:
    """Sort intervals and join those that overlap or are at most `tolerance` seconds apart."""
    merged: list[Interval] = []
    for part in sorted(parts, key=lambda part: (part.start, part.end)):
        if merged and part.start <= merged[-1].end + tolerance:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, part.end))
        else:
            merged.append(part)
    return tuple(merged)


def inside(parts: Iterable[Interval], start: float, end: float, *, tolerance: float = 1e-3) -> tuple[Interval, ...]:
    """Return what of these parts lies in [start, end), without pieces of at most `tolerance` seconds."""
    clipped = (Interval(max(part.start, start), min(part.end, end)) for part in parts)
    return tuple(part for part in clipped if part.duration > tolerance)
