"""The values that travel between deciding and writing: what is in a video, and which parts of it were chosen.

Times are seconds from the first displayed frame of the video. Intervals are half-open, [start, end), and their ends
are presentation times of frames, so two intervals that touch share a number.
"""

from __future__ import annotations

import json
import math
import os
import re
import reprlib
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
            document = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:  # besides errors of form, numbers of thousands of digits
            raise DataError(f"{name} is not valid JSON: {error}.") from error
        found = document.get("schema") if isinstance(document, dict) else None
        if found != SCHEMA:
            raise DataError(f"{name} is not a summary: its schema is {_short(found)}, expected '{SCHEMA}'.")
        try:
            return cls._from_document(document)
        except KeyError as error:
            raise DataError(f"{name} is not a complete summary of schema '{SCHEMA}': {error} is missing.") from error
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} is not a complete summary of schema '{SCHEMA}': {error}.") from error

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        """A summary from what its JSON holds.

        Raises:
            KeyError, TypeError, ValueError: something is missing, of another type, or out of its range.
        """
        video, scores = _object(document["video"], "video"), _object(document["scores"], "scores")
        rotation = _whole(video["rotation"], "rotation")
        curves = {key: tuple(_number(x, key) for x in _list(scores[key], key)) for key in ("times", "mean", "std")}
        if len({len(curve) for curve in curves.values()}) > 1:
            raise ValueError("times, mean and std differ in length")
        if rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation is {rotation}, not 0, 90, 180 or 270")
        summary = cls(
            video=VideoInfo(
                path=_text(video["path"], "path"),
                duration=_number(video["duration"], "duration", above=0.0),
                fps=_number(video["fps"], "fps", above=0.0),
                width=_whole(video["width"], "width"),
                height=_whole(video["height"], "height"),
                rotation=rotation,
                has_audio=_flag(video["has_audio"], "has_audio"),
            ),
            model=_object(document["model"], "model"),
            settings=_object(document["settings"], "settings"),
            budget=_number(document["budget"], "budget", above=0.0),
            seed=_whole(document["seed"], "seed"),
            scores=Scores(**curves),
            shots=tuple(
                Shot(
                    *_ends(shot, "a shot"),
                    score=_number(shot["score"], "score"),
                    selected=_flag(shot["selected"], "selected"),
                    probability=_number(shot["probability"], "probability"),
                )
                for shot in _list(document["shots"], "shots")
            ),
            selection=_intervals(document["selection"], "selection"),
            alternatives=tuple(
                Alternative(
                    selection=_intervals(_object(other, "an alternative")["selection"], "selection"),
                    shots=tuple(_whole(number, "shots") for number in _list(other["shots"], "shots")),
                    expected=_number(other["expected"], "expected"),
                    overlap=_number(other["overlap"], "overlap"),
                )
                for other in _list(document["alternatives"], "alternatives")
            ),
            warnings=tuple(_text(said, "warnings") for said in _list(document["warnings"], "warnings")),
            timings={key: _number(value, "timings") for key, value in _object(document["timings"], "timings").items()},
        )
        _check_finite({"model": summary.model, "settings": summary.settings})
        return summary

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
        """Draw the importance curve with its band over samples, and the chosen parts, as a matplotlib figure.

        Raises:
            UsageError: matplotlib is missing.
        """
        from summdiff.export import check_formats
        from summdiff.export.png import plot

        check_formats(["png"])

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


def _short(value: Any) -> str:
    """A value as it is shown in a sentence."""
    return reprlib.repr(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _number(value: Any, name: str, *, above: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} holds {_short(value)}, which is no number")
    # Times up to a billion years, and sums of them, are far from where floats end.
    if not (abs(value) < 1e18 and value > above):
        raise ValueError(f"{name} is {_short(value)}, out of range")
    return float(value)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError(f"{name} holds {_short(value)}, which is no whole number from 0")
    return value


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} holds {_short(value)}, which is neither true nor false")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} holds {_short(value)}, which is no text")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} holds {_short(value)}, which is no list")
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} holds {_short(value)}, which is no object")
    return value


def _ends(value: Any, name: str) -> tuple[float, float]:
    """Start and end of a part of a video."""
    part = _object(value, name)
    start, end = _number(part["start"], "start"), _number(part["end"], "end")
    if not (0 <= start < end or (0 <= start == end and name == "a shot")):  # one below a microsecond, rounded
        raise ValueError(f"{name} goes from {start:g} s to {end:g} s")
    return start, end


def _intervals(value: Any, name: str) -> tuple[Interval, ...]:
    parts = tuple(Interval(*_ends(part, f"a part of {name}")) for part in _list(value, name))
    if not parts:
        raise ValueError(f"{name} is empty")
    return parts


def _check_finite(value: Any) -> None:
    """Raise ValueError where a number within is infinite, which JSON has no word for."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is out of range")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_finite(item)


def _tidy(value: Any) -> Any:
    """Round floats to the microsecond (or 1e-6 of a score), so that JSON stays readable and stable."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(item) for item in value]
    return value
