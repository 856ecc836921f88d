"""What a table or figure leaves behind: a report (JSON), and what is made of it: CSV, Markdown, pictures, pages.

Everything but the report itself is written from it, so no number is typed by hand.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from summdiff import __version__
from summdiff.atomic import written_whole
from summdiff.errors import DataError
from summdiff.experiments.lineup import left_out
from summdiff.experiments.systems import write_csv
from summdiff.experiments.tables import REFERENCES, Experiment, Part, to_dict
from summdiff.experiments.verdicts import Status, both
from summdiff.training.loop import make_folder

FORMAT = "summdiff.reproduced/1"
Report = dict[str, Any]

_NAMES = {"tvsum": "TVSum", "youtube_highlights": "YouTube Highlights", "mr_hisum": "Mr.HiSum", "summe": "SumMe"}
_QUICK = (
    "**QUICK MODE: tiny networks, two epochs, two folds. It shows that everything runs; its numbers mean nothing.**"
)
_SYNTHETIC = "**THE DATA IS SYNTHETIC: these numbers say nothing of real videos.**"
_PAPERS = "F1, MAP50 and MAP15 in per cent, on Mr.HiSum"


@cache
def paper() -> dict[str, Any]:
    """What the paper reports, by table: `measures`, and by row `values` and maybe `sd`, in per cent."""
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("paper.yaml").read_text(encoding="utf-8"))
    return found


def collect(
    experiment: Experiment, parts: Sequence[Part], *, seeds: Sequence[int], command: str, quick: bool
) -> Report:
    """The report of a table: every number of it, what came of its claim, and how it came about."""
    rulings = [(part, experiment.rule(part)) for part in parts]
    return {
        "format": FORMAT,
        "name": experiment.name,
        "title": experiment.title,
        "quick": quick,
        "command": command,
        "seeds": list(seeds),
        "versions": _versions(),
        "machine": _machine(),
        "axis": experiment.axis,
        "about": [
            *experiment.about,
            *(f"{_NAMES[part.ground.kind]}: {why}" for part in parts if (why := _missing(part))),
        ],
        "claim": {
            "text": experiment.claim,
            "status": both([ruling.status for _, ruling in rulings]),
            "on": [
                {
                    "data": part.ground.kind,
                    "measure": part.main,
                    "status": ruling.status,
                    "numbers": ruling.numbers,
                    "by measure": dict(ruling.by_measure),
                }
                for part, ruling in rulings
            ],
        },
        "tables": [_table(experiment, part) for part in parts],
    }


def _table(experiment: Experiment, part: Part) -> Report:
    rows = []
    for i, row in enumerate(part.rows):
        recipe = row.what.cell.checked
        rows.append(
            {
                "label": row.label,
                "at": dict(row.at),
                "paper": row.paper,
                "values": _over_seeds(part.means(i)),
                "recipe": recipe.stated() | {"seed": None},
                "schedule": _schedule(row.what.cell.recipe, recipe),
                "about": [dict(found.about) for found in part.found[i]],
            }
        )
    references = [name for name in REFERENCES if name in part.found[0][0].rows]
    return {
        "data": part.ground.describe(),
        "videos": len(part.names),
        "main": part.main,
        "measures": [to_dict(m) for m in part.measures],
        "domains": sorted(set(part.groups or ())),
        "rows": rows,
        "references": [{"label": name, "values": _over_seeds(part.means(0, name))} for name in references],
        "best": {} if len(rows) == 1 else _best(part),
        "paper": paper().get(experiment.name, {}),
    }


def _missing(part: Part) -> str:
    """Which systems are not there and why, where systems are what the rows are."""
    return left_out(part.ground) if sum(row.baseline for row in part.rows) > 1 and not part.rows[0].what.target else ""


def _over_seeds(each: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """By measure mean, deviation (n - 1) and the seeds' values; what is not measured left out."""
    found = {}
    for key in each[0]:
        values = [means[key] for means in each]
        if not np.isnan(values).any():
            sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
            found[key] = {"mean": float(np.mean(values)), "sd": sd, "values": values}
    return found


