"""Write docs/results.md, and each table's page, from the reports in a folder of results.

    python scripts/results_page.py [--results results] [--output docs/results.md]

No number on these pages is typed by hand. Files other than Markdown stay as they are.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.errors import SummdiffError
from summdiff.research.reproduce.table_report import DATA_NAMES, TableReport, read_reports
from summdiff.research.reproduce.write_reports import (
    heading,
    markdown_claim,
    markdown_page,
    markdown_tables,
    status_text,
)

ROOT = Path(__file__).resolve().parents[1]


def results_page(reports: Sequence[TableReport], results: str = "../results") -> str:
    """Return the page: one line for each claim of the paper, then every table.

    Args:
        reports: of the tables that are there; studies without a claim are left out.
        results: path of the folder of results, relative to the page.
    """
    reports = [report for report in reports if report["claim"]["on"]]
    lines = [
        "# Claims of the paper, checked",
        "",
        "`python scripts/results_page.py` writes this page from what `summdiff reproduce all` leaves in `results/`; no",
        "number is typed by hand. [reproduce.md](reproduce.md) says how the tables are made.",
        "",
    ]
    if not reports:
        return "\n".join([*lines, "Nothing has been run yet.", ""])
    lines += ["| | claim | here |", "|---|---|---|"]
    for report in reports:
        name, claim = report["name"], report["claim"]
        on = "; ".join(f"{DATA_NAMES[one['data']]}: {one['numbers']}" for one in claim["on"])
        page = f"{results}/{name}/README.md"
        lines.append(f"| [{name}]({page}) | {claim['text']} | **{status_text(claim['status'])}**: {on} |")
    for report in reports:
        name = report["name"]
        lines += ["", f"## {heading(report)}", "", *markdown_tables(report), "", *markdown_claim(report), ""]
        if report["axis"]:
            lines += [f"![{report['title']}]({results}/{name}/{name}.png)", ""]
        lines += [f"[Schedules, and what differs from the paper]({results}/{name}/README.md)"]
    return "\n".join([*lines, ""])


def write_pages(results: Path, output: Path) -> list[Path]:
    """Write the page of all tables, and the page and the table of each."""
    reports = read_reports(results)
    relative = Path(os.path.relpath(results.absolute(), output.absolute().parent)).as_posix()
    pages = {output: results_page(reports, relative)}
    for report in reports:
        folder = results / report["name"]
        pages[folder / "README.md"] = markdown_page(report)
        pages[folder / f"{report['name']}.md"] = "\n".join(markdown_tables(report)) + "\n"
    for path, text in pages.items():
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return list(pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder (default: results)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "results.md", help="(default: docs/results.md)")
    args = parser.parse_args()
    try:
        for path in write_pages(args.results, args.output):
            print(path)
    except SummdiffError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
