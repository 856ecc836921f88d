"""Measure training on features larger than its memory: Mr.HiSum's format, read by worker processes.

    python benchmarks/reading.py [--videos 500 4000] [--workers 2] [--devices 1] [--json FILE]

For each number of synthetic videos (`summdiff data make-synthetic`, 1024 features per second in half precision), train
one epoch of `summdiff_paper_mr_hisum` with a small network and batches of 64 in separate processes. Memory is the peak
of all its processes together, shared pages counted once (PSS), without the system's page cache. It must stay below the
size of the largest file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import Row, write

from summdiff.data.synthetic import make_synthetic

SMALL = ["network.width=16", "network.heads=2", "network.feed_forward=32", "network.encoder_layers=1"]
LONG = ["epochs=1", "videos_per_batch=64", "micro_batch=16", "select=last", "hold_out=0", "in_memory=false"]
SHARE = 1.0  # of the largest file, that memory stays below


def family(process: int) -> list[int]:
    """Return a process and all its descendants."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [process, *(number for child in children for number in family(child))]


def taken(process: int) -> float:
    """Return the MiB a process holds, with its share of shared pages."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def one(videos: int, workers: int, devices: int) -> dict[str, Any]:
    """Write a file, train on it and measure."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_synthetic(folder / "large.h5", videos=videos)
        where = [f"data={folder / 'large.h5'}", f"output={folder / 'out'}", f"workers={workers}", f"devices={devices}"]
        command = [sys.executable, "-m", "summdiff", "train", "summdiff_paper_mr_hisum", *SMALL, *LONG, *where]
        began, peak = time.perf_counter(), 0.0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            peak = max(peak, sum(taken(number) for number in family(process.pid)))
            time.sleep(0.2)
        if process.returncode:
            raise SystemExit(process.stderr.read() if process.stderr else "It failed.")
        size = (folder / "large.h5").stat().st_size / 2**20
    return {"videos": videos, "file_mib": size, "peak_mib": peak, "seconds": time.perf_counter() - began}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, nargs="+", default=[500, 4000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print(f"{'videos':>8}{'file, MiB':>12}{'peak, MiB':>12}{'seconds':>10}")
    found = []
    for videos in sorted(asked.videos):
        row = one(videos, asked.workers, asked.devices)
        found.append(row)
        print(f"{videos:8}{row['file_mib']:12.0f}{row['peak_mib']:12.0f}{row['seconds']:10.0f}", flush=True)
    ratio = found[-1]["peak_mib"] / found[-1]["file_mib"]
    row = Row(
        f"reading as needed: peak memory of all processes, {found[-1]['videos']} videos",
        "the size of the file",
        ratio,
        SHARE,
        at_most=True,
        bound="libraries in each process, and the batches that it reads ahead",
        numbers={"workers": asked.workers, "devices": asked.devices, "runs": found},
    )
    write(asked.json, [row])


if __name__ == "__main__":
    main()
