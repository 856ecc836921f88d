"""The values that travel between deciding and writing: what is in a video, and which parts of it were chosen.

Times are seconds from the first displayed frame of the video. Intervals are half-open, [start, end), and their ends
are presentation times of frames, so two intervals that touch share a number.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from summdiff.errors import DataError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "summdiff.summary/1"
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video is, as far as a summary of it needs to know.

    Attributes:
        path: absolute path of the file.
        duration: seconds from the first displayed frame to the end of the last one.
        fps: average frame rate, frames per second.
        width, height: size of the stored picture in pixels, before rotation and before pixels are made square.
        rotation: degrees (0, 90, 180, 270) by which the stored picture is turned clockwise for display.
        has_audio: whether there is at least one sound stream.
    """

    path: str
    duration: float
    fps: float
    width: int
    height: int
    rotation: int
    has_audio: bool


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
    """One shot: [start, end) in seconds.

    Attributes:
        start, end: seconds.
        score: mean importance of its steps, in [0, 1].
        selected: whether it, or a part of it, is in the summary.
        probability: share of the drawn samples in whose own summary it is, in [0, 1]: how likely somebody is to choose
            it.
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
    """Importance over time: three sequences of the same length N, one entry a step.

    Attributes:
        times: seconds at which each step was looked at.
        mean: mean importance over the drawn samples, in [0, 1].
        std: standard deviation of samples, as the model foresees it or else over those drawn; 0 where one was drawn.
    """

    times: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another good selection for the same video.

    Attributes:
        selection: the chosen parts, as in `Summary`.
        shots: numbers of the shots that are in it, or of which a part is, from 0.
        expected: its expected score relative to that of the summary, mostly below 1.
        overlap: seconds that it shares with the summary, relative to those in either, in [0, 1].
    """

    selection: tuple[Interval, ...]
    shots: tuple[int, ...]
    expected: float
    overlap: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What was decided about one video: its scores, its shots and the parts that make the summary.

    Attributes:
        video: the video.
        model: `id` of the model and what else says where the scores come from (backbone, conditioning).
        settings: the options that shaped the result (rate, samples, steps, value, shot lengths, wishes).
        budget: allowed share of the duration, in (0, 1].
        seed: seed of the sampling noise.
        scores: importance over time.
        shots: all shots, contiguous and in order.
        selection: the chosen parts, merged where they touch, in order. Never empty. Usually whole shots; a part of
            one where no whole shot fits the budget.
        alternatives: further selections that differ from it and each other, see `Options.alternatives`.
        warnings: one sentence each for what a user should know, such as damaged frames that were skipped.
        timings: seconds spent in each stage. The only field that differs between two runs of the same thing.
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

    @property
    def selected_duration(self) -> float:
        """Seconds that the summary lasts."""
        return math.fsum(part.duration for part in self.selection)

    def alternative(self, number: int) -> Self:
        """The summary that an alternative makes, number from 0: the same video, scores and shots, another selection.

        Raises:
            UsageError: there is no such alternative.
        """
        if not 0 <= number < len(self.alternatives):
            raise UsageError(f"There are {len(self.alternatives)} alternatives, none with number {number}.")
        other = self.alternatives[number]
        shots = tuple(replace(shot, selected=i in other.shots) for i, shot in enumerate(self.shots))
        return replace(self, shots=shots, selection=other.selection, alternatives=())

    def to_json(self, *, indent: int | None = 1) -> str:
        """The summary as JSON text of the schema `summdiff.summary/1` (docs/summary.schema.json)."""
        document = {
            "schema": SCHEMA,
            "video": asdict(self.video),
            "model": self.model,
            "settings": self.settings,
            "budget": self.budget,
            "seed": self.seed,
            "scores": asdict(self.scores),
            "shots": [asdict(shot) for shot in self.shots],
            "selection": [asdict(part) for part in self.selection],
            "selected_duration": _tidy(self.selected_duration),
            "alternatives": [asdict(other) for other in self.alternatives],
            "warnings": list(self.warnings),
            "timings": self.timings,
        }
        text = json.dumps(_tidy(document), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
        # Bytes of a file name that are no UTF-8 stand as halves of surrogate pairs, which only escapes can write.
        return _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Self:
        """Read a summary back from JSON text or from a file.

        Args:
            source: the path of a `.summary.json` file, or the JSON text itself (a string that starts with "{").

        Raises:
            DataError: the file cannot be read, or the text is not a summary of this schema.
        """
        if isinstance(source, str) and source.lstrip().startswith("{"):
            text, name = source, "the JSON text"
        else:
            name = f"'{os.fspath(source)}'"
            try:
                text = Path(source).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{name} cannot be read as a summary: {error}.") from error
        try:
            document = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{name} is not valid JSON: {error}.") from error
        found = document.get("schema") if isinstance(document, dict) else None
        if found != SCHEMA:
            raise DataError(f"{name} is not a summary: its schema is {found!r}, expected '{SCHEMA}'.")
        try:
            return cls(
                video=VideoInfo(**document["video"]),
                model=dict(document["model"]),
                settings=dict(document["settings"]),
                budget=float(document["budget"]),
                seed=int(document["seed"]),
                scores=Scores(**{key: tuple(map(float, row)) for key, row in document["scores"].items()}),
                shots=tuple(Shot(**shot) for shot in document["shots"]),
                selection=tuple(Interval(**part) for part in document["selection"]),
                alternatives=tuple(
                    Alternative(
                        selection=tuple(Interval(**part) for part in other["selection"]),
                        shots=tuple(map(int, other["shots"])),
                        expected=float(other["expected"]),
                        overlap=float(other["overlap"]),
                    )
                    for other in document["alternatives"]
                ),
                warnings=tuple(map(str, document["warnings"])),
                timings=dict(document["timings"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{name} is not a complete summary of schema '{SCHEMA}': {error}.") from error

    def save(
        self,
        directory: str | os.PathLike[str],
        *,
        formats: Sequence[str] = ("mp4", "json"),
        name: str | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the summary into a folder, one or two files a format, and return their paths.

        See `summdiff.export.save`; this is a short-cut to it.
        """
        from summdiff.export import save

        return save(self, directory, formats=formats, name=name, overwrite=overwrite)

    def plot(self) -> Figure:
        """The importance curve with its band over samples, and the chosen parts, as a matplotlib figure."""
        from summdiff.export.png import plot

        return plot(self)


def merge(parts: Iterable[Interval], *, tolerance: float = 1e-6) -> tuple[Interval, ...]:
    """Sort intervals and join those that touch or overlap, up to `tolerance` seconds."""
    merged: list[Interval] = []
    for part in sorted(parts, key=lambda part: (part.start, part.end)):
        if merged and part.start <= merged[-1].end + tolerance:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, part.end))
        else:
            merged.append(part)
    return tuple(merged)


def _tidy(value: Any) -> Any:
    """Round floats to the microsecond (or 1e-6 of a score), so that JSON stays readable and stable."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(item) for item in value]
    return value
