"""Measure where the time of one short video goes, from the start of the process to its end.

    python benchmarks/stages.py VIDEO [--rounds 7] [--page PAGE]

Each round is a new process that imports, loads, summarizes without a cache, and writes mp4 and JSON; the table has the
medians. `--page` writes it between the page's marks for it. A plain decoding pass, see `summarize.py`, and the imports
of the libraries are what remains if everything of ours took no time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from summarize import plain_pass

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from page_tables import put_table

CHILD = """
import time
began = time.time()
stages = {}
def lap(name):
    global began
    now = time.time()
    stages[name], began = now - began, now
import sys, tempfile
stages["first line"] = began - float(sys.argv[2])
import av, numpy, onnxruntime, safetensors
lap("imports: PyAV, NumPy, ONNX Runtime, safetensors")
from summdiff.pipeline import Summarizer
lap("imports: ours")
summarizer = Summarizer(cache=False)
summarizer.load()
lap("model and backbone")
summary = summarizer.summarize(sys.argv[1])
lap("summarize")
with tempfile.TemporaryDirectory() as folder:
    summary.save(folder, formats=["mp4"])
    lap("writing the mp4")
    summary.save(folder, formats=["json"])
    lap("writing the JSON")
import json
whole, known = stages.pop("summarize"), {k: v for k, v in summary.timings.items() if k != "load"}
words = {"look": "decoding and backbone, side by side", "listen": "words", "score": "scoring",
         "select": "shots, places", "cuts": "choosing, finding exact cuts"}
stages |= {words[name]: seconds for name, seconds in known.items()}
stages["checks of the file"] = whole - sum(known.values())
print(json.dumps([stages, time.time()]))
"""
ORDER = (
    "start of the interpreter",
    "imports: PyAV, NumPy, ONNX Runtime, safetensors",
    "imports: ours",
    "model and backbone",
    "decoding and backbone, side by side",
    "words",
    "scoring",
    "shots, places",
    "choosing, finding exact cuts",
    "checks of the file",
    "writing the mp4",
    "writing the JSON",
    "end of the process",
)


def one_process(video: Path) -> dict[str, float]:
    """Return the seconds of each stage of a new process."""
    began = time.time()
    told = subprocess.run(
        [sys.executable, "-c", CHILD, str(video), repr(began)], capture_output=True, text=True, check=True
    )
    ended = time.time()
    stages, last = json.loads(told.stdout)
    stages["start of the interpreter"] = stages.pop("first line")
    return stages | {"end of the process": ended - last}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    rounds, plain = [], []
    for _ in range(asked.rounds):
        rounds.append(one_process(asked.video))
        plain.append(plain_pass(asked.video))
    medians = {name: statistics.median(each[name] for each in rounds) for name in ORDER}
    lines = ["| stage | ms |", "|---|---|"]
    lines += [f"| {name} | {1000 * seconds:.0f} |" for name, seconds in medians.items()]
    lines.append(f"| **all** | **{1000 * statistics.median(sum(each.values()) for each in rounds):.0f}** |")
    lines.append(f"| a plain decoding pass, for comparison | {1000 * statistics.median(plain):.0f} |")
    table = "\n".join(lines)
    if asked.page:
        put_table(asked.page, "stages", f"{asked.video.name}, medians of {asked.rounds} processes:\n\n{table}")
    print(table)


if __name__ == "__main__":
    main()
