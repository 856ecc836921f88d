"""File names as text: whatever a file system allows in them, what comes out is valid text of one line, also in XML."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Control characters, halves of surrogate pairs (bytes of a name that are no UTF-8), and what XML 1.0 forbids.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff]")


def plain(name: str) -> str:
    """A name or title as one line of valid text."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", name)


def file_url(path: str | os.PathLike[str]) -> str:
    """The URL of a file: everything but plain letters and digits is percent-encoded, byte by byte."""
    return Path(os.path.abspath(path)).as_uri()  # noqa: PTH100  (Path.resolve would follow links)
