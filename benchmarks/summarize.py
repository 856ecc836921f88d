"""Where the time of `summarize` goes, as shares of one plain decoding pass over the same file.

    python benchmarks/summarize.py VIDEO [--rounds 3] [--json FILE]

Each round runs one plain pass (PyAV, threads on, every frame decoded, one frame a second scaled to 256 px and turned
into an array, nothing else) and one summary without the feature cache, in turns. The ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import av

import summdiff
from summdiff.timeline import Summary
from summdiff.video import write_cut


def plain_pass(path: Path) -> float:
    """Seconds of the plain pass."""
    began = time.perf_counter()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        wanted = 0.0
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= wanted:
                height = 256 if frame.height < frame.width else round(256 * frame.height / frame.width)
                width = round(height * frame.width / frame.height)
                frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
                wanted += 1.0
    return time.perf_counter() - began


def one_round(path: Path, summarizer: summdiff.Summarizer, target: Path) -> tuple[float, float, float, Summary]:
    plain = plain_pass(path)
    began = time.perf_counter()
    summary = summarizer.summarize(path)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    write_cut(path, summary.selection, target)
    cut = time.perf_counter() - began
    target.unlink()
    return plain, whole, cut, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    summarizer = summdiff.Summarizer(cache=False)
    summarizer.load()
    target = arguments.video.with_name(f".{arguments.video.stem}.benchmark.mp4")
    rounds = [one_round(arguments.video, summarizer, target) for _ in range(arguments.rounds)]

    plain = statistics.median(r[0] for r in rounds)
    rows = [("plain decoding pass", plain, 1.0)]
    rows.append(("summarize", statistics.median(r[1] for r in rounds), statistics.median(r[1] / r[0] for r in rounds)))
    for stage in ("look", "score", "select"):
        seconds = [r[3].timings[stage] for r in rounds]
        shares = [r[3].timings[stage] / r[0] for r in rounds]
        rows.append((f"  {stage}", statistics.median(seconds), statistics.median(shares)))
    rows.append(
        ("write the mp4", statistics.median(r[2] for r in rounds), statistics.median(r[2] / r[0] for r in rounds))
    )

    info = rounds[0][3].video
    print(f"{arguments.video.name}: {info.duration:.1f} s, {info.width}x{info.height}, {os.cpu_count()} cores")
    print(f"{'':22}{'seconds':>9}{'share of the plain pass':>26}")
    for name, seconds, share in rows:
        print(f"{name:22}{seconds:9.2f}{share:26.2f}")
    if arguments.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        document = {
            "video": arguments.video.name,
            "rounds": arguments.rounds,
            "machine": machine,
            "stages": [{"name": name.strip(), "seconds": s, "ratio": r} for name, s, r in rows],
        }
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
