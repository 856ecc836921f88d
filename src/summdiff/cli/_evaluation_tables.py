"""Write an evaluation as tables for spreadsheets and papers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.atomic import written_whole
from summdiff.cli._evaluation_report import format_mean, format_number

if TYPE_CHECKING:
    from summdiff.evaluation import Evaluation

_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
_Rows = list[list[str]]


def write_csv(result: Evaluation, path: Path) -> None:
    """Write a row per system and reference, the video "all", then one for each of their videos.

    Columns: system, video, each measure, and for "all" the ends of its interval; values from 0 to 1.

    Raises:
        OutputError: the file cannot be written.
    """
    names = [measure.name for measure in result.measures]
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["system", "video", *names, *(f"{name}_{end}" for name in names for end in ("low", "high"))])
        rows = (*result.systems, *result.references)
        for row in rows:
            means = [result.means[row.name].get(name) for name in names]
            ends = [value for mean in means for value in (("", "") if mean is None else (mean.low, mean.high))]
            table.writerow([row.name, "all", *("" if mean is None else mean.value for mean in means), *ends])
        for row in rows:
            for i, video in enumerate(result.names):
                table.writerow([row.name, video, *(row.values[n][i] if n in row.values else "" for n in names)])


def write_markdown(result: Evaluation, path: Path, *, per_video: bool = False) -> None:
    """Write the table of systems as printed, and with `per_video` that of videos; raises OutputError."""
    texts = []
    for heading, *rows in _tables(result, per_video=per_video):
        cells = [[cell.replace("|", "\\|") for cell in row] for row in (heading, *rows)]
        rule = ["---", *["---:"] * (len(heading) - 1)]
        texts.append("".join(f"| {' | '.join(row)} |\n" for row in (cells[0], rule, *cells[1:])))
    with written_whole(path) as partial:
        partial.write_text("\n".join(texts), encoding="utf-8")


def write_latex(result: Evaluation, path: Path, *, per_video: bool = False) -> None:
    """Write the same tables for LaTeX with the package booktabs; raises OutputError."""
    texts = []
    for number, (heading, *rows) in enumerate(_tables(result, per_video=per_video)):
        lines = [" & ".join(map(_tex, row)) + r" \\" for row in (heading, *rows)]
        if number == 0:
            lines.insert(len(result.systems) + 1, r"\midrule")
        body = [rf"\begin{{tabular}}{{l{'r' * (len(heading) - 1)}}}", r"\toprule", lines[0], r"\midrule", *lines[1:]]
        texts.append("\n".join([*body, r"\bottomrule", r"\end{tabular}", ""]))
    with written_whole(path) as partial:
        partial.write_text("\n".join(texts), encoding="utf-8")


def _tables(result: Evaluation, *, per_video: bool) -> list[_Rows]:
    """Return the table of systems and references, and with `per_video` one of each system's videos."""
    labels = [measure.label for measure in result.measures]
    systems = [["", *labels]]
    for row in (*result.systems, *result.references):
        means = result.means[row.name]
        systems.append([row.name, *(format_mean(means[m.name], m) if m.name in means else "" for m in result.measures)])
    videos = [[["video", "system", *labels]]] if per_video else []
    for table in videos:
        for i, name in enumerate(result.names):
            for row in result.systems:
                values = (
                    format_number(float(row.values[m.name][i]), m) if m.name in row.values else ""
                    for m in result.measures
                )
                table.append([name, row.name, *values])
    return [systems, *videos]


def _tex(text: str) -> str:
    """Return text with LaTeX's special characters written out."""
    return "".join(_TEX.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)
