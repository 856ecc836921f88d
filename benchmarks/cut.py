"""Writing parts of a film with whole groups of pictures copied, against encoding everything, in turns.

    python benchmarks/cut.py VIDEO [--rounds 3]

Two choices of parts of the video: ten of 9 s and three of 30 s, evenly placed. The ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Literal

from summdiff.timeline import Interval
from summdiff.video import probe, write_cut


def seconds(source: Path, parts: list[Interval], target: Path, method: Literal["auto", "encode"]) -> float:
    began = time.perf_counter()
    write_cut(source, parts, target, method=method)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    duration = probe(asked.video).duration
    print(f"{'parts':>12}{'encode, s':>12}{'copy, s':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for count, length in ((10, 9.0), (3, 30.0)):
            starts = [(i + 0.5) * duration / count - length / 2 for i in range(count)]
            parts = [Interval(max(start, 0.0), max(start, 0.0) + length) for start in starts]
            encoded, copied = [], []
            for _ in range(asked.rounds):
                encoded.append(seconds(asked.video, parts, Path(folder) / "encoded.mp4", "encode"))
                copied.append(seconds(asked.video, parts, Path(folder) / "copied.mp4", "auto"))
            ratio = statistics.median(a / b for a, b in zip(encoded, copied, strict=True))
            print(
                f"{f'{count} x {length:g} s':>12}{statistics.median(encoded):12.2f}"
                f"{statistics.median(copied):10.2f}{ratio:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
