"""Write a table's report to a folder: JSON, CSV, Markdown, a page and, if it has an axis, a figure."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from summdiff.atomic import make_folder, written_whole
from summdiff.research.reproduce.table_report import DATA_NAMES, TableReport, paper_measures, paper_values

_QUICK = (
    "**QUICK MODE: tiny networks, two epochs, two folds. Its numbers mean nothing: it shows that everything runs.**"
)
_SYNTHETIC = "**THE DATA IS SYNTHETIC: the numbers say nothing about real videos.**"
_STARS = (
    "Bold: the best row. ★: better than the runner-up by more than chance between videos: the 95% interval of a paired "
    "bootstrap over videos (each video's mean over seeds) lies above zero. F1, MAP and mAP in per cent."
)
_ABOUT_DATA = {
    "tvsum": "Features are I3D of 2-second clips and segments are KTS on them, where the paper has Inception-v3 at one "
    "frame per second. F1 depends on the segments, and on where a system's scores have their zero, more than on their "
    "order: constant scores reach more than some systems. So tau is the main measure. Steps last 2 seconds, so the "
    "shots of MAP are two or three whole steps, 4 to 6 seconds.",
    "youtube_highlights": "The paper does not use it. It has no summaries; the measure is the mean average precision "
    "of the clips, averaged over the videos of a domain, then over domains.",
    "mr_hisum": "The paper's data set.",
}


def write_report(report: TableReport, folder: Path) -> list[Path]:
    """Write a report and everything made from it to a folder.

    Returns:
        The files: CSV, Markdown, JSON, the page, the differences if there are several rows, and the figure.

    Raises:
        OutputError: a file cannot be written.
    """
    make_folder(folder)
    name = report["name"]
    texts = {
        f"{name}.md": "\n".join(markdown_tables(report)) + "\n",
        f"{name}.json": json.dumps(report, indent=1) + "\n",
        "README.md": markdown_page(report),
    }
    _write_csv(folder / f"{name}.csv", csv_rows(report))
    for file, text in texts.items():
        with written_whole(folder / file) as partial:
            partial.write_text(text, encoding="utf-8")
    files = [folder / f"{name}.csv", *(folder / file for file in texts)]
    if differences := difference_rows(report):
        files.append(folder / f"{name}_differences.csv")
        _write_csv(files[-1], differences)
    return files + (_draw(report, folder) if report["axis"] else [])


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def csv_rows(report: TableReport) -> list[dict[str, Any]]:
    """Return a line for each row and data set: F1 and MAP in per cent, the paper's numbers in `paper_` columns."""
    lines: list[dict[str, Any]] = []
    for table in report["tables"]:
        measures = {m["name"]: m for m in table["measures"]}
        for i, row in enumerate([*table["rows"], *table["references"]]):
            line: dict[str, Any] = {"data": table["data"]["kind"], "row": row["label"]} | row.get("at", {})
            line |= {"seeds": len(report["seeds"]), "videos": table["videos"]}
            for name, value in row["values"].items():
                percent = measures[name]["percent"] if name in measures else True
                line[name] = _rounded(value["mean"], percent=percent)
                if value["sd"] is not None and name in measures:
                    line[f"{name}_sd"] = _rounded(value["sd"], percent=percent)
            line["best"] = " ".join(
                name + "*" * best["star"] for name, best in table["best"].items() if best["row"] == i
            )
            line |= {name: round(value, 4) for name, value in row.get("columns", {}).items()}
            lines.append(line | paper_values(table, row))
    return lines


def difference_rows(report: TableReport) -> list[dict[str, Any]]:
    """Return a line for each measure and each later row: the first row minus that row, paired by video."""
    lines: list[dict[str, Any]] = []
    for table in report["tables"]:
        percent = {m["name"]: m["percent"] for m in table["measures"]}
        for difference in table.get("differences", []):
            for name, numbers in difference["measures"].items():
                line = {
                    "data": table["data"]["kind"],
                    "row": table["rows"][difference["row"]]["label"],
                    "measure": name,
                }
                line |= {key: _rounded(numbers[key], percent=percent[name]) for key in ("difference", "low", "high")}
                lines.append(
                    line | {"p": round(numbers["p"], 4), "better": numbers["better"], "worse": numbers["worse"]}
                )
    return lines


def _rounded(value: float, *, percent: bool) -> float:
    return round(100 * value, 2) if percent else round(value, 4)


def heading(report: TableReport) -> str:
    """Return "Table 1: all systems", or the title of a study."""
    name, title = report["name"], report["title"]
    if not name.startswith(("table", "figure")):
        return str(title)
    return f"{name[:-1].capitalize()} {name[-1]}: {title[:1].lower()}{title[1:]}"


