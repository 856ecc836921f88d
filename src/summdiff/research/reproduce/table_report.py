"""The report of a table as JSON: all numbers, the results of the claim's checks, and the provenance.

CSV, Markdown and figures are written from it (`write_reports`), so no number is typed by hand.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from summdiff._untrusted import read_json
from summdiff.errors import DataError
from summdiff.research.reproduce.measurements import Measurement
from summdiff.research.reproduce.runs import versions
from summdiff.research.reproduce.sampling_study import LOWER_IS_BETTER
from summdiff.research.reproduce.table_plans import TablePlan, paper
from summdiff.research.reproduce.table_values import TableValues, check_claim, worst

FORMAT = "summdiff.reproduced/1"
DATA_NAMES = {"tvsum": "TVSum", "youtube_highlights": "YouTube Highlights", "mr_hisum": "Mr.HiSum", "summe": "SumMe"}
_REFERENCES = ("random", "constant", "annotator with another", "mean of the others", "oracle")

TableReport = dict[str, Any]


def make_report(
    plan: TablePlan, results: Sequence[TableValues], *, seeds: Sequence[int], command: str, quick: bool
) -> TableReport:
    """Return the report of a table from its values on each data set."""
    checked = [(values, check_claim(values, plan.spec.checks)) for values in results] if plan.spec.checks else []
    return {
        "format": FORMAT,
        "name": plan.name,
        "title": plan.spec.title,
        "quick": quick,
        "command": command,
        "seeds": list(seeds),
        "versions": versions(),
        "machine": _machine(),
        "axis": plan.spec.axis,
        "about": list(plan.notes),
        "claim": {
            "text": plan.spec.claim,
            "status": worst([claim.status for _, claim in checked]),
            "on": [
                {
                    "data": values.data.kind,
                    "measure": values.main.name,
                    "status": claim.status,
                    "numbers": claim.numbers,
                    "by measure": dict(claim.by_measure),
                }
                for values, claim in checked
            ],
        },
        "tables": [_table(plan.name, values) for values in results],
    }


def _table(name: str, values: TableValues) -> TableReport:
    rows = []
    for i, row in enumerate(values.rows):
        about = [dict(measured.about) for measured in values.measured[i]]
        rows.append(
            {
                "label": row.label,
                "at": dict(row.at),
                "paper": row.paper,
                "values": _over_seeds(values.means(i)),
                "columns": _mean_columns([one.get("columns", {}).get(row.readout, {}) for one in about]),
                "recipe": row.measurement.run.recipe.stated() | {"seed": None},
                "schedule": _schedule(row.measurement),
                "about": about,
            }
        )
    references = [reference for reference in _REFERENCES if reference in values.measured[0][0].rows]
    return {
        "data": values.data.describe(),
        "videos": len(values.names),
        "main": values.main.name,
        "measures": [
            {"name": m.name, "label": m.label, "percent": m.percent, "about": m.about} for m in values.measures
        ],
        "domains": sorted(set(values.groups or ())),
        "rows": rows,
        "references": [{"label": name, "values": _over_seeds(values.means(0, name))} for name in references],
        "best": {} if len(rows) == 1 else _best(values),
        "differences": [_difference(values, other) for other in range(1, len(rows))],
        "paper": paper().get(name, {}),
    }


def _over_seeds(by_seed: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return for each measure the mean, the deviation over seeds (n - 1) and each seed's value; nan is left out."""
    result = {}
    for measure in by_seed[0]:
        values = [means[measure] for means in by_seed]
        if not np.isnan(values).any():
            sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
            result[measure] = {"mean": float(np.mean(values)), "sd": sd, "values": values}
    return result


def _mean_columns(by_seed: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([columns[name] for columns in by_seed])) for name in by_seed[0]}


