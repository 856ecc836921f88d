"""Tabulate the results of `mutmut run`: results/trust/mutation.json and .md.

    python scripts/mutation_table.py [FOLDER]

FOLDER is where mutmut ran, by default this repository.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "trust"
PACKAGE = Path("mutants") / "src" / "summdiff"
# mutmut's exit codes: of pytest, of a run that it stopped for taking too long, and of a function that no test calls.
KILLED, SURVIVED, UNTESTED = 1, 0, 33


def counts(folder: Path) -> dict[str, dict[str, int]]:
    """Count by module the mutants `killed` (a test failed), `stopped` (endless), `survived`, `untested`, `not_run`."""
    found = {}
    for path in sorted((folder / PACKAGE).rglob("*.py.meta")):
        codes = list(json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].values())
        if codes:
            found[str(path.relative_to(folder / PACKAGE)).removesuffix(".meta")] = {
                "mutants": len(codes),
                "killed": codes.count(KILLED),
                "stopped": sum(code is not None and code not in (KILLED, SURVIVED, UNTESTED) for code in codes),
                "survived": codes.count(SURVIVED),
                "untested": codes.count(UNTESTED),
                "not_run": codes.count(None),
            }
    return found


def share(row: dict[str, int]) -> str:
    run = row["mutants"] - row["not_run"]
    return f"{(row['killed'] + row['stopped']) / run:.1%}" if run else ""


def table(found: dict[str, dict[str, int]]) -> str:
    """Return the counts as Markdown."""
    lines = ["# Mutation testing", "", f"Written by `make mutants` (mutmut {version('mutmut')}).", ""]
    lines += ["| module | mutants | noticed | killed | stopped | survived | untested | not run |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    total = {key: sum(row[key] for row in found.values()) for key in next(iter(found.values()))}
    for name, row in [*((f"`{name}`", row) for name, row in found.items()), ("all", total)]:
        rest = [row[key] for key in ("killed", "stopped", "survived", "untested", "not_run")]
        numbers = [row["mutants"], share(row), *rest]
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    found = counts(folder)
    if not found:
        sys.exit(f"'{folder}' holds no run of mutmut.")
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "mutation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "mutation.md").write_text(table(found), encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
