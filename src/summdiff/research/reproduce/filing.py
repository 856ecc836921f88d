"""What a report leaves in the folder of results: itself, CSV, Markdown, a page, and a figure where there is an axis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from summdiff.atomic import written_whole
from summdiff.research.reproduce.drawing import draw
from summdiff.research.reproduce.pages import page, tables
from summdiff.research.reproduce.reports import Report, of_paper
from summdiff.research.reproduce.systems import write_csv
from summdiff.research.training.loop import make_folder


def write(report: Report, folder: Path) -> list[Path]:
    """Write a report and everything that is made of it to a folder of its own.

    Raises:
        OutputError: it cannot be written.
    """
    make_folder(folder)
    name = report["name"]
    made = [folder / f"{name}.csv", folder / f"{name}.md", folder / f"{name}.json", folder / "README.md"]
    rows = csv_rows(report)
    write_csv(made[0], rows, list(dict.fromkeys(key for row in rows for key in row)))
    for path, text in (
        (made[1], "\n".join(tables(report)) + "\n"),
        (made[2], json.dumps(report, indent=1) + "\n"),
        (made[3], page(report)),
    ):
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return made + (draw(report, folder) if report["axis"] else [])


def csv_rows(report: Report) -> list[dict[str, Any]]:
    """A line for each row and data set: F1 and MAP in per cent; the paper's numbers in `paper_` columns."""
    lines: list[dict[str, Any]] = []
    for table in report["tables"]:
        measures = {m["name"]: m for m in table["measures"]}
        for number, row in enumerate([*table["rows"], *table["references"]]):
            line: dict[str, Any] = {"data": table["data"]["kind"], "row": row["label"]} | row.get("at", {})
            line |= {"seeds": len(report["seeds"]), "videos": table["videos"]}
            for key, value in row["values"].items():
                percent = measures[key]["percent"] if key in measures else True
                factor, digits = (100, 2) if percent else (1, 4)
                line[key] = round(factor * value["mean"], digits)
                if value["sd"] is not None and key in measures:
                    line[f"{key}_sd"] = round(factor * value["sd"], digits)
            line["best"] = " ".join(
                key + "*" * best["star"] for key, best in table["best"].items() if best["row"] == number
            )
            lines.append(line | of_paper(table, row))
    return lines
