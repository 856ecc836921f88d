"""Limits that the environment may set."""

from __future__ import annotations

import os

from summdiff.errors import SummdiffError


def whole_number(variable: str, default: int, unit: str, *, error: type[SummdiffError]) -> int:
    """What a variable says, or the default where it is unset or empty.

    Raises:
        SummdiffError: of the given kind; it says something else than a whole number above 0.
    """
    said = os.environ.get(variable, "")
    if said and not (said.isascii() and said.isdigit() and int(said)):
        raise error(f"{variable} must be a whole number of {unit} above 0, not '{said}'.")
    return int(said or default)