def _best(part: Part) -> dict[str, Any]:
    """By measure the best row, the runner-up, and whether the difference is more than chance between videos."""
    found = {}
    for measure in part.measures:
        order = sorted(range(len(part.rows)), key=lambda i: part.mean(i, measure.name), reverse=True)
        difference = part.difference(order[0], order[1])[measure.name]
        mean = difference.mean
        found[measure.name] = {
            "row": order[0],
            "runner_up": order[1],
            "difference": mean.value,
            "low": mean.low,
            "high": mean.high,
            "p": difference.p,
            "star": mean.low > 0,
        }
    return found


def _schedule(shipped: str, recipe: Any) -> str:
    if recipe.network.model == "ridge":
        return f"`{shipped}`: in closed form"
    words = f"`{shipped}`: {recipe.epochs} epochs, {recipe.optimizer} at {recipe.learning_rate:g} "
    words += f"({recipe.learning_rate_schedule}), {recipe.videos_per_batch} videos an update"
    if recipe.network.model == "summdiff":
        how = recipe.diffusion
        words += f"; {how.samples} samples of {how.steps} steps, p = {how.p_uncond:g}, w = {how.guidance_scale:g}"
    best = f"the best epoch of those that were validated, every {recipe.validate_every}"
    return words + f"; {best if recipe.select == 'best' else 'the last epoch'}"


def _versions() -> dict[str, str]:
    import h5py
    import torch

    return {
        "summdiff": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "h5py": h5py.__version__,
    }


def _machine() -> dict[str, Any]:
    import os

    import torch

    chip = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count(), "gpu": chip}


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
    return made + (_draw(report, folder) if report["axis"] else [])


def read(path: Path) -> Report:
    """A report.

    Raises:
        DataError: it is no report, or damaged.
    """
    try:
        report: Report = json.loads(path.read_text(encoding="utf-8"))
        if report["format"] == FORMAT:
            return report
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{path}' is no report of a table: make it anew with `summdiff reproduce`.") from error
    raise DataError(f"'{path}' is a report of another version: make it anew with `summdiff reproduce`.")


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
            lines.append(line | _of_paper(table, row))
    return lines


def _papers_measures(table: Report) -> list[str]:
    """The paper's measures, where the data set is judged by any of them."""
    ours, theirs = {m["name"] for m in table["measures"]}, table["paper"].get("measures", [])
    return theirs if ours & set(theirs) else []


def _of_paper(table: Report, row: Report) -> dict[str, float]:
    """The paper's numbers of a row, in per cent, by column."""
    found = table["paper"].get("rows", {}).get(row.get("paper") or "", {}).get("values")
    return {f"paper_{key}": value for key, value in zip(_papers_measures(table), found or (), strict=False)}


