"""Feed many broken and changed files to the product, and check that each case ends well.

    python scripts/fuzz.py --what corpus                # the videos of fuzzing/nasty_videos.py, from Python
    python scripts/fuzz.py --what command               # the same through `summdiff summarize`
    python scripts/fuzz.py --what video --cases 5000    # changed films through probe, sampling, summary, mp4 and JSON
    python scripts/fuzz.py --what h5 json recipe model cache --cases 1000

Case n of a seed is always the same file. Each case runs in a supervised process: a crash, a hang or a memory overflow
is attributed to its case, and the process is restarted. A case ends well if it is done or refused in one sentence; the
exit code is 1 if any case ends otherwise. Results are kept in results/trust/fuzz.json, one entry per kind of file, and
as a table in results/trust/fuzz.md. Two runs with the same digest had the same outcome in every case: the same
sentence, or a summary of the same length.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]

from fuzzing.nasty_videos import CASES
from fuzzing.worker_pool import GOOD, Outcome, run
from page_tables import put_table

from summdiff.atomic import written_whole

RESULTS = REPOSITORY / "results" / "trust"
PAGE = REPOSITORY / "docs" / "trust.md"
TARGETS = {
    "corpus": "Corpus",
    "command": "Command",
    "video": "Video",
    "h5": "H5",
    "json": "Json",
    "recipe": "Recipe",
    "model": "Model",
    "cache": "Cache",
}
ABOUT = {
    "corpus": "nasty videos, from Python",
    "command": "nasty videos, by `summdiff summarize`",
    "video": "changed films",
    "h5": "changed data and predictions (HDF5)",
    "json": "changed summaries, predictions, splits (JSON, YAML)",
    "recipe": "changed recipes (YAML)",
    "model": "changed model folders",
    "cache": "changed cache entries",
}


def as_expected(outcome: Outcome) -> bool:
    """Tell whether a video of the corpus ended as its table says."""
    expected = CASES[str(outcome.case)].expected
    if expected == "either":
        return outcome.kind in GOOD
    if expected == "summary":
        return outcome.kind == "done"
    return outcome.kind == "sentence" and re.search(expected, outcome.said) is not None


def fuzz(what: str, *, seed: int, first: int, cases: int, workers: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Store the results of all cases of a kind of file: regularly, and at the end."""
    corpus = what in ("corpus", "command")
    asked = list(CASES) if corpus else list(range(first, first + cases))
    began = time.monotonic()
    outcomes: list[Outcome] = []
    for outcome in run("fuzzing.fuzz_targets", TARGETS[what], seed=seed, cases=asked, workers=workers, seconds=seconds):
        outcomes.append(outcome)
        if outcome.kind not in GOOD or (corpus and not as_expected(outcome)):
            print(f"{what} {outcome.case}: {outcome.kind}: {outcome.said}", flush=True)
        if len(outcomes) % 250 == 0 or len(outcomes) == len(asked):
            print(f"{what}: {len(outcomes)} of {len(asked)}, {time.monotonic() - began:.0f} s", flush=True)
            command = f"python scripts/fuzz.py --what {what}"
            if not corpus:
                command += f" --cases {cases} --seed {seed}" + (f" --first {first}" if first else "")
            yield {
                "command": command,
                "seconds": round(time.monotonic() - began, 1),
                "allowed_seconds": seconds,
                "workers": workers,
                **_summed_up(outcomes, corpus=corpus),
            }


