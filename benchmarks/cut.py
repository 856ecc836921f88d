"""Writing parts of a film with whole groups of pictures copied, against encoding everything, in turns.

    python benchmarks/cut.py VIDEO [--rounds 3] [--json FILE]

Two choices of parts of the video: ten of 9 s and three of 30 s, evenly placed. The ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path

from rows import Row, ratio, turns, write

from summdiff.timeline import Interval
from summdiff.video import probe, write_cut


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = []
    duration = probe(asked.video).duration
    print(f"{'parts':>12}{'encode, s':>12}{'copy, s':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for count, length in ((10, 9.0), (3, 30.0)):
            starts = [(i + 0.5) * duration / count - length / 2 for i in range(count)]
            parts = [Interval(max(start, 0.0), max(start, 0.0) + length) for start in starts]
            target = Path(folder) / "cut.mp4"
            ways = {
                method: partial(write_cut, asked.video, parts, target, method=method) for method in ("encode", "auto")
            }
            seconds = turns(ways, asked.rounds)
            times = ratio(seconds["encode"], seconds["auto"])
            encode, copy = (statistics.median(each) for each in seconds.values())
            print(f"{f'{count} x {length:g} s':>12}{encode:12.2f}{copy:10.2f}{times:8.2f}", flush=True)
            numbers = {"encoding all, s": encode, "copying, s": copy}
            name = f"writing {count} parts of {length:g} s"
            rows.append(Row(name, "encoding all of them at the same quality", times, 5.0, numbers=numbers))
    write(asked.json, rows)


if __name__ == "__main__":
    main()
