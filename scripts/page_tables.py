"""Tables that scripts write into pages of the documentation, each between marks of its own."""

from __future__ import annotations

from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.errors import DataError


def put_table(page: Path, name: str, table: str) -> None:
    """Put Markdown between the page's lines `<!-- name: begin -->` and `<!-- name: end -->`.

    Raises:
        DataError: the page cannot be read, or lacks these lines.
        OutputError: the page cannot be written.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{page}' cannot be read: {error}.") from error
    with written_whole(page) as partial:
        partial.write_text(with_table(text, name, table, page), encoding="utf-8")


def with_table(text: str, name: str, table: str, page: Path) -> str:
    """Return a page's text with Markdown between its marks.

    Raises:
        DataError: the marks are missing.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise DataError(f"'{page}' needs the lines '{begin}' and '{end}' around its table.")
    return f"{before}{begin}\n\n{table.strip()}\n\n{end}{after}"
