"""The page that leads to all reports of a folder, at the end of a batch. Not a format: it has no summary of its own."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from summdiff.atomic import written_whole
from summdiff.errors import OutputError
from summdiff.export.html import MARK as _REPORT
from summdiff.export.html import policy, source, template
from summdiff.export.names import plain

NAME = "index.html"
_ENDING = ".summary.html"
_MARK = "summdiff-index"
_TEXTS = ("title", "duration", "selected", "share")
_COUNTS = ("shots", "chosen")
_PICTURE = "data:image/jpeg;base64,"
_HEAD = 200_000  # characters of a report in which its mark has to stand


def check_index(folder: Path, *, overwrite: bool) -> None:
    """Raise an OutputError where an `index.html` stands that is not ours, unless it may be replaced."""
    path = folder / NAME
    if path.is_dir() or (path.exists() and not overwrite and _marked(path, _MARK) is None):
        raise OutputError(
            f"'{path}' is there already and not from summdiff: use --overwrite or another folder with -o."
        )


def write_index(folder: Path) -> Path:
    """Write `index.html` with a link to every report in a folder and its sub-folders, those of earlier runs included.

    Raises:
        OutputError: the page cannot be written.
    """
    reports = [
        found
        for path in sorted(folder.rglob(f"*{_ENDING}"), key=lambda path: (path.parent, _name(path)))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (found := _report(path, folder)) is not None
    ]
    title = plain(Path(os.path.abspath(folder)).name) or "Summaries"  # noqa: PTH100
    page = template("index.html.j2").render(
        title=title, mark=_MARK, policy=policy(""), style=source("pages.css"), reports=reports
    )
    with written_whole(folder / NAME) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return folder / NAME


def _name(path: Path) -> str:
    return path.name.removesuffix(_ENDING)


def _report(path: Path, folder: Path) -> dict[str, Any] | None:
    """What a report tells about itself; None where it is none of ours. Trusted no further than it has to be."""
    about = _marked(path, _REPORT)
    try:
        values = json.loads(about) if about else None
    except (json.JSONDecodeError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    if not all(isinstance(values.get(key), str) for key in _TEXTS):
        return None
    if not all(isinstance(values.get(key), int) for key in _COUNTS):
        return None
    poster = values.get("poster")
    return {
        **{key: values[key] for key in (*_TEXTS, *_COUNTS)},
        "name": plain(_name(path)),  # of alternatives, the title is the same
        "poster": poster if isinstance(poster, str) and poster.startswith(_PICTURE) else "",
        "href": "/".join(quote(os.fsencode(part)) for part in path.relative_to(folder).parts),
    }


def _marked(path: Path, mark: str) -> str | None:
    """The content of a page's meta element of a name; None where there is none."""
    reader = _Meta(mark)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            reader.feed(file.read(_HEAD))
    except OSError:
        return None
    return reader.content


class _Meta(HTMLParser):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.content: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and found.get("name") == self._name and self.content is None:
            self.content = found.get("content") or ""
