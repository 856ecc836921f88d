"""Text for a terminal: what a file is called must not give it orders."""

from __future__ import annotations

import re

# Control characters (escape sequences begin with one), line ends, and marks that turn the direction of writing.
_ORDERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Text as one line that can be printed: orders to the terminal are written out, as in `\\x1b[31m`."""
    return _ORDERS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
