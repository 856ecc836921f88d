"""Write the table of export formats into docs/exports.md.

    python scripts/format_table.py [--check]

With --check nothing is written; the exit code is 1 if the table is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from summdiff.export import built_in_formats

PAGE = Path(__file__).parents[1] / "docs" / "exports.md"
BEGIN, END = "<!-- formats: begin -->", "<!-- formats: end -->"


def table() -> str:
    lines = ["| format | files | contents | opens in | needs |", "|---|---|---|---|---|"]
    for fmt in built_in_formats().values():
        files = ", ".join(f"`.{ending}`" for ending in fmt.files)
        needs = f"`{fmt.install}`" if fmt.install else ""
        lines.append(f"| `{fmt.name}` | {files} | {fmt.description} | {fmt.opens_in} | {needs} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the table is up to date")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    new = f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
    if check and new != page:
        sys.exit(f"{PAGE} is out of date: run `python scripts/format_table.py`.")
    if not check:
        PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
