"""The figure of a report whose rows lie on an axis."""

from __future__ import annotations

from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.research.reproduce.reports import NAMES, Report, of_paper


def draw(report: Report, folder: Path) -> list[Path]:
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
            theirs = [(at, of_paper(table, row).get(key)) for at, row in zip(x, table["rows"], strict=True)]
            theirs = [(at, value) for at, value in theirs if value is not None]
            if theirs and percent:
                style = {"marker": "x", "linestyle": ":", "color": line.get_color()}
                axes.plot(*zip(*theirs, strict=True), label=f"{measure['label']}, paper (other data)", **style)
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.minorticks_off()
        axes.set_xlabel(label)
        axes.set_ylabel("per cent" if percent else "rank correlation")
        not_real = " (QUICK)" if report["quick"] else " (SYNTHETIC)" if table["data"]["synthetic"] else ""
        axes.set_title(NAMES[table["data"]["kind"]] + not_real)  # a figure is seen without its page, too
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
