"""Measure new processes from start to end: time to the first result, and memory.

    python benchmarks/start.py VIDEO [--film FILM] [--against PYTHON] [--rounds 5] [--json FILE]

In turns, each in a separate process: a Python that does nothing; one that imports NumPy, ONNX Runtime and PyAV; `import
summdiff` and `summdiff --help`; the JSON of the first seconds of the video; mp4 and JSON of the whole video, and of a
longer film, with an empty feature cache; scoring of 600 and 3,600 steps, 16 samples of 10 denoising steps, with default
threads and with one, without loading. The output has median seconds and the median peak memory of each process.

`--against` names the Python of another environment with another summdiff. Both are measured in turns, and ratios are
medians of each round's ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rows import Row, write

from summdiff.summary import Interval
from summdiff.video import write_cut

SECONDS = 6.0
LIBRARIES = "import numpy, onnxruntime, av"
# Works with any version of summdiff: `Model.sample`, wherever `load_model` is.
SCORING = """
import sys, time
import numpy as np
from threadpoolctl import threadpool_limits
try:
    from summdiff.scoring import load_model
except ImportError:
    from summdiff.models import load_model
    import torch
    torch.set_num_threads(1)
n = int(sys.argv[1])
rng = np.random.default_rng(0)
features = np.repeat(rng.normal(size=(n // 10 + 1, 1280)), 10, axis=0)[:n] + 0.3 * rng.normal(size=(n, 1280))
features = np.maximum(features, 0).astype(np.float32)
model = load_model()
with threadpool_limits(1):
    model.sample(features[:20], rate=1.0, samples=2, steps=1)
    began = time.perf_counter()
    model.sample(features, rate=1.0, samples=16, steps=10)
    print(time.perf_counter() - began)
"""


@dataclass
class Taken:
    """Seconds and MiB of each round."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def run(command: list[str], *, prints_seconds: bool, one_thread: bool) -> tuple[float, float]:
    """Run a process; return its seconds (its own measurement if it prints one) and peak MiB without its children."""
    began = time.perf_counter()
    env = os.environ | ({"SUMMDIFF_THREADS": "1"} if one_thread else {})
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}.")
    return float(said) if prints_seconds else seconds, usage.ru_maxrss / 1024


def ways_of(python: str, clip: Path, video: Path, film: Path | None, out: Path) -> dict[str, list[str]]:
    """Return the commands by name."""
    summdiff = [python, "-m", "summdiff"]

    def summary(path: Path, formats: str) -> list[str]:
        return [*summdiff, *("summarize", str(path), "-o", str(out), "--formats", formats, "--overwrite", "--no-cache")]

    ways = {
        "python": [python, "-c", "pass"],
        "libraries alone": [python, "-c", LIBRARIES],
        "import summdiff": [python, "-c", "import summdiff"],
        "summdiff --help": [*summdiff, "--help"],
        f"first scores of a clip of {SECONDS:g} s": summary(clip, "json"),
        f"json of {video.name}": summary(video, "json"),
        f"mp4 and json of {video.name}": summary(video, "mp4,json"),
        "scoring 600 steps": [python, "-c", SCORING, "600"],
        "scoring 600 steps, one thread": [python, "-c", SCORING, "600"],
        "scoring 3600 steps": [python, "-c", SCORING, "3600"],
        "scoring 3600 steps, one thread": [python, "-c", SCORING, "3600"],
    }
    return ways if film is None else ways | {f"mp4 and json of {film.name}": summary(film, "mp4,json")}


def size_of(python: str) -> float:
    """Return the MB of a Python's environment, hard links counted once."""
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    seen: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(prefix.stdout.strip()):
        for name in names:
            facts = os.lstat(os.path.join(folder, name))  # noqa: PTH118
            seen[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
    return sum(seen.values()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--film", type=Path, help="a longer one, measured in two rounds")
    parser.add_argument("--python", default=sys.executable, help="of the environment to measure (default: this one)")
    parser.add_argument("--against", help="the Python of another environment, measured in turns")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    pythons = {"this": asked.python} | ({"against": asked.against} if asked.against else {})
    taken: dict[str, dict[str, Taken]] = {name: {} for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_cut(asked.video, [Interval(0.0, SECONDS)], clip)
        ways = {
            name: ways_of(python, clip, asked.video, asked.film, Path(folder) / "out")
            for name, python in pythons.items()
        }
        for number in range(asked.rounds + 1):  # the first warms up
            for way in list(ways["this"]):
                if asked.film is not None and way.endswith(asked.film.name) and number > 2:
                    continue
                for name in list(pythons)[:: -1 if number % 2 else 1]:
                    found = taken[name].setdefault(way, Taken())
                    how = {"prints_seconds": way.startswith("scoring"), "one_thread": way.endswith("one thread")}
                    seconds, megabytes = run(ways[name][way], **how)
                    if number:
                        found.seconds.append(seconds)
                        found.megabytes.append(megabytes)
    for name, python in pythons.items():
        print(f"{name}: {python}, {size_of(python):.0f} MB on disk")
    print(f"{'median of each':36}" + "".join(f"{name + ', s':>12}{name + ', MiB':>14}" for name in pythons))
    for way in taken["this"]:
        each = [taken[name][way] for name in pythons]
        line = "".join(f"{statistics.median(t.seconds):12.2f}{statistics.median(t.megabytes):14.0f}" for t in each)
        if len(each) == 2:
            ratios = [
                statistics.median(a / b for a, b in zip(*pair, strict=True))
                for pair in ((each[0].seconds, each[1].seconds), (each[0].megabytes, each[1].megabytes))
            ]
            line += f"   ratio {ratios[0]:.2f} s, {ratios[1]:.2f} MiB"
        print(f"{way:36}{line}")
    median = {way: statistics.median(found.seconds) for way, found in taken["this"].items()}
    bound = f"of which Python itself takes {median['python']:.2f} s, and imports most of the rest"
    rows = [
        Row(
            name,
            "seconds, not a ratio",
            median[name],
            target,
            at_most=True,
            bound=bound,
            numbers={"python alone, s": median["python"]},
        )
        for name, target in (("summdiff --help", 0.3), (f"first scores of a clip of {SECONDS:g} s", 4.0))
    ]
    write(asked.json, rows)


if __name__ == "__main__":
    main()
