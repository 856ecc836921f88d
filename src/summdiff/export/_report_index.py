"""The page that links all reports of a folder."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from summdiff._untrusted import open_regular, parse_json
from summdiff.atomic import write_file
from summdiff.errors import OutputError
from summdiff.export._pages import INDEX_MARK, INDEX_NAME, JPEG_URL, REPORT_ENDING, REPORT_MARK, page
from summdiff.export._strings import printable

_MARK_RANGE = 200_000  # bytes at the start of a page in which its mark is searched


def check_index(folder: Path, *, overwrite: bool) -> None:
    """Raise an OutputError if the folder has an `index.html` that summdiff did not write and must not replace."""
    path = folder / INDEX_NAME
    if path.is_dir() or (path.exists() and not overwrite and _meta_content(path, INDEX_MARK) is None):
        raise OutputError(
            f"'{path}' is there already and not from summdiff: use --overwrite or another folder with -o."
        )


def write_index(folder: Path) -> Path:
    """Write `index.html` with a link to every report in a folder and its sub-folders, also those of earlier runs.

    Raises:
        OutputError: the page cannot be written.
    """
    reports = [
        report
        for path in sorted(folder.rglob(f"*{REPORT_ENDING}"), key=lambda path: (path.parent, _report_name(path)))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (report := _report_facts(path, folder)) is not None
    ]
    title = printable(Path(os.path.abspath(folder)).name) or "Summaries"  # noqa: PTH100
    write_file(
        folder / INDEX_NAME, page("index.html.j2", title=title, mark=INDEX_MARK, reports=reports), errors="replace"
    )
    return folder / INDEX_NAME


def _report_name(path: Path) -> str:
    return path.name.removesuffix(REPORT_ENDING)


def _report_facts(path: Path, folder: Path) -> dict[str, Any] | None:
    """Return the facts for the index that a report stores about itself; None if the file is not one of our reports."""
    about = _meta_content(path, REPORT_MARK)
    try:
        facts = parse_json(about) if about else None
    except ValueError:
        return None
    texts, counts = ("title", "duration", "selected", "share"), ("shots", "chosen")
    if not isinstance(facts, dict):
        return None
    if not all(isinstance(facts.get(key), str) for key in texts):
        return None
    if not all(isinstance(facts.get(key), int) for key in counts):
        return None
    poster = facts.get("poster")
    return {
        **{key: facts[key] for key in (*texts, *counts)},
        "name": printable(_report_name(path)),  # reports of alternatives have the same title
        "poster": poster if isinstance(poster, str) and poster.startswith(JPEG_URL) else "",
        "href": "/".join(quote(os.fsencode(part)) for part in path.relative_to(folder).parts),
    }


def _meta_content(path: Path, name: str) -> str | None:
    """Return the content of a page's meta element of this name; None if it has none."""
    reader = _MetaReader(name)
    try:
        with open_regular(path) as file:
            reader.feed(file.read(_MARK_RANGE).decode("utf-8", errors="replace"))
    except OSError:
        return None
    return reader.content


class _MetaReader(HTMLParser):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.content: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "meta" and attributes.get("name") == self._name and self.content is None:
            self.content = attributes.get("content") or ""
