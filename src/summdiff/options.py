"""The options of a summary, with their defaults and limits, for the Python interface, the commands and the studio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal, Self, TypedDict

from summdiff.errors import UsageError
from summdiff.summary import MAX_TRANSITION, Interval, merge

DEFAULT_MODEL = "default"
DEFAULT_BACKBONE = "efficientnet_lite0"
DEFAULT_SHARE, SHORTEST_DEFAULT, LONGEST_DEFAULT = (
    0.15,
    5.0,
    180.0,
)  # the length where none is asked for; two in seconds

_FRAME_SECONDS = 0.05  # tolerance for constraints, since the frame rate is not known yet


Select = Literal["intervals", "shots"]
Decoding = Literal["normal", "exact", "fast"]
Hwaccel = Literal["off", "auto"]
Quality = Literal["small", "normal", "high"]
_QUALITIES = ("small", "normal", "high")
FrameShape = Literal["film", "16:9", "1:1", "9:16"]
FRAME_SHAPES = {"16:9": Fraction(16, 9), "1:1": Fraction(1), "9:16": Fraction(9, 16)}  # width divided by height
_SMALLEST_FILE = 10_000  # bytes


class OptionValues(TypedDict, total=False):
    """The fields of `Options` as keyword arguments."""

    budget: float | None
    duration: float | None
    select: Select
    samples: int
    steps: int
    seed: int
    value: Literal["sum", "mean"]
    min_shot: float
    max_shot: float
    keep: tuple[Interval, ...]
    drop: tuple[Interval, ...]
    alternatives: int
    loss: float
    sound: bool
    transition: float
    speech: str
    transcript: str | None
    about: tuple[str, ...]
    about_model: str | None
    quality: Quality | int
    max_size: int | None
    keep_interlaced: bool
    keep_location: bool
    frame: FrameShape
    crop: tuple[float, float]
    captions: bool


@dataclass(frozen=True, kw_only=True)
class MovieOptions:
    """Quality, size, shape and metadata of the short video.

    Attributes:
        quality: "normal" looks like the source and takes at most its bytes per second; "small" looks a little worse and
            takes fewer; "high" is not limited. Or a constant rate factor of H.264, 0 (best) to 51.
        max_size: largest size of the file in bytes; None for no limit.
        keep_interlaced: write interlaced pictures as they are, for editors, instead of deinterlacing them.
        keep_location: keep where the video was filmed, which is left out otherwise.
        frame: shape of the picture: "film", as it was filmed, or "16:9", "1:1" or "9:16", the largest window of that
            shape.
        crop: where the window is: 0 at the left, 1 at the right; 0 at the top, 1 at the bottom.
        captions: draw what is said into the pictures, from the subtitles or the transcript.

    Raises:
        UsageError: a value is out of range.
    """

    quality: Quality | int = "normal"
    max_size: int | None = None
    keep_interlaced: bool = False
    keep_location: bool = False
    frame: FrameShape = "film"
    crop: tuple[float, float] = (0.5, 0.5)
    captions: bool = False

    def __post_init__(self) -> None:
        if self.frame != "film" and self.frame not in FRAME_SHAPES:
            raise UsageError(f"The frame is film, {', '.join(FRAME_SHAPES)}, not {self.frame!r}.")
        object.__setattr__(self, "crop", _position(self.crop))  # the dataclass is frozen
        number = isinstance(self.quality, int) and not isinstance(self.quality, bool) and 0 <= self.quality <= 51
        if self.quality not in _QUALITIES and not number:
            raise UsageError(f"The quality is small, normal, high, or a number from 0 to 51, not {self.quality!r}.")
        if self.max_size is not None and not (isinstance(self.max_size, int) and self.max_size >= _SMALLEST_FILE):
            raise UsageError(f"The largest size of the file must be at least 10000 bytes, not {self.max_size!r}.")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the options in the settings of a summary, see `Summary.settings`.

        Raises:
            UsageError: a value is out of range.
        """
        return cls(**{field.name: settings[field.name] for field in fields(MovieOptions) if field.name in settings})

    def movie_settings(self) -> dict[str, Any]:
        """Return the options as they stand in `Summary.settings`."""
        return {field.name: getattr(self, field.name) for field in fields(MovieOptions)}


