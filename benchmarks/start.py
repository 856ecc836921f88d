"""How long until something is to be seen: new processes, from their start.

    python benchmarks/start.py VIDEO [--rounds 5] [--json FILE]

`summdiff --help`, and the JSON of a clip of a few seconds, with nothing in the feature cache; beside each, a Python
that does nothing. The clip is the beginning of the video, copied.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from rows import Row, turns, write

from summdiff.timeline import Interval
from summdiff.video import write_cut

SECONDS = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_cut(asked.video, [Interval(0.0, SECONDS)], clip)
        run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
        summdiff = [sys.executable, "-m", "summdiff"]
        first = [*summdiff, "summarize", str(clip), "--formats", "json", "--overwrite", "--no-cache", "--quiet"]
        ways = {
            "python": partial(run, [sys.executable, "-c", "pass"]),
            "summdiff --help": partial(run, [*summdiff, "--help"]),
            f"first scores of a clip of {SECONDS:g} s": partial(run, first),
        }
        seconds = turns(ways, asked.rounds, warm=True)
    for name, each in seconds.items():
        print(f"{name:36}{statistics.median(each):8.2f} s")
    numbers = {"python alone, s": statistics.median(seconds["python"])}
    bound = f"of which Python itself takes {statistics.median(seconds['python']):.2f} s, and imports most of the rest"
    rows = [
        Row(
            name,
            "seconds, not a ratio",
            statistics.median(seconds[name]),
            target,
            at_most=True,
            bound=bound,
            numbers=numbers,
        )
        for name, target in zip(list(ways)[1:], (0.3, 4.0), strict=True)
    ]
    write(asked.json, rows)


if __name__ == "__main__":
    main()