def _best(values: TableValues) -> dict[str, Any]:
    """Return for each measure the best row, the runner-up, and whether their difference is significant."""
    best = {}
    for measure in values.measures:
        sign = -1 if measure.name in LOWER_IS_BETTER else 1
        means = {i: sign * values.mean(i, measure.name) for i in range(len(values.rows))}
        order = sorted((i for i, mean in means.items() if not np.isnan(mean)), key=lambda i: means[i], reverse=True)
        if len(order) < 2:
            continue
        difference = values.difference(order[0], order[1])[measure.name]
        mean = difference.mean
        best[measure.name] = {
            "row": order[0],
            "runner_up": order[1],
            "difference": mean.value,
            "low": mean.low,
            "high": mean.high,
            "p": difference.p,
            "star": mean.low > 0 if sign > 0 else mean.high < 0,
        }
    return best


def _difference(values: TableValues, other: int) -> dict[str, Any]:
    """Return the first row minus another, by measure."""
    return {
        "row": other,
        "measures": {
            name: {
                "difference": difference.mean.value,
                "low": difference.mean.low,
                "high": difference.mean.high,
                "p": difference.p,
                "better": difference.better,
                "worse": difference.worse,
            }
            for name, difference in values.difference(0, other).items()
        },
    }


def _schedule(measurement: Measurement) -> str:
    """Return a row's training schedule and sampling in words."""
    name, recipe = measurement.run.recipe_name, measurement.run.recipe
    if recipe.network.model == "ridge":
        return f"`{name}`: in closed form"
    words = f"`{name}`: {recipe.epochs} epochs, {recipe.optimizer} at {recipe.learning_rate:g} "
    words += f"({recipe.learning_rate_schedule}), {recipe.videos_per_batch} videos per update"
    how = recipe.diffusion
    if recipe.network.learns is None:
        words += f"; {how.samples} samples of {how.steps} steps, p = {how.p_uncond:g}, w = {how.guidance_scale:g}"
    if recipe.select == "best":
        of = f" (on at most {recipe.validate_videos} videos)" if recipe.validate_videos else ""
        words += f"; the best epoch on validation videos{of} of every {recipe.validate_every}"
    else:
        words += "; the last epoch"
    if not measurement.trains and measurement.study is None and not measurement.offset:
        steps = measurement.steps or how.steps
        scale = how.guidance_scale if measurement.guidance_scale is None else measurement.guidance_scale
        words += f"; then sampled in {steps} steps with w = {scale:g}"
    return words


def _machine() -> dict[str, Any]:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count(), "gpu": gpu}


def read_report(path: Path) -> TableReport:
    """Read a report.

    Raises:
        DataError: the file is not a report, or of another version.
    """
    try:
        report: TableReport = read_json(path)
        if report["format"] == FORMAT:
            return report
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{path}' is not a table's report: make it again with `summdiff reproduce`.") from error
    raise DataError(f"'{path}' is a report of another version: make it again with `summdiff reproduce`.")


def read_reports(results: Path) -> list[TableReport]:
    """Read the reports in a folder of results, in the order of the paper.

    Raises:
        DataError: the folder does not exist, or a report is damaged.
    """
    if not results.is_dir():
        raise DataError(f"There is no folder of results '{results}': make one with `summdiff reproduce all`.")
    paths = [path for path in sorted(results.glob("*/*.json")) if path.stem == path.parent.name]
    reports = [read_report(path) for path in paths]
    return sorted(reports, key=lambda report: (not report["name"].startswith("table"), report["name"]))


def paper_measures(table: TableReport) -> list[str]:
    """Return the paper's measures, if the data set is judged by any of them."""
    ours, theirs = {m["name"] for m in table["measures"]}, table["paper"].get("measures", [])
    return theirs if ours & set(theirs) else []


def paper_values(table: TableReport, row: TableReport) -> dict[str, float]:
    """Return the paper's numbers for a row, in per cent, by column `paper_<measure>`."""
    values = table["paper"].get("rows", {}).get(row.get("paper") or "", {}).get("values")
    return {f"paper_{name}": value for name, value in zip(paper_measures(table), values or (), strict=False)}