def markdown_page(report: TableReport) -> str:
    """Return the page of a table: numbers beside the paper's, claim, differences from the paper, schedules."""
    name = report["name"]
    lines = [f"# {heading(report)}", ""]
    lines += [
        f"Made by `{report['command']}` on {_devices(report)}; `{name}.json` has every seed's values and how they were "
        "made.",
        "",
    ]
    lines += [*markdown_tables(report), ""]
    if report["claim"]["on"]:
        lines += ["## The paper's claim", "", *markdown_claim(report), ""]
        lines += [f"The paper's numbers are {_paper_data(name)}; on other data they do not compare one by one.", ""]
    if report["axis"]:
        lines += [f"![{report['title']}]({name}.png)", ""]
    notes = "What differs from the paper" if report["claim"]["on"] else "Notes"
    lines += [f"## {notes}", "", *(f"- {line}" for line in _differences_from_the_paper(report)), ""]
    lines += ["## Schedules, and how the epoch was chosen", "", *_schedules(report), ""]
    return "\n".join(lines)


def markdown_tables(report: TableReport) -> list[str]:
    """Return the tables as lines of Markdown, one table for each data set."""
    synthetic = any(table["data"]["synthetic"] for table in report["tables"])
    lines = [_QUICK, ""] if report["quick"] else []
    lines += [_SYNTHETIC, ""] if synthetic else []
    for table in report["tables"]:
        seeds = report["seeds"]
        which = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± deviation over seeds {', '.join(map(str, seeds))}"
        lines += [f"### {DATA_NAMES[table['data']['kind']]}, {table['videos']} videos, {which}", ""]
        theirs = paper_measures(table)
        heads = [m["label"] for m in table["measures"]] + [f"mAP {domain}" for domain in table["domains"]]
        heads += [f"paper: {name.upper()}" for name in theirs]
        lines += [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for i, row in enumerate(table["rows"]):
            paper = paper_values(table, row)
            cells = _cells(table, row, i) + [f"{paper[f'paper_{name}']:.2f}" if paper else "" for name in theirs]
            lines.append(f"| {row['label']} | {' | '.join(cells)} |")
        for row in table["references"]:
            lines.append(f"| *{row['label']}* | {' | '.join([*_cells(table, row, None), *[''] * len(theirs)])} |")
        lines.append("")
    return [*lines, _STARS]


def _cells(table: TableReport, row: TableReport, number: int | None) -> list[str]:
    """Return a row's values, the best ones marked; a reference has no number."""
    cells = [
        _cell(row["values"].get(m["name"]), m, table["best"].get(m["name"], {}), number) for m in table["measures"]
    ]
    return cells + [f"{100 * row['values'][f'map_{domain}']['mean']:.1f}" for domain in table["domains"]]


def _cell(
    value: Mapping[str, Any] | None, measure: Mapping[str, Any], best: Mapping[str, Any], number: int | None
) -> str:
    if value is None:
        return ""
    factor, digits = (100, 2) if measure["percent"] else (1, 4)
    text = f"{factor * value['mean']:.{digits}f}"
    if value["sd"] is not None:
        text += f" ± {factor * value['sd']:.{digits}f}"
    return f"**{text}**{' ★' if best['star'] else ''}" if best and best["row"] == number else text


def markdown_claim(report: TableReport) -> list[str]:
    """Return the claim's status as lines of Markdown: the overall status, then one line per data set."""
    claim = report["claim"]
    lines = [f"**{claim['text'][:1].upper()}{claim['text'][1:]}: {status_text(claim['status'])}.**"]
    for on in claim["on"]:
        others = ", ".join(f"{name} {status}" for name, status in on["by measure"].items() if name != on["measure"])
        line = f"- {DATA_NAMES[on['data']]}, {on['measure']}: {on['status']}. {on['numbers']}."
        lines.append(line + (f" By the other measures: {others}." if others else ""))
    return lines


def status_text(status: str) -> str:
    """Return a claim's status as the pages write it."""
    return "contrary here" if status == "contrary" else status


def _devices(report: TableReport) -> str:
    abouts = [about for table in report["tables"] for row in table["rows"] for about in row["about"]]
    devices = sorted({about["device"] for about in abouts if "device" in about})
    machine = report["machine"]
    return " and ".join(devices) or machine["gpu"] or f"{machine['cores']} processor cores"


def _paper_data(name: str) -> str:
    if name == "table3":
        return "F1 in per cent, on TVSum and SumMe"
    return "F1 in per cent, on Mr.HiSum" if name == "table6" else "F1, MAP50 and MAP15 in per cent, on Mr.HiSum"


def _differences_from_the_paper(report: TableReport) -> list[str]:
    lines = []
    for table in report["tables"]:
        data = table["data"]
        split = f"the split of `{data['splits']}`" if data["splits"] else "folds in which every video is tested once"
        about = _ABOUT_DATA.get(data["kind"], "")
        lines.append(f"{DATA_NAMES[data['kind']]}: `{data['file']}` ({data['videos']} videos, {split}). {about}")
    lines += [
        "Validation videos choose the epoch, or it is the last one, as the schedules say; test videos never do.",
        "The mean of a video's samples is judged, where the paper judges one sample. They start from pairs of opposite "
        "noise.",
        "SummDiff's inputs are standardized and clamped to five deviations, and learnable levels start as sinusoids, "
        "which the paper does not say. Guidance steers away from a learned video, as the files lack the features of a "
        "black one; it reaches the last prediction, and both predictions are clamped before it.",
    ]
    if any(table["data"]["kind"] in ("tvsum", "youtube_highlights") for table in report["tables"]):
        lines.append(
            "SummDiff's schedule was chosen from a few by validation videos, after a first table 1 had been seen; the "
            "other systems keep the learning rates of their recipes. The validation videos of one fold are test videos "
            "of another, so this choice, which all folds share, favors SummDiff a little."
        )
    seeds = len(report["seeds"])
    lines.append(
        f"{seeds} seed{'s' if seeds > 1 else ''} per row: intervals say what other videos would give these models, not "
        "what other training runs would."
    )
    return lines + list(report["about"])


def _schedules(report: TableReport) -> list[str]:
    """Return each schedule with its rows, and their validation curves of the main measure."""
    lines = []
    for table in report["tables"]:
        by_schedule: dict[str, list[TableReport]] = {}
        for row in table["rows"]:
            by_schedule.setdefault(row["schedule"], []).append(row)
        lines += [f"{DATA_NAMES[table['data']['kind']]}:", ""]
        for schedule, rows in by_schedule.items():
            lines.append(f"- {', '.join(row['label'] for row in rows)}: {schedule}")
            curves = {curve: row["label"] for row in rows if (curve := _validation_curve(row, table["main"]))}
            lines += [f"  - {label + ': ' if len(rows) > 1 else ''}{curve}" for curve, label in curves.items()]
        lines.append("")
    return lines[:-1]


def _validation_curve(row: TableReport, measure: str) -> str:
    """Return the mean over folds and seeds by epoch, and the epochs chosen in each fold, as text."""
    seeds = [about for about in row["about"] if about.get("curve")]
    if not seeds:
        return ""
    means = {epoch: float(np.mean([about["curve"][epoch] for about in seeds])) for epoch in seeds[0]["curve"]}
    words = f"validation {measure} by epoch " + ", ".join(f"{epoch}: {mean:.3f}" for epoch, mean in means.items())
    return words + "; chosen " + ", ".join(str(epoch) for about in seeds for epoch in about["chosen"])


def _draw(report: TableReport, folder: Path) -> list[Path]:
    """Draw the measures over the axis as PNG and SVG, a panel for each data set and unit, beside the paper's numbers.

    A table of several systems has a line for each system, of the main measure only.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = []
    for table in report["tables"]:
        systems = list(dict.fromkeys(row["at"].get("system") for row in table["rows"]))
        measures = [m for m in table["measures"] if len(systems) == 1 or m["name"] == table["main"]]
        for percent in (False, True):
            lines = [(m, system) for m in measures if m["percent"] == percent for system in systems]
            if lines:
                panels.append((table, percent, lines))
    figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
    for axes, (table, percent, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for measure, system in lines:
            rows = [row for row in table["rows"] if row["at"].get("system") == system]
            label = measure["label"] if len(lines) == len({m["name"] for m, _ in lines}) else f"{system}"
            _draw_line(axes, report["axis"][0], table, rows, measure, label)
        ticks = sorted({float(row["at"][report["axis"][0]]) for row in table["rows"]})
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel(report["axis"][1])
        axes.set_ylabel("per cent" if percent else "rank correlation")
        warning = " (QUICK)" if report["quick"] else " (SYNTHETIC)" if table["data"]["synthetic"] else ""
        axes.set_title(DATA_NAMES[table["data"]["kind"]] + warning)  # a figure may be seen without its page
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
    files = []
    for suffix in ("png", "svg"):
        path = folder / f"{report['name']}.{suffix}"
        # A fixed salt and no date: the same numbers give the same file.
        with rc_context({"svg.hashsalt": report["name"]}), written_whole(path) as partial:
            figure.savefig(partial, format=suffix, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
        files.append(path)
    return files


def _draw_line(
    axes: Any, axis: str, table: TableReport, rows: Sequence[TableReport], measure: Mapping[str, Any], label: str
) -> None:
    """Draw a measure of some rows with its deviation over seeds, and the paper's numbers as a dotted line."""
    x = [float(row["at"][axis]) for row in rows]
    values = [row["values"][measure["name"]] for row in rows]
    factor = 100 if measure["percent"] else 1
    spread = [factor * value["sd"] for value in values] if values[0]["sd"] is not None else None
    (line, *_) = axes.errorbar(
        x, [factor * value["mean"] for value in values], yerr=spread, marker="o", capsize=3, label=label
    )
    paper = [(at, paper_values(table, row).get(f"paper_{measure['name']}")) for at, row in zip(x, rows, strict=True)]
    points = [(at, value) for at, value in paper if value is not None]
    if points and measure["percent"]:
        style = {"marker": "x", "linestyle": ":", "color": line.get_color()}
        axes.plot(*zip(*points, strict=True), label=f"{label}, paper (other data)", **style)
