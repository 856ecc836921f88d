"""Measure memory, time and shots of `summarize` on a video and on the same video looped to several hours.

    python benchmarks/memory.py VIDEO [--hours 3]

The command line summarizes each in a separate process without the cache; the peak is the resident set reported by the
kernel. The long file is made by copying packets, without encoding.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from summdiff import Summary


def loop(source: Path, target: Path, hours: float) -> None:
    """Repeat the packets of a file until it lasts at least `hours`."""
    with av.open(str(target), "w") as output:
        streams = {}
        offset = Fraction(0)
        while offset < hours * 3600:
            with av.open(str(source)) as container:
                chosen = [s for s in (container.streams.best("video"), container.streams.best("audio")) if s]
                for stream in chosen:
                    if stream.index not in streams:
                        streams[stream.index] = output.add_stream_from_template(stream)
                end = Fraction(0)
                for packet in container.demux(chosen):
                    if packet.dts is None:
                        continue
                    base = packet.time_base
                    end = max(end, (packet.pts + packet.duration) * base)
                    packet.pts += round(offset / base)
                    packet.dts += round(offset / base)
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)
                offset += end


def measured(video: Path, folder: Path) -> dict[str, float]:
    """Summarize once; return peak resident memory in MB, seconds, the video's duration, shots, and chosen shots."""
    code = (
        "import resource, sys; from summdiff.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as leave: assert not leave.code, leave.code\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    options = ["summarize", str(video), "-o", str(folder), "--overwrite", "--no-cache", "--quiet"]
    began = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    summary = Summary.from_json(folder / f"{video.stem}.summary.json")
    return {
        "duration": summary.video.duration,
        "shots": len(summary.shots),
        "chosen": sum(shot.selected for shot in summary.shots),
        "parts": len(summary.selection),
        "scoring": summary.timings["score"],
        "seconds": seconds,
        "memory": int(result.stdout.split()[-1]) * 1024 / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--hours", type=float, default=3.0)
    asked = parser.parse_args()
    print(f"{'':24}{'duration':>10}{'shots':>8}{'chosen':>8}{'parts':>8}{'scoring':>10}{'all':>10}{'memory':>10}")
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / f"long{asked.video.suffix}"
        for name, video in ((asked.video.name, asked.video), (f"looped to {asked.hours:g} h", long)):
            if video == long:
                loop(asked.video, long, asked.hours)
            row = measured(video, Path(folder))
            print(
                f"{name[:23]:24}{row['duration']:8.0f} s{row['shots']:8.0f}{row['chosen']:8.0f}{row['parts']:8.0f}"
                f"{row['scoring']:8.1f} s{row['seconds']:8.1f} s{row['memory']:7.0f} MB"
            )


if __name__ == "__main__":
    main()
