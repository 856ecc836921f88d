"""Compare looking at a film with and without listening to it, in turns: seconds, and seconds of the processor.

    python benchmarks/listening.py VIDEO... [--rounds 5] [--json FILE]

Nothing is cached. Seconds of the processor count all threads of the process.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from rows import Row, ratio, write

from summdiff.features import load_backbone
from summdiff.features.extraction import extract
from summdiff.options import DEFAULT_BACKBONE

TARGET = 1.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    backbone = load_backbone(DEFAULT_BACKBONE)
    rows = []
    for path in asked.videos:
        video = extract(path, backbone, rate=1.0).video  # also loads what is loaded once
        wall: dict[bool, list[float]] = {False: [], True: []}
        processor: dict[bool, list[float]] = {False: [], True: []}
        for n in range(asked.rounds):
            for sound in (False, True) if n % 2 else (True, False):
                start, start_cpu = time.perf_counter(), time.process_time()
                extract(path, backbone, rate=1.0, sound=sound)
                wall[sound].append(time.perf_counter() - start)
                processor[sound].append(time.process_time() - start_cpu)
        name = f"looking with sound, {video.width} × {video.height}"
        slower, more = ratio(wall[True], wall[False]), ratio(processor[True], processor[False])
        numbers = {"processor": more, "without, s": statistics.median(wall[False]), "film, s": video.duration}
        print(f"{path.name}: {numbers}", flush=True)
        bound = (
            "sound costs the same whatever the size of the pictures; on more than two cores its thread runs beside"
            if slower > TARGET
            else ""
        )
        rows.append(Row(name, "without", slower, TARGET, at_most=True, bound=bound, numbers=numbers))
    write(asked.json, rows)


if __name__ == "__main__":
    main()
