"""Options shared by several commands, and parsers of their values."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Annotated, Literal

import typer

from summdiff.errors import UsageError
from summdiff.summary import Interval

DeviceOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="Where to compute: cpu, cuda, cuda:1, or auto. Decoding stays on the processor."),
]
FastOption = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="Use key frames only, where they are dense enough: several times faster, nearly the same result.",
    ),
]
ExactOption = Annotated[
    bool,
    typer.Option(
        "--exact", help="Decode every frame, also those that do not count: slower, with all cuts on their exact frames."
    ),
]
HwaccelOption = Annotated[
    Literal["off", "auto"],
    typer.Option("--hwaccel", help="Decode by hardware where there is any for the video; auto tries it."),
]
NoSound = Annotated[
    bool, typer.Option("--no-sound", help="Do not listen to the videos: cuts then follow the pictures alone.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print only failures.")]
ProgressOption = Annotated[
    Literal["bars", "machine"],
    typer.Option("--progress", help="Bars for people, or JSON lines for programs."),
]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Include subfolders.")]
Engine = Literal["local", "ray"]

FromFile = Annotated[
    str | None,
    typer.Option(
        "--from-file", metavar="FILE", help="Also the videos in this list, one path per line; - for standard input."
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Videos processed at the same time.", show_default=False),
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="Workers on this machine, or on the Ray cluster at $RAY_ADDRESS.")
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="Set aside a video that takes longer: 90s, 1h30m.",
        show_default="10 minutes plus three times its length",
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Retry videos that earlier runs set aside.")]


# Hours, minutes and seconds, as groups. A bare number after hours is minutes: 1h30.
_TIMES = (
    r"(\d+)h([0-5]?\d)()",
    r"(?:([\d.]+)h(?![\d.]+$))?(?:([\d.]+)m)?(?:([\d.]+)s?)?",
    r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:\.\d*)?)",
    r"()(\d+):([0-5]?\d(?:\.\d*)?)",
)


def time_limit_seconds(text: str | None) -> float | None:
    """Return the value of `--time-limit` in seconds; None without one.

    Raises:
        UsageError: the text is not a time, or 0.
    """
    limit = None if text is None else seconds(text)
    if limit is not None and limit <= 0:
        raise UsageError("A time limit of 0 s lets nothing finish: give a longer one.")
    return limit


def seconds(text: str) -> float:
    """Return seconds from "90", "90s", "1.5m", "1m30s", "2h", "1h30", "1:30" or "1:02:03.5".

    Raises:
        UsageError: the text has another form.
    """
    for form in _TIMES:
        fields = re.fullmatch(form, text.strip().lower())
        if fields and any(fields.groups()):
            with suppress(ValueError):  # of "1.2.3"
                hours, minutes, rest = (float(field or 0) for field in fields.groups())
                return 3600 * hours + 60 * minutes + rest
    raise UsageError(f"'{text}' is not a time: write it like 90s, 1m30s or 1:30.")


def size_bytes(text: str) -> int:
    """Return bytes from "25MB", "1.5 GB", "800kB", "10MiB" or "25000000".

    Raises:
        UsageError: the text has another form.
    """
    fields = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(i?)b?", text.strip().lower())
    if not fields or (fields[3] and not fields[2]):
        raise UsageError(f"'{text}' is not a size: write it like 25MB.")
    return int(float(fields[1]) * (1024 if fields[3] else 1000) ** " kmg".index(fields[2] or " "))


def share(text: str | float) -> float:
    """Return a share from "0.15" or "15%".

    Raises:
        UsageError: the text has another form.
    """
    number = str(text).strip()
    with suppress(ValueError):
        return float(number[:-1]) / 100 if number.endswith("%") else float(number)
    raise UsageError(f"'{text}' is not a share: write it like 0.15 or 15%.")


def pair(text: str) -> tuple[float, float]:
    """Return two numbers from "0.3,0.5".

    Raises:
        UsageError: the text has another form.
    """
    fields = re.fullmatch(r"(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", text.replace(" ", ""))
    if not fields:
        raise UsageError(f"'{text}' is not a place: write it like 0.5,0.5.")
    return float(fields[1]), float(fields[2])


def interval(text: str) -> Interval:
    """Return a part of a video from "1:20-1:45", "0-12s" or "9:30-", up to the end.

    Raises:
        UsageError: the text has another form, or the part ends before it begins.
    """
    start, dash, end = text.partition("-")
    if not dash or not start.strip():
        raise UsageError(f"'{text}' is not a part of a video: write it like 1:20-1:45, or 9:30- up to the end.")
    part = Interval(seconds(start), seconds(end) if end.strip() else math.inf)
    if part.end <= part.start:
        raise UsageError(f"The part '{text}' ends before it begins.")
    return part