def _summed_up(outcomes: Sequence[Outcome], *, corpus: bool) -> dict[str, Any]:
    bad = [outcome for outcome in outcomes if outcome.kind not in GOOD or (corpus and not as_expected(outcome))]
    settled = [outcome for outcome in outcomes if not outcome.fresh]
    tenth = max(1, len(settled) // 10)
    ends = (settled[:tenth], settled[-tenth:])
    found: dict[str, Any] = {
        "cases": len(outcomes),
        "outcomes": dict(Counter(outcome.kind for outcome in outcomes)),
        "digest": _digest(outcomes),
        "bad": [{"case": outcome.case, "kind": outcome.kind, "said": outcome.said} for outcome in bad],
        "slowest": round(max((outcome.seconds for outcome in settled), default=0.0), 2),
        "rss_mib": [round(_mean(part, "rss")) for part in ends],
        "descriptors": [round(_mean(part, "descriptors")) for part in ends],
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "versions": _versions(),
    }
    if corpus:
        found["each"] = [
            {"case": str(outcome.case), "kind": outcome.kind, "said": _form(outcome.said), "seconds": outcome.seconds}
            for outcome in outcomes
        ]
    return found


def _digest(outcomes: Sequence[Outcome]) -> str:
    """Return a digest of the outcomes, independent of the order of the cases and of temporary folders."""
    each = sorted((str(o.case), o.kind, re.sub(r"/\S*summdif[^\s']*", "", o.said)) for o in outcomes)
    return hashlib.sha256(repr(each).encode()).hexdigest()[:12]


def _mean(outcomes: list[Outcome], name: str) -> float:
    return sum(getattr(outcome, name) for outcome in outcomes) / max(1, len(outcomes))


def _form(sentence: str) -> str:
    """Return a sentence without the folder it names."""
    return re.sub(r"/\S*?summdiff-trust-\w+/case/?", "", sentence)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("summdiff", "av", "torch", "numpy", "h5py", "onnxruntime")}


def summary_table(found: dict[str, Any]) -> str:
    """Return one line per kind of file."""
    lines = [
        "| what | cases | done | refused in a sentence | anything else | seconds | slowest case "
        "| MiB, first and last tenth | open files | digest | command |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for what in TARGETS:
        if what not in found:
            continue
        each = found[what]
        count = each["outcomes"]
        rss, opened = (" → ".join(map(str, each[name])) for name in ("rss_mib", "descriptors"))
        lines.append(
            f"| {ABOUT[what]} | {each['cases']} | {count.get('done', 0)} | {count.get('sentence', 0)} "
            f"| {len(each['bad'])} | {each['seconds']:.0f} | {each['slowest']} s | {rss} | {opened} "
            f"| `{each['digest']}` | `{each['command']}` |"
        )
    return "\n".join(lines) + "\n"


def table(found: dict[str, Any]) -> str:
    """Return all stored results as Markdown."""
    lines = [summary_table(found)]
    bad = [(what, case) for what in TARGETS for case in found.get(what, {}).get("bad", ())]
    if bad:
        lines += ["", "What is neither done nor refused in a sentence:", ""]
        lines += [f"- {ABOUT[what]}, case {case['case']}: {case['kind']}." for what, case in bad]
    if "corpus" in found:
        lines += ["", "| nasty video | came out as | |", "|---|---|---|"]
        for case in sorted(found["corpus"]["each"], key=lambda case: list(CASES).index(case["case"])):
            said = case["said"].replace("|", "\\|").encode("unicode_escape").decode("ascii")
            lines.append(f"| {case['case']} | {'summary' if case['kind'] == 'done' else case['kind']} | {said} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--what", nargs="+", choices=TARGETS, default=list(TARGETS))
    asked.add_argument("--cases", type=int, default=1000)
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--seconds", type=float, default=60.0, help="that a case may take")
    asked.add_argument("--results", type=Path, default=RESULTS)
    asked.add_argument("--only-tables", action="store_true", help="write the tables of what is kept anew")
    given = asked.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    bad = 0
    if given.only_tables:
        keep(given.results, json.loads((given.results / "fuzz.json").read_text(encoding="utf-8")))
        return
    for what in given.what:
        path = given.results / "fuzz.json"
        how = {name: getattr(given, name) for name in ("seed", "first", "cases", "workers", "seconds")}
        for fresh in fuzz(what, **how):
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            found[what] = fresh
            keep(given.results, found)
        bad += len(fresh["bad"])
        print(f"{what}: {fresh['outcomes']} in {fresh['seconds']} s, digest {fresh['digest']}", flush=True)
    sys.exit(1 if bad else 0)


def keep(folder: Path, found: dict[str, Any]) -> None:
    with written_whole(folder / "fuzz.json") as partial:
        # Names of files need not be text.
        partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    with written_whole(folder / "fuzz.md") as partial:
        partial.write_text(table(found), encoding="utf-8")
    if folder == RESULTS:
        put_table(PAGE, "fuzz", summary_table(found))


if __name__ == "__main__":
    main()
