"""The report of a table or figure: every number of it, what came of its claim, and how it came about, as JSON.

CSV, Markdown, pictures and pages are made of it (`pages`, `drawing`, `filing`), so no number is typed by hand.
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
from summdiff.errors import DataError
from summdiff.research.reproduce.cells import Measurement
from summdiff.research.reproduce.lineup import left_out
from summdiff.research.reproduce.tables import REFERENCES, Experiment, Part, to_dict
from summdiff.research.reproduce.verdicts import both

FORMAT = "summdiff.reproduced/1"
NAMES = {"tvsum": "TVSum", "youtube_highlights": "YouTube Highlights", "mr_hisum": "Mr.HiSum", "summe": "SumMe"}

Report = dict[str, Any]


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
            *(f"{NAMES[part.ground.kind]}: {why}" for part in parts if (why := _missing(part))),
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
                "schedule": _schedule(row.what),
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


def _schedule(what: Measurement) -> str:
    shipped, recipe = what.cell.recipe, what.cell.checked
    if recipe.network.model == "ridge":
        return f"`{shipped}`: in closed form"
    words = f"`{shipped}`: {recipe.epochs} epochs, {recipe.optimizer} at {recipe.learning_rate:g} "
    words += f"({recipe.learning_rate_schedule}), {recipe.videos_per_batch} videos an update"
    how = recipe.diffusion
    if recipe.network.model == "summdiff":
        words += f"; {how.samples} samples of {how.steps} steps, p = {how.p_uncond:g}, w = {how.guidance_scale:g}"
    words += "; the last epoch"
    if recipe.select == "best":
        of = f" on {recipe.validate_videos} videos at most" if recipe.validate_videos else ""
        words = words.removesuffix("the last epoch") + f"the best epoch of those that were validated{of}, "
        words += f"every {recipe.validate_every}"
    if not what.as_trained and what.target is None:
        steps, w = what.steps or how.steps, how.guidance_scale if what.guidance_scale is None else what.guidance_scale
        words += f"; then sampled in {steps} steps with w = {w:g}"
    return words


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


def read_all(results: Path) -> list[Report]:
    """The reports in a folder of results, in the order of the paper.

    Raises:
        DataError: one is damaged.
    """
    found = [path for path in sorted(results.glob("*/*.json")) if path.stem == path.parent.name]
    reports = [read(path) for path in found]
    return sorted(reports, key=lambda report: (not report["name"].startswith("table"), report["name"]))


def papers_measures(table: Report) -> list[str]:
    """The paper's measures, where the data set is judged by any of them."""
    ours, theirs = {m["name"] for m in table["measures"]}, table["paper"].get("measures", [])
    return theirs if ours & set(theirs) else []


def of_paper(table: Report, row: Report) -> dict[str, float]:
    """The paper's numbers of a row, in per cent, by column."""
    found = table["paper"].get("rows", {}).get(row.get("paper") or "", {}).get("values")
    return {f"paper_{key}": value for key, value in zip(papers_measures(table), found or (), strict=False)}
