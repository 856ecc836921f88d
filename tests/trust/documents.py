"""Tables that scripts write into docs/trust.md, each between marks of its own."""

from __future__ import annotations

from pathlib import Path

from summdiff.atomic import written_whole

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "trust.md"


def put_table(name: str, table: str) -> None:
    """Put a table between `<!-- name: begin -->` and `<!-- name: end -->`."""
    text = DOCUMENT.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{DOCUMENT} needs the lines {begin} and {end}")
    with written_whole(DOCUMENT) as partial:
        partial.write_text(f"{before}{begin}\n\n{table.strip()}\n\n{end}{after}", encoding="utf-8")
