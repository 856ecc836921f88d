"""Estimate an archive's cost: hours of video per core hour, and bytes stored per hour of video.

    python benchmarks/archive.py VIDEO [--workers 2] [--copies 4] [--rounds 2] [--hours 1000000] [--cores 1000]
                                       [--price-core-hour 0.04] [--price-gb-month 0.02] [--json FILE]

Rates are hours of video per hour of CPU time (user and system, all threads), with each step in a process of its own
limited to one thread, so that other load on the machine matters little. The total assumes one core that does all steps
one after the other.

Then `summdiff extract` processes copies of the video with one worker that has all cores and with --workers that share
them, in turns, by wall-clock time. This shows what parallel workers gain on this machine.

The default prices are placeholders, not offers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from summdiff._runtime import limit_threads

limit_threads(1)  # before anything heavy is imported

import numpy as np

from summdiff.features import load_backbone
from summdiff.features.extraction import extract
from summdiff.features.files import VideoFeatures, file_identity
from summdiff.features.store import StoreWriter, open_store, write_loose
from summdiff.pipeline import Summarizer
from summdiff.summary import VideoInfo
from summdiff.video import VideoReader, write_cut

GB, TB = 1e9, 1e12


def rates(video: Path, folder: Path, rounds: int) -> tuple[float, dict[str, float], float]:
    """Return the video's seconds, its seconds per second of CPU time for each step, and stored bytes per hour."""
    backbone = load_backbone(threads=1)
    spent: dict[str, list[float]] = {"decode": [], "features": [], "score and choose": [], "write the mp4": []}
    store = folder / "store"
    writer = StoreWriter(store, backbone=backbone.id, rate=1.0, shard_bytes=10**12)
    summarizer = None
    for _ in range(rounds):
        began = time.process_time()
        with VideoReader(video) as reader:
            for _step in reader.steps(rate=1.0, short_side=backbone.short_side):
                pass
        decoded = time.process_time()
        seen = extract(video, backbone, rate=1.0)
        looked = time.process_time()
        identity = file_identity(video)
        assert identity is not None
        writer.add(write_loose(store, seen, identity).id)
        if summarizer is None:
            writer.pack()
            summarizer = Summarizer(cache=open_store(store))
            summarizer.load()
        scoring = time.process_time()
        summary = summarizer.summarize(video)
        scored = time.process_time()
        write_cut(video, summary.selection, folder / "cut.mp4")
        written = time.process_time()
        spent["decode"].append(decoded - began)
        spent["features"].append(looked - decoded - (decoded - began))
        spent["score and choose"].append(scored - scoring)
        spent["write the mp4"].append(written - scored)
    duration = seen.video.duration
    size = sum(path.stat().st_size for path in (store / "shards").iterdir())
    return duration, {step: statistics.median(each) / duration for step, each in spent.items()}, size / duration * 3600


def packing(folder: Path) -> float:
    """Return the hours of video that one process packs into shards per second."""
    store, hours = folder / "packing", 20
    writer = StoreWriter(store, backbone="benchmark", rate=1.0, shard_bytes=10**12)
    features = np.random.default_rng(0).random((3600, 1280)).astype(np.float16)
    times = np.arange(3600, dtype=np.float64)
    for number in range(hours):
        info = VideoInfo(f"/{number}.mp4", 3600.0, 25.0, 1280, 720, 0, has_audio=True)
        seen = VideoFeatures(features, times, times, info, corrupt_frames=0)
        writer.add(write_loose(store, seen, (number, 0, "", "")).id)
    began = time.perf_counter()
    writer.pack()
    return hours / (time.perf_counter() - began)


def side_by_side(video: Path, folder: Path, *, workers: int, copies: int, rounds: int) -> dict[int, float]:
    """Return the median seconds of `summdiff extract` over the copies, by number of workers."""
    films = folder / "films"
    films.mkdir()
    for number in range(copies):
        shutil.copy(video, films / f"{number}{video.suffix}")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    environment.pop("SUMMDIFF_THREADS", None)
    seconds: dict[int, list[float]] = {1: [], workers: []}
    for number in range(rounds):
        for count, each in seconds.items():
            store = folder / f"store-{number}-{count}"
            command = [sys.executable, "-m", "summdiff", "extract", str(films), "-o", str(store), "--quiet"]
            began = time.perf_counter()
            subprocess.run([*command, "--workers", str(count)], check=True, env=environment)
            each.append(time.perf_counter() - began)
            shutil.rmtree(store)
    return {count: statistics.median(each) for count, each in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--hours", type=float, default=1e6, help="hours of video in the archive")
    parser.add_argument("--cores", type=int, default=1000, help="cores that work on it")
    parser.add_argument("--price-core-hour", type=float, default=0.04, help="of one core for an hour")
    parser.add_argument("--price-gb-month", type=float, default=0.02, help="of 10^9 bytes kept for a month")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        duration, shares, per_hour = rates(asked.video, folder, asked.rounds)
        packed = packing(folder)
        wall = side_by_side(asked.video, folder, workers=asked.workers, copies=asked.copies, rounds=asked.rounds)

    print(f"{asked.video.name}: {duration:.1f} s, {os.cpu_count()} cores, {platform.machine()}")
    print(f"\n{'':24}{'hours of video per core and hour':>34}")
    extracting = shares["decode"] + shares["features"]
    rows = {**shares, "extract": extracting, "summarize": sum(shares.values())}
    for name, share in rows.items():
        print(f"{name:24}{1 / share:34.1f}")
    print(f"\nin the store: {per_hour / 1e6:.2f} MB per hour of video")
    print(f"packed into shards by one process: {packed:.0f} hours of video in a second")
    print(f"\n`summdiff extract`, {asked.copies} copies{'':8}{'seconds':>9}{'x real time':>13}")
    for count, seconds in wall.items():
        name = f"  {count} worker{'s' if count > 1 else ''}"
        print(f"{name:38}{seconds:9.1f}{asked.copies * duration / seconds:13.1f}")
    print(f"  {asked.workers} workers are {wall[1] / wall[asked.workers]:.2f} x as fast as one that has all cores")

    print(f"\n{asked.hours:,.0f} hours of such video on {asked.cores:,} cores; assumed prices:")
    print(f"{asked.price_core_hour:g} for a core and hour, {asked.price_gb_month:g} for a GB and month")
    print(f"{'':24}{'core hours':>14}{'days':>9}{'computing':>13}")
    for name in ("extract", "summarize"):
        hours = asked.hours * rows[name]
        print(f"{name:24}{hours:14,.0f}{hours / asked.cores / 24:9.1f}{hours * asked.price_core_hour:13,.0f}")
    size = asked.hours * per_hour
    print(f"the store: {size / TB:.1f} TB, {size / GB * asked.price_gb_month:,.0f} a month")
    if asked.json:
        document = {
            "video": asked.video.name,
            "machine": {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()},
            "hours_per_core_hour": {name: 1 / share for name, share in rows.items()},
            "store_bytes_per_hour": per_hour,
            "packed_hours_per_second": packed,
            "extract_seconds": wall,
        }
        asked.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
