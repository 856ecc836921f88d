"""Write the tables of docs/selection.md, and a csv and a Markdown file for each, from evaluations of selections.

    summdiff evaluate default --data summe_annotations.h5 --selections --partial --json results/selection/summe.json
    python scripts/selection_page.py [--results results/selection] [--page docs/selection.md]

No number on the page is typed by hand: the table between the page's marks `selection-NAME` comes from NAME.json.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page_tables import put_table

from summdiff.atomic import written_whole
from summdiff.errors import DataError, SummdiffError

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "results" / "selection", ROOT / "docs" / "selection.md"
HEADINGS = {
    "f1_mean": "F1, mean",
    "f1": "F1, best",
    "z": "z-score",
    "used": "budget used",
    "pieces": "pieces",
    "seconds": "seconds each",
    "repeated": "seconds repeated",
}
DECIMALS = {"z": 3, "used": 2}  # of other measures 1; F1 in percent


def evaluations(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the evaluations of selections in a folder; other results are left alone.

    Raises:
        DataError: a file is no JSON, or there is no evaluation.
    """
    found = False
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"'{path}' cannot be read as JSON: {error}.") from error
        if isinstance(document, dict) and document.get("protocol", {}).get("judged") == "selections":
            found = True
            yield path, document
    if not found:
        raise DataError(f"'{folder}' has no evaluation: make one with `summdiff evaluate --selections --json`.")


def csv_lines(document: dict[str, Any]) -> str:
    """Return a line for each row and measure: mean and interval, and the difference from shots and knapsack."""
    names = ("row", "measure", "value", "low", "high", "difference", "difference_low", "difference_high", "p")
    with io.StringIO() as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*names, "better", "worse"])
        for row, means in _means(document):
            for measure, mean in means.items():
                less = _difference(document, row).get(measure)
                cells = [f"{mean[key]:.4f}" for key in ("value", "low", "high")]
                if less:
                    cells += [f"{less['mean'][key]:.4f}" for key in ("value", "low", "high")]
                    cells += [f"{less['p']:.4f}", less["better"], less["worse"]]
                writer.writerow([row, measure, *cells, *[""] * (9 - len(cells))])
        return text.getvalue()


def table(document: dict[str, Any]) -> str:
    """Return a Markdown table: a row for each selection, with the difference of its first measure from the baseline."""
    measures = [name for name in HEADINGS if name in document["measures"]]
    first, *rest = measures
    lines = [
        f"| {len(document['tested']['names'])} videos | {HEADINGS[first]} | less the first row "
        + " ".join(f"| {HEADINGS[m]}" for m in rest)
        + " |",
        "|---" * (len(measures) + 2) + "|",
    ]
    for row, means in _means(document):
        less = _difference(document, row).get(first)
        gain = ""
        if less:
            low, value, high = (_number(first, less["mean"][key], sign="+") for key in ("low", "value", "high"))
            gain = f"{value} ({low} … {high}); {less['better']} better, {less['worse']} worse"
        name = row if row in document["systems"] else f"*{row}*"
        cells = [_number(m, means[m]["value"]) for m in measures]
        lines.append(f"| {name} | {cells[0]} | {gain} " + " ".join(f"| {cell}" for cell in cells[1:]) + " |")
    return "\n".join(lines)


def write_pages(results: Path, page: Path) -> Iterator[Path]:
    """Write the tables of all evaluations in a folder, and yield the paths written."""
    for path, document in evaluations(results):
        for suffix, content in ((".csv", csv_lines(document)), (".md", table(document) + "\n")):
            with written_whole(path.with_suffix(suffix)) as partial:
                partial.write_text(content, encoding="utf-8")
            yield path.with_suffix(suffix)
        put_table(page, f"selection-{path.stem}", table(document))
    yield page


def _means(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for rows in (document["systems"], document["references"]):
        for name, row in rows.items():
            yield name, row["means"]


def _difference(document: dict[str, Any], row: str) -> dict[str, Any]:
    return next((dict(one) for one in document["comparisons"] if one["first"] == row), {})


def _number(measure: str, value: float, *, sign: str = "") -> str:
    if measure.startswith("f1"):
        return f"{100 * value:{sign}.1f}"
    return f"{value:{sign}.{DECIMALS.get(measure, 1)}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder (default: results/selection)")
    parser.add_argument("--page", type=Path, default=PAGE, help="(default: docs/selection.md)")
    args = parser.parse_args()
    try:
        for path in write_pages(args.results, args.page):
            print(path)
    except SummdiffError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
