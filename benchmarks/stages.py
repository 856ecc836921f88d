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
began, used = time.time(), time.process_time()
stages = {}
def lap(name):
    global began, used
    now, cpu = time.time(), time.process_time()
    stages[name], began, used = (now - began, cpu - used), now, cpu
import json, sys, tempfile
from contextlib import contextmanager
stages["start of the interpreter"] = (began - float(sys.argv[2]), used)
import av, numpy, onnxruntime, safetensors
lap("imports: PyAV, NumPy, ONNX Runtime, safetensors")
import summdiff.pipeline
lap("imports: ours")
inside = {}
@contextmanager
def timed(timings, stage):
    wall, cpu = time.time(), time.process_time()
    yield
    inside[stage] = (time.time() - wall, time.process_time() - cpu)
    timings[stage] = 0.0
summdiff.pipeline._timed = timed
summarizer = summdiff.pipeline.Summarizer(cache=False)
summarizer.load()
lap("model and backbone")
summary = summarizer.summarize(sys.argv[1])
lap("whole")
with tempfile.TemporaryDirectory() as folder:
    summary.save(folder, formats=["mp4"])
    lap("writing the mp4")
    summary.save(folder, formats=["json"])
    lap("writing the JSON")
words = {"look": "decoding, backbone and listening, side by side", "listen": "words", "score": "scoring",
         "select": "shots, places", "cuts": "choosing, finding exact cuts"}
stages |= {words[name]: took for name, took in inside.items() if name in words}
rest = [sum(took[place] for name, took in inside.items()) for place in (0, 1)]
whole = stages.pop("whole")
stages["checks of the file"] = (whole[0] - rest[0], whole[1] - rest[1])
print(json.dumps([stages, time.time()]))
"""
ORDER = (
    "start of the interpreter",
    "imports: PyAV, NumPy, ONNX Runtime, safetensors",
    "imports: ours",
    "model and backbone",
    "decoding, backbone and listening, side by side",
    "words",
    "scoring",
    "shots, places",
    "choosing, finding exact cuts",
    "checks of the file",
    "writing the mp4",
    "writing the JSON",
    "end of the process",
)


def one_process(video: Path) -> dict[str, tuple[float, float]]:
    """Return the seconds of each stage of a new process: by the clock, and of the processor."""
    began = time.time()
    told = subprocess.run(
        [sys.executable, "-c", CHILD, str(video), repr(began)], capture_output=True, text=True, check=True
    )
    ended = time.time()
    stages, last = json.loads(told.stdout)
    return stages | {"end of the process": (ended - last, 0.0)}


def milliseconds(rounds: list[tuple[float, float]]) -> str:
    """Return two cells of a table: medians of milliseconds by the clock, and of the processor."""
    return " | ".join(f"{1000 * statistics.median(column):.0f}" for column in zip(*rounds, strict=True))


def plain(video: Path) -> tuple[float, float]:
    """Return the seconds of a plain decoding pass, by the clock and of the processor."""
    used = time.process_time()
    return plain_pass(video), time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    rounds, plains = [], []
    for _ in range(asked.rounds):
        rounds.append(one_process(asked.video))
        plains.append(plain(asked.video))
    lines = ["| stage | ms | ms of processor time |", "|---|---|---|"]
    lines += [f"| {name} | {milliseconds([each[name] for each in rounds])} |" for name in ORDER]
    whole = [tuple(sum(took[place] for took in each.values()) for place in (0, 1)) for each in rounds]
    lines.append(f"| all | {milliseconds(whole)} |")
    lines.append(f"| a plain decoding pass, for comparison | {milliseconds(plains)} |")
    table = "\n".join(lines)
    if asked.page:
        put_table(asked.page, "stages", f"{asked.video.name}, medians of {asked.rounds} processes:\n\n{table}")
    print(table)


if __name__ == "__main__":
    main()
