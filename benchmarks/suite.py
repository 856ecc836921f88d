"""Run all comparisons with their targets, as `make bench` does. Writes benchmarks/results.json and docs/speed.md.

    python benchmarks/suite.py VIDEO [--only NAME ...] [--output FILE]

The scripts run one after the other, each in a separate process; an idle machine needs less than an hour. With --only,
the rows of other scripts stay. A row has its script, the alternative, the ratio, the target, whether it is met, and
what limits it if not; the ratio is null if it could not be measured here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from page_tables import put_table

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "speed.md"
# In the order of the table; {video} is the film.
SCRIPTS: dict[str, list[str]] = {
    "summarize": ["{video}", "--profile", str(PAGE)],
    "looking": ["{video}"],
    "fast": ["{video}"],
    "listening": ["{video}"],
    "backbone": [],
    "segmentation": [],
    "knapsack": [],
    "sampling": [],
    "training": [],
    "reading": [],
    "evaluation": [],
    "cut": ["{video}"],
    "start": ["{video}"],
    "accelerator": [],
}


def measured(name: str, video: Path) -> list[dict[str, Any]] | None:
    """Return the rows of one script; None if it failed, after it printed why."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "rows.json"
        options = [option.format(video=video) for option in SCRIPTS[name]]
        ended = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *options, "--json", str(told)], check=False)
        if ended.returncode:
            return None
        return [{"script": name} | row for row in json.loads(told.read_text(encoding="utf-8"))]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = ["| | against | ratio | target | |", "|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        target = "" if row["target"] is None else f"{'≤' if row['at_most'] else '≥'} {row['target']:.3g}"
        if row["ratio"] is None:
            said = f"unmeasured: {row['bound']}"
        else:
            said = {True: "met", False: f"missed: {row['bound']}", None: row["bound"]}[row["met"]]
        lines.append(f"| {row['name']} | {row['against']} | {ratio} | {target} | {said} |")
    machines = {f"{row['machine']['cpu']}, {row['machine']['cores']} cores" for row in rows}
    lines += ["", f"Measured on: {'; '.join(sorted(machines))}."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(asked.output.read_text()) if asked.output.exists() else []
    failed = []
    for name in asked.only:
        print(f"== {name}", flush=True)
        found = measured(name, asked.video)
        if found is None:
            failed.append(name)
            continue
        kept = {script: [row for row in rows if row["script"] == script] for script in SCRIPTS} | {name: found}
        rows = [row for script in SCRIPTS for row in kept[script]]
        asked.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")  # after each: a stop loses little
    print(table(rows))
    if asked.output.resolve() == RESULTS:
        put_table(PAGE, "bench", table(rows))
    if failed:
        sys.exit(f"Failed, and not in the table as of now: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
