"""Reports as Markdown: tables, the page of each, and the document of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from summdiff.research.reproduce.reports import NAMES, Report, of_paper, papers_measures
from summdiff.research.reproduce.verdicts import Status

_QUICK = (
    "**QUICK MODE: tiny networks, two epochs, two folds. It shows that everything runs; its numbers mean nothing.**"
)
_SYNTHETIC = "**THE DATA IS SYNTHETIC: these numbers say nothing of real videos.**"
_PAPERS = "F1, MAP50 and MAP15 in per cent, on Mr.HiSum"


def document(reports: Sequence[Report], results: str = "../results") -> str:
    """`docs/results.md`: all claims in a line each, then every table.

    Args:
        reports: of the tables that there are.
        results: how their folder is reached from the document.
    """
    lines = [
        "# The paper's tables and figures, and what came of each claim",
        "",
        "This page is written by `summdiff reproduce docs` from what `summdiff reproduce all` leaves in `results/`; no",
        "number in it is typed by hand. [reproduce.md](reproduce.md) says how the tables are made.",
        "",
    ]
    if not reports:
        return "\n".join([*lines, "Nothing has been run yet.", ""])
    lines += ["| | claim | here |", "|---|---|---|"]
    for report in reports:
        on = "; ".join(f"{NAMES[o['data']]}: {o['numbers']}" for o in report["claim"]["on"])
        name = report["name"]
        lines.append(
            f"| [{name}]({results}/{name}/README.md) | {report['claim']['text']} | "
            f"**{_said(report['claim']['status'])}**: {on} |"
        )
    for report in reports:
        name = report["name"]
        lines += ["", f"## {name[:-1].capitalize()} {name[-1]}: {report['title'][:1].lower()}{report['title'][1:]}", ""]
        lines += [*tables(report), "", *verdict(report), ""]
        if report["axis"]:
            lines += [f"![{report['title']}]({results}/{name}/{name}.png)", ""]
        lines += [f"[Schedules, and what differs from the paper]({results}/{name}/README.md)"]
    return "\n".join([*lines, ""])


def page(report: Report) -> str:
    """The page of a table: the paper's numbers beside ours, what came of the claim, and what differs."""
    name, title = report["name"], report["title"]
    lines = [f"# {name[:-1].capitalize()} {name[-1]}: {title[:1].lower()}{title[1:]}", ""]
    lines += [
        f"Made by `{report['command']}` on {_machine(report)}; `{name}.json` says how, and has every seed's values.",
        "",
    ]
    lines += [*tables(report), "", "## What the paper says of it", "", *verdict(report), ""]
    lines += [
        f"The paper's numbers are {_papers(name)}; on other data they do not compare one by one.",
        "",
    ]
    if report["axis"]:
        lines += [f"![{title}]({name}.png)", ""]
    lines += ["## What differs from the paper", "", *(f"- {line}" for line in differences_from_the_paper(report)), ""]
    lines += ["## Schedules, and how the epoch was chosen", "", *schedules(report), ""]
    return "\n".join(lines)


