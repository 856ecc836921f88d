"""Peak memory of `summarize` on a video and on the same video looped to several hours.

    python benchmarks/memory.py VIDEO [--hours 3]

Each is summarised by the command line in a process of its own, without the cache; the peak is the resident set that
the kernel reports for it. The long file is made by copying packets, so that it costs no encoding.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av


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


def peak(video: Path, folder: Path) -> float:
    """Peak resident memory in MB of one summary."""
    code = (
        "import resource, sys; from summdiff.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as leave: assert not leave.code, leave.code\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    options = ["summarize", str(video), "-o", str(folder), "--overwrite", "--no-cache", "--quiet"]
    result = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=True)
    return int(result.stdout.split()[-1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--hours", type=float, default=3.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long = folder / "long.mkv"
        loop(arguments.video, long, arguments.hours)
        for label, path in (("as it is", arguments.video), (f"looped to {arguments.hours:g} h", long)):
            with av.open(str(path)) as container:
                seconds = container.duration / av.time_base
            features = seconds * 1280 * 4 / 1e6
            print(
                f"{label:18} {seconds:8.0f} s  peak {peak(path, folder):6.0f} MB (features {features:.0f} MB)",
                flush=True,
            )


if __name__ == "__main__":
    main()