def tables(report: Report) -> list[str]:
    """The tables as lines of Markdown, one for each data set."""
    lines = [line for word, said in _warnings(report) if said for line in (word, "")]
    for table in report["tables"]:
        name = _NAMES[table["data"]["kind"]]
        seeds = report["seeds"]
        which = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± deviation over seeds {', '.join(map(str, seeds))}"
        lines += [f"### {name}, {table['videos']} videos, {which}", ""]
        theirs = _papers_measures(table)
        heads = [m["label"] for m in table["measures"]] + [f"mAP {domain}" for domain in table["domains"]]
        heads += [f"paper: {key.upper()}" for key in theirs]
        lines += [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for number, row in enumerate(table["rows"]):
            cells = [_shown(row["values"].get(m["name"]), m, table["best"], number) for m in table["measures"]]
            cells += [f"{100 * row['values'][f'map_{domain}']['mean']:.1f}" for domain in table["domains"]]
            given = _of_paper(table, row)
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
        line = f"- {_NAMES[on['data']]}, {on['measure']}: {on['status']}. {on['numbers']}."
        lines.append(line + (f" By the other measures: {others}." if others else ""))
    return lines


def _said(status: Status) -> str:
    return "contrary here" if status == "contrary" else status


def page(report: Report) -> str:
    """The page of a table: the paper's numbers beside ours, what came of the claim, and what differs."""
    name, title = report["name"], report["title"]
    lines = [f"# {name[:-1].capitalize()} {name[-1]}: {title[:1].lower()}{title[1:]}", ""]
    lines += [f"Made by `{report['command']}`; `{name}.json` says how, and has every seed's values.", ""]
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
        lines.append(f"{_NAMES[data['kind']]}: `{data['file']}` ({data['videos']} videos, {split}). {_about(data)}")
    lines += [
        "Validation videos choose the epoch, or it is the last one, as the schedules say; test videos choose nothing.",
        "The mean of the samples of a video is judged, where the paper judges one sample.",
    ]
    seeds = len(report["seeds"])
    lines.append(
        f"{seeds} seed{'s' if seeds > 1 else ''} a row: intervals say what other videos would give these models, not "
        "what other training runs would."
    )
    return lines + list(report["about"])


def _about(data: Report) -> str:
    return {
        "tvsum": "Features are I3D of 2-second clips and segments are KTS on them, where the paper has Inception-v3 at "
        "one frame a second. F1 depends on the segments, and hardly tells systems apart: tau is what counts here.",
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
        lines += [f"{_NAMES[table['data']['kind']]}:", ""]
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


def _draw(report: Report, folder: Path) -> list[Path]:
    """Each measure over what the table varies, a panel for each data set and unit, with the paper's where it has it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    axis, label = report["axis"]
    panels = [(table, percent) for table in report["tables"] for percent in (False, True)]
    panels = [p for p in panels if any(m["percent"] == p[1] for m in p[0]["measures"])]
    figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
    for axes, (table, percent) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        x = [float(row["at"][axis]) for row in table["rows"]]
        for measure in (m for m in table["measures"] if m["percent"] == percent):
            values = [row["values"][measure["name"]] for row in table["rows"]]
            factor = 100 if percent else 1
            means = [factor * value["mean"] for value in values]
            spread = [factor * value["sd"] for value in values] if values[0]["sd"] is not None else None
            (line, *_) = axes.errorbar(x, means, yerr=spread, marker="o", capsize=3, label=measure["label"])
            key = f"paper_{measure['name']}"
            theirs = [(at, _of_paper(table, row).get(key)) for at, row in zip(x, table["rows"], strict=True)]
            theirs = [(at, value) for at, value in theirs if value is not None]
            if theirs and percent:
                style = {"marker": "x", "linestyle": ":", "color": line.get_color()}
                axes.plot(*zip(*theirs, strict=True), label=f"{measure['label']}, paper (other data)", **style)
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.minorticks_off()
        axes.set_xlabel(label)
        axes.set_ylabel("per cent" if percent else "rank correlation")
        axes.set_title(_NAMES[table["data"]["kind"]] + (" (QUICK)" if report["quick"] else ""))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
    made = []
    for kind in ("png", "svg"):
        path = folder / f"{report['name']}.{kind}"
        # The same numbers give the same file.
        with rc_context({"svg.hashsalt": report["name"]}), written_whole(path) as partial:
            figure.savefig(partial, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
        made.append(path)
    return made


def read_all(results: Path) -> list[Report]:
    """The reports in a folder of results, in the order of the paper.

    Raises:
        DataError: one is damaged.
    """
    found = [path for path in sorted(results.glob("*/*.json")) if path.stem == path.parent.name]
    reports = [read(path) for path in found]
    return sorted(reports, key=lambda report: (not report["name"].startswith("table"), report["name"]))


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
        on = "; ".join(f"{_NAMES[o['data']]}: {o['numbers']}" for o in report["claim"]["on"])
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