@dataclass(frozen=True)
class Options(MovieOptions):
    """Options of one summary, and how it is written, see `MovieOptions`.

    Attributes:
        budget: largest share of the video's duration that the summary may last, in (0, 1]. None, with no `duration`
            either, means 15%, but at least 5 seconds and at most 3 minutes.
        duration: the same in seconds; takes the place of `budget` where it is given.
        select: what is chosen: "intervals", the best moments, wherever a cut is natural, and nothing twice; or "shots",
            whole shots as in the literature, whose edges neither pauses nor sentences move.
        samples: importance curves drawn from the model, 1 to 1000. They give probabilities and alternatives, and decide
            by their mean where the model has no mean curve of its own.
        steps: denoising steps of each sample, 1 to 1000.
        seed: seed of the sampling noise, 0 to 2**63 - 1.
        value: value of a shot, for "shots": "sum", importance times seconds, or "mean", importance, as in the
            literature, which prefers many short shots.
        min_shot: shortest shot in seconds.
        max_shot: longest shot in seconds.
        keep: parts that must be in the summary, in seconds, as intervals or pairs of numbers; an end of infinity means
            the end of the video. The model conditions the rest of the curve on them.
        drop: parts that must not be in the summary, likewise.
        alternatives: largest number of `Summary.alternatives`, 0 to 100.
        loss: share of the best summary's expected score that each alternative may lose, in [0, 1).
        sound: listen to the video, and cut in pauses of speech.
        transition: seconds for which successive parts of the written video dissolve into each other, 0 to 10; 0 cuts.
        speech: where the words come from: "auto", the video's subtitles, a text file beside it, or recognition where
            an engine is installed; "off", nowhere; or the name of an engine such as "moonshine".
        transcript: path of a file of subtitles with the words; takes the place of `speech`.
        about: what is asked for, in words; moments whose sentences match come first.
        about_model: folder of a CLIP model in ONNX, with which pictures are matched as well.

    Raises:
        UsageError: a value is out of range.
    """

    budget: float | None = None
    duration: float | None = None
    select: Select = "intervals"
    samples: int = 16
    steps: int = 10
    seed: int = 0
    value: Literal["sum", "mean"] = "sum"
    min_shot: float = 2.0
    max_shot: float = 30.0
    keep: tuple[Interval, ...] = ()
    drop: tuple[Interval, ...] = ()
    alternatives: int = 0
    loss: float = 0.1
    sound: bool = True
    transition: float = 0.0
    speech: str = "auto"
    transcript: str | None = None
    about: tuple[str, ...] = ()
    about_model: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is not None and not 0 < self.budget <= 1:
            raise UsageError(f"The budget is a share of the video, above 0 and at most 1, not {self.budget:g}.")
        if self.duration is not None and not 0 < self.duration < math.inf:
            raise UsageError(f"The duration must be more than 0 seconds, not {self.duration:g}.")
        if self.select not in ("intervals", "shots"):
            raise UsageError(f"What is selected must be 'intervals' or 'shots', not '{self.select}'.")
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
        for name in ("keep", "drop"):
            parts = tuple(_interval(part, name) for part in getattr(self, name))
            object.__setattr__(self, name, parts)  # the dataclass is frozen
            for part in parts:
                if not 0 <= part.start < part.end:
                    raise UsageError(
                        f"A part to {name} needs 0 <= start < end, not {part.start:g} s to {part.end:g} s."
                    )
        for kept in self.keep:
            for dropped in self.drop:
                both = Interval(max(kept.start, dropped.start), min(kept.end, dropped.end))
                if both.duration > _FRAME_SECONDS:
                    raise UsageError(f"{both.start:g} s to {both.end:g} s is both kept and dropped: choose one.")
        if not 0 <= self.alternatives <= 100:
            raise UsageError(f"The number of alternatives must be between 0 and 100, not {self.alternatives}.")
        if not 0 <= self.loss < 1:
            raise UsageError(f"The loss of an alternative must be at least 0 and below 1, not {self.loss:g}.")
        if not 0 <= self.transition <= MAX_TRANSITION:
            raise UsageError(f"A transition lasts 0 to {MAX_TRANSITION:g} s, not {self.transition:g} s.")
        about = (self.about,) if isinstance(self.about, str) else tuple(self.about)
        object.__setattr__(self, "about", tuple(" ".join(text.split()) for text in about))
        if not all(self.about):
            raise UsageError('What the summary is to be about needs words, such as "goals and the final score".')
        if self.transcript is not None and self.speech == "off":
            raise UsageError("Give either a transcript or speech 'off', not both.")

    def seconds(self, duration: float) -> float:
        """Return how many seconds the summary of a video of `duration` seconds may last."""
        if self.duration is not None:
            return min(self.duration, duration)
        if self.budget is not None:
            return self.budget * duration
        return min(max(DEFAULT_SHARE * duration, SHORTEST_DEFAULT), LONGEST_DEFAULT, duration)

    def check_constraints(self, duration: float) -> None:
        """Check `keep` and `drop` against a video of `duration` seconds.

        Raises:
            UsageError: a part begins after the end of the video, everything is dropped, or more is kept than fits.
        """
        for name, parts in (("keep", self.keep), ("drop", self.drop)):
            for part in parts:
                if part.start >= duration:
                    raise UsageError(
                        f"The part to {name} begins at {part.start:g} s, but the video ends at {duration:g} s."
                    )
        if any(part.start <= 0 and part.end >= duration for part in merge(self.drop)):
            raise UsageError("Everything is dropped, so nothing is left to choose from.")
        kept = sum(min(part.end, duration) - part.start for part in merge(self.keep))
        if kept > self.seconds(duration) + _FRAME_SECONDS:
            raise UsageError(
                f"The parts to keep last {kept:g} s, but the summary may last only {self.seconds(duration):g} s: "
                "raise the budget or keep less."
            )


def _position(crop: Any) -> tuple[float, float]:
    try:
        x, y = map(float, crop)
    except (TypeError, ValueError) as error:
        raise UsageError(f"The crop is a pair of numbers such as (0.5, 0.5), not {crop!r}.") from error
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise UsageError(f"The crop has numbers from 0 to 1, not {x:g} and {y:g}.")
    return x, y


def _interval(part: Any, name: str) -> Interval:
    if isinstance(part, Interval):
        return part
    try:
        start, end = map(float, part)
    except (TypeError, ValueError) as error:
        raise UsageError(f"A part to {name} is a pair of seconds such as (80, 105), not {part!r}.") from error
    return Interval(start, end)
