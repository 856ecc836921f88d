"""Kill commands at random moments, fill disks, change files while they are read, and check that nothing is lost.

    python scripts/faults.py                            # all faults, and 50 kills of each verb
    python scripts/faults.py --kills 5 --verbs train    # fewer
    python scripts/faults.py --only-faults

`summdiff` commands are killed at moments drawn from the seed, evenly over the time of an undisturbed run. After each
kill every file with a final name must be complete and the inputs unchanged. The same command is run and killed again
until it finishes: its results must equal those of the undisturbed run, and no hidden file may remain. Results are kept
in results/trust/faults.json and, as tables, in results/trust/faults.md. The exit code is 1 if anything was lost. Full
disks and read-only folders need root and are skipped without it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]

from fuzzing.fault_targets import CASES
from fuzzing.kills import VERBS, kill
from fuzzing.worker_pool import GOOD, run
from page_tables import put_table

from summdiff.atomic import written_whole

RESULTS = REPOSITORY / "results" / "trust"
PAGE = REPOSITORY / "docs" / "trust.md"


def faults(seconds: float) -> dict[str, Any]:
    """Run every case of `fault_targets`."""
    began = time.monotonic()
    each = []
    for outcome in run("fuzzing.fault_targets", "Faults", seed=0, cases=list(CASES), seconds=seconds):
        left_out = outcome.kind == "traceback" and "NotHereError" in outcome.said
        kind = "left out" if left_out else outcome.kind
        said = outcome.said.replace(str(REPOSITORY), "")
        each.append({"case": str(outcome.case), "kind": kind, "said": _form(said), "seconds": outcome.seconds})
        if kind not in (*GOOD, "left out"):
            print(f"{outcome.case}: {kind}: {outcome.said}", flush=True)
    return {
        "command": "python scripts/faults.py --only-faults",
        "seconds": round(time.monotonic() - began, 1),
        "each": each,
    }


def _form(sentence: str) -> str:
    import re

    return re.sub(r"/\S*?summdiff-trust-\w+/case/?", "", sentence)


def kills_table(found: dict[str, Any]) -> str:
    """Return one line per verb."""
    lines: list[str] = []
    kills = found.get("kills", {})
    if kills:
        lines += [
            "| killed | kills | runs that came to their end after them | kills that left a temporary file "
            "| half-written files | changed inputs | results that differ | left over after the end | failed "
            "| seconds of a run | seconds in all |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for verb, each in kills.items():
            counts = " | ".join(
                str(len(each[name]))
                for name in ("half_written", "harmed_inputs", "differences", "leftovers", "failures")
            )
            lines.append(
                f"| `summdiff {verb}` | {each['kills']} | {each['restarts']} | {each['with_temporaries']} | {counts} "
                f"| {each['seconds_of_a_run']} | {each['seconds']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def tables(found: dict[str, Any]) -> str:
    """Return all stored results as Markdown."""
    lines = [kills_table(found)]
    if "faults" in found:
        lines += ["| fault | came out as | |", "|---|---|---|"]
        for case in found["faults"]["each"]:
            said = case["said"].replace("|", "\\|").replace("\n", " ")
            lines.append(f"| {case['case']} | {case['kind']} | {said} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--only-faults", action="store_true")
    asked.add_argument("--only-kills", action="store_true")
    asked.add_argument("--seconds", type=float, default=120.0, help="that a fault may take")
    asked.add_argument("--results", type=Path, default=RESULTS)
    asked.add_argument("--only-tables", action="store_true", help="write the tables of what is kept anew")
    given = asked.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    path = given.results / "faults.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    bad = 0
    if given.only_tables:
        keep(path, found)
        return
    if not given.only_kills:
        found["faults"] = faults(given.seconds)
        bad += sum(case["kind"] not in (*GOOD, "left out") for case in found["faults"]["each"])
        keep(path, found)
    for verb in () if given.only_faults else given.verbs:
        with tempfile.TemporaryDirectory(prefix="summdiff-kills-") as place:
            (Path(place) / "work").mkdir()
            killed = kill(verb, Path(place) / "work", times=given.kills, seed=given.seed)
        command = f"python scripts/faults.py --only-kills --verbs {verb} --kills {given.kills} --seed {given.seed}"
        found.setdefault("kills", {})[verb] = {"command": command} | killed.to_dict()
        bad += not killed.good
        print(f"{verb}: {killed}", flush=True)
        keep(path, found)
    sys.exit(1 if bad else 0)


def keep(path: Path, found: dict[str, Any]) -> None:
    with written_whole(path) as partial:
        partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    with written_whole(path.with_suffix(".md")) as partial:
        partial.write_text(tables(found), encoding="utf-8")
    if path.parent == RESULTS:
        put_table(PAGE, "kills", kills_table(found))


if __name__ == "__main__":
    main()
