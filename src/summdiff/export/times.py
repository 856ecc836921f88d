"""How times are written for people and for players."""

from __future__ import annotations

from fractions import Fraction


def clock(seconds: float | Fraction) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour on."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def stamp(seconds: float | Fraction, *, point: str = ".") -> str:
    """Seconds as hh:mm:ss.mmm, to the nearest millisecond."""
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}{point}{whole % 1000:03d}"


def decimal(seconds: Fraction) -> str:
    """Seconds as a decimal number to the microsecond."""
    return f"{float(seconds):.6f}"
