"""Check our code (bandit) and the pinned dependencies (pip-audit) for known weaknesses: results/trust/audit.json and
.md.

    python scripts/audit.py

Fails if bandit finds something that is not explained here, if an explanation no longer applies, or if pip-audit reports
a weakness. A vulnerability service that cannot be reached is reported but is not a failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "trust"

# Why each finding is no weakness, by bandit's test and the file (None: everywhere).
EXPLAINED: dict[tuple[str, str | None], str] = {
    ("B101", None): "asserts tell the type checker what callers have made sure of; no input of a user gets that far",
    ("B404", None): "only scripts start programs, never the package; with lists of words, without a shell",
    ("B603", None): "only scripts start programs, never the package; with lists of words, without a shell",
    ("B405", "scripts/check_exports.py"): "parses files that the same script has just let us write",
    ("B314", "scripts/check_exports.py"): "parses files that the same script has just let us write",
    ("B405", "src/summdiff/export/fcp7xml.py"): "parses text that OpenTimelineIO has just made of our own timeline",
    ("B314", "src/summdiff/export/fcp7xml.py"): "parses text that OpenTimelineIO has just made of our own timeline",
    ("B405", "src/summdiff/export/fcpxml.py"): "only writes XML",
    ("B310", "scripts/smoke.py"): "the address is that of the server that the script itself has started",
    ("B104", "src/summdiff/cli/serve.py"): "compares with what the user gave; the default is 127.0.0.1",
    ("B104", "src/summdiff/web/_server.py"): "shows an address; the default is 127.0.0.1",
    ("B403", "src/summdiff/research/training/checkpoint.py"): "only the name of an error; loading is weights_only=True",
}


def bandit() -> list[dict[str, Any]]:
    """Return each finding with its explanation, None without one."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bandit.json"
        command = [sys.executable, "-m", "bandit", "-q", "-r", "src", "scripts", "-f", "json", "-o", str(target)]
        subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
        found = json.loads(target.read_text(encoding="utf-8"))["results"]
    return [
        {
            "test": finding["test_id"],
            "severity": finding["issue_severity"],
            "file": finding["filename"],
            "line": finding["line_number"],
            "says": finding["issue_text"],
            "explained": EXPLAINED.get((finding["test_id"], finding["filename"]))
            or EXPLAINED.get((finding["test_id"], None)),
        }
        for finding in found
    ]


def pip_audit(service: str) -> dict[str, Any]:
    """Return pip-audit's report on constraints.txt from one vulnerability service."""
    command = [sys.executable, "-m", "pip_audit", "-r", "constraints.txt", "--no-deps", "--disable-pip"]
    command += ["--progress-spinner", "off", "--format", "json", "--vulnerability-service", service]
    try:
        result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return {"service": service, "reached": False, "reason": "no answer within 300 s"}
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except ValueError:
        reason = (result.stderr.strip() or "no answer").splitlines()[-1]
        return {"service": service, "reached": False, "reason": reason[:300]}
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        reason = f"it knows none of the {len(packages)} packages: {packages[0]['skip_reason']}"
        return {"service": service, "reached": False, "reason": reason}
    weak = [
        {"name": p["name"], "version": p["version"], "ids": [v["id"] for v in p["vulns"]]}
        for p in audited
        if p["vulns"]
    ]
    return {"service": service, "reached": True, "audited": len(audited), "of": len(packages), "weak": weak}


def table(result: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = ["# Audits", "", "Written by `make audit`.", "", f"## bandit {result['versions']['bandit']}", ""]
    lines += ["| finding | severity | where | why it is no weakness |", "|---|---|---|---|"]
    for f in result["bandit"]:
        why = f["explained"] or "**not explained**"
        lines.append(f"| {f['test']} | {f['severity'].lower()} | `{f['file']}:{f['line']}` | {why} |")
    lines += ["", f"## pip-audit {result['versions']['pip-audit']}, of constraints.txt", ""]
    for asked in result["pip_audit"]:
        if not asked["reached"]:
            lines.append(f"- {asked['service']}: **could not be reached**, so nothing is known ({asked['reason']})")
        else:
            weak = (
                "; ".join(f"{p['name']} {p['version']}: {', '.join(p['ids'])}" for p in asked["weak"]) or "none is weak"
            )
            lines.append(f"- {asked['service']}: {asked['audited']} of {asked['of']} packages, {weak}")
    return "\n".join(lines) + "\n"


def main() -> None:
    result = {
        "versions": {name: version(name) for name in ("bandit", "pip-audit")},
        "bandit": bandit(),
        "pip_audit": [pip_audit(service) for service in ("pypi", "osv")],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "audit.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "audit.md").write_text(table(result), encoding="utf-8")
    print(table(result))
    used = {(f["test"], f["file"]) for f in result["bandit"]} | {(f["test"], None) for f in result["bandit"]}
    wrong = [f"{f['file']}:{f['line']}: {f['test']} is not explained" for f in result["bandit"] if not f["explained"]]
    wrong += [f"{key} explains nothing any more" for key in EXPLAINED if key not in used]
    wrong += [
        f"{p['name']} {p['version']} has known weaknesses: {', '.join(p['ids'])}"
        for asked in result["pip_audit"]
        for p in asked.get("weak", [])
    ]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