def tables(report: Report) -> list[str]:
    """The tables as lines of Markdown, one for each data set."""
    lines = [line for word, said in _warnings(report) if said for line in (word, "")]
    for table in report["tables"]:
        name = NAMES[table["data"]["kind"]]
        seeds = report["seeds"]
        which = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± deviation over seeds {', '.join(map(str, seeds))}"
        lines += [f"### {name}, {table['videos']} videos, {which}", ""]
        theirs = papers_measures(table)
        heads = [m["label"] for m in table["measures"]] + [f"mAP {domain}" for domain in table["domains"]]
        heads += [f"paper: {key.upper()}" for key in theirs]
        lines += [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for number, row in enumerate(table["rows"]):
            cells = [_shown(row["values"].get(m["name"]), m, table["best"], number) for m in table["measures"]]
            cells += [f"{100 * row['values'][f'map_{domain}']['mean']:.1f}" for domain in table["domains"]]
            given = of_paper(table, row)
            cells += [f"{given[f'paper_{key}']:.2f}" if given else "" for key in theirs]
            lines.append(f"| {row['label']} | {' | '.join(cells)} |")
        for row in table["references"]:
            cells = [_shown(row["values"].get(m["name"]), m, {}, -1) for m in table["measures"]]
            cells += [f"{100 * row['values'][f'map_{domain}']['mean']:.1f}" for domain in table["domains"]]
            lines.append(f"| *{row['label']}* | {' | '.join([*cells, *[''] * len(theirs)])} |")
        lines.append("")
    lines += [
        "Bold: the best row. A star: better than the runner-up by more than chance between videos: the 95 % interval "
        "of a paired bootstrap over videos (of each the mean over seeds) lies above zero. F1, MAP and mAP in per cent.",
    ]
    return lines


def _machine(report: Report) -> str:
    """Where the rows were trained."""
    found = [about for table in report["tables"] for row in table["rows"] for about in row["about"]]
    devices = sorted({about["device"] for about in found if "device" in about})
    machine = report["machine"]
    return " and ".join(devices) or machine["gpu"] or f"{machine['cores']} processor cores"


def _shown(value: Mapping[str, Any] | None, measure: Mapping[str, Any], best: Mapping[str, Any], row: int) -> str:
    if value is None:
        return ""
    factor, digits = (100, 2) if measure["percent"] else (1, 4)
    text = f"{factor * value['mean']:.{digits}f}"
    if value["sd"] is not None:
        text += f" ± {factor * value['sd']:.{digits}f}"
    found = best.get(measure["name"], {})
    return f"**{text}**{' ★' if found['star'] else ''}" if found.get("row") == row else text


def _warnings(report: Report) -> list[tuple[str, bool]]:
    synthetic = any(table["data"]["synthetic"] for table in report["tables"])
    return [(_QUICK, report["quick"]), (_SYNTHETIC, synthetic)]


def verdict(report: Report) -> list[str]:
    """What came of the claim, as lines of Markdown: one, and one for each data set."""
    claim = report["claim"]
    lines = [f"**{claim['text'][:1].upper()}{claim['text'][1:]}: {_said(claim['status'])}.**"]
    for on in claim["on"]:
        others = ", ".join(f"{key} {status}" for key, status in on["by measure"].items() if key != on["measure"])
        line = f"- {NAMES[on['data']]}, {on['measure']}: {on['status']}. {on['numbers']}."
        lines.append(line + (f" By the other measures: {others}." if others else ""))
    return lines


def _said(status: Status) -> str:
    return "contrary here" if status == "contrary" else status


def _papers(name: str) -> str:
    if name == "table3":
        return "F1 in per cent, on TVSum and SumMe"
    return "F1 in per cent, on Mr.HiSum" if name == "table6" else _PAPERS


def differences_from_the_paper(report: Report) -> list[str]:
    """What has to be known when the two are set side by side."""
    lines = []
    for table in report["tables"]:
        data = table["data"]
        split = f"the split of `{data['splits']}`" if data["splits"] else "folds in which every video is tested once"
        lines.append(f"{NAMES[data['kind']]}: `{data['file']}` ({data['videos']} videos, {split}). {_about(data)}")
    lines += [
        "Validation videos choose the epoch, or it is the last one, as the schedules say; test videos do not.",
        "The mean of the samples of a video is judged, where the paper judges one sample.",
    ]
    if any(table["data"]["kind"] in ("tvsum", "youtube_highlights") for table in report["tables"]):
        lines.append(
            "SummDiff's schedule is one of a few that were compared by validation videos, after a first table 1 was "
            "seen; the other systems keep the rates of their recipes. What validates one fold tests another, so this "
            "choice, which all folds share, favours SummDiff a little."
        )
    seeds = len(report["seeds"])
    lines.append(
        f"{seeds} seed{'s' if seeds > 1 else ''} a row: intervals say what other videos would give these models, not "
        "what other training runs would."
    )
    return lines + list(report["about"])


def _about(data: Report) -> str:
    return {
        "tvsum": "Features are I3D of 2-second clips and segments are KTS on them, where the paper has Inception-v3 at "
        "one frame a second. F1 depends on the segments, and on where a system's scores have their zero, more than on "
        "their order: constant scores reach more than some systems. tau is what counts here. Steps last 2 seconds, so "
        "the shots of MAP are of two or three whole steps, 4 to 6 seconds.",
        "youtube_highlights": "The paper does not use it. It has no summaries: mean average precision of the clips, "
        "mean over a domain's videos, then over domains.",
        "mr_hisum": "The paper's data set.",
    }.get(data["kind"], "")


def schedules(report: Report) -> list[str]:
    """Each row's schedule, and the validation curve of its main measure, mean over folds and seeds."""
    lines = []
    for table in report["tables"]:
        rows: dict[str, list[Report]] = {}
        for row in table["rows"]:
            rows.setdefault(row["schedule"], []).append(row)
        lines += [f"{NAMES[table['data']['kind']]}:", ""]
        for schedule, each in rows.items():
            lines.append(f"- {', '.join(row['label'] for row in each)}: {schedule}")
            found = {curve: row["label"] for row in each if (curve := _curve(row, table["main"]))}
            lines += [f"  - {label + ': ' if len(each) > 1 else ''}{curve}" for curve, label in found.items()]
        lines.append("")
    return lines[:-1]


def _curve(row: Report, measure: str) -> str:
    """How well a row did on validation videos epoch by epoch, and which epochs were chosen, fold by fold."""
    each = [about for about in row["about"] if about.get("curve")]
    if not each:
        return ""
    epochs = list(each[0]["curve"])
    means = {epoch: float(np.mean([about["curve"][epoch] for about in each])) for epoch in epochs}
    words = f"validation {measure} by epoch " + ", ".join(f"{epoch}: {mean:.3f}" for epoch, mean in means.items())
    return words + "; taken " + ", ".join(str(epoch) for about in each for epoch in about["chosen"])
