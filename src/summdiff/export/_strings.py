"""Names and times as text for files, pages and players."""

from __future__ import annotations

import math
import os
import re
from fractions import Fraction
from pathlib import Path

# Control characters, surrogates (bytes of a file name that are not UTF-8), line separators, and what XML 1.0 forbids.
_NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff]")


def printable(name: str) -> str:
    """Return a name as one line of valid text, also in XML; other characters become U+FFFD."""
    return _NOT_PRINTABLE.sub("\N{REPLACEMENT CHARACTER}", name)


def file_url(path: str | os.PathLike[str]) -> str:
    """Return the URL of a file, percent-encoded byte by byte except for ASCII letters and digits."""
    return Path(os.path.abspath(path)).as_uri()  # noqa: PTH100  (Path.resolve would follow links)


def percent(share: float) -> str:
    """Return a share as a percentage, with one decimal below 10%; halves are rounded up, as on the studio's page."""
    digits = 1 if share < 0.1 else 0
    return f"{math.floor(100 * share * 10**digits + 0.5) / 10**digits:g}%"


def timestamp(seconds: float | Fraction, *, point: str = ".") -> str:
    """Return seconds as hh:mm:ss.mmm, rounded to the millisecond."""
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}{point}{whole % 1000:03d}"


def decimal(seconds: Fraction) -> str:
    """Return seconds as a decimal number, rounded to the microsecond."""
    return f"{float(seconds):.6f}"
