"""Measure where the time of `summarize` goes, relative to one plain decoding pass over the same file.

    python benchmarks/summarize.py VIDEO [--rounds 3] [--profile PAGE] [--json FILE]

Each round runs one plain pass (PyAV, threads on, every frame decoded, one frame per second scaled to 256 px and
converted to an array, nothing else), each large part of a summary alone, and one summary without the feature cache, in
turns. The parts are the pictures that a summary looks at, the backbone on as many pictures as the summary has steps,
and listening, of which the processor time is divided by the cores. Ratios are medians over rounds. `--profile` writes a
table of each thread's activity, sampled a hundred times per second during one more summary, between the page's marks.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from threading import Event, Thread, current_thread
from threading import enumerate as threads
from types import FrameType

import av
import numpy as np
from rows import Row, write

import summdiff
from summdiff._runtime import usable_cores
from summdiff.audio import listen
from summdiff.features import Backbone
from summdiff.features.extraction import _BATCH
from summdiff.summary import Summary
from summdiff.video import VideoReader, write_cut
from summdiff.video._index import _index_frames

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from page_tables import put_table


def plain_pass(path: Path) -> float:
    """Return the seconds of the plain pass."""
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


def pictures_pass(path: Path) -> float:
    """Return the seconds of looking at the pictures, without the backbone."""
    began = time.perf_counter()
    with VideoReader(path) as reader:
        for _ in reader.steps(short_side=256, skip=True):
            pass
    return time.perf_counter() - began


def listening_pass(path: Path, duration: float) -> float:
    """Return the processor time of listening in seconds, divided by the cores."""
    began = time.process_time()
    listen(path, duration)
    return (time.process_time() - began) / usable_cores()


def backbone_pass(backbone: Backbone, pictures: int) -> float:
    """Return the seconds that the backbone takes for so many pictures."""
    batch = np.random.default_rng(0).integers(256, size=(_BATCH, 256, 256, 3), dtype=np.uint8)
    began = time.perf_counter()
    for done in range(0, pictures, _BATCH):
        backbone(batch[: pictures - done])
    return time.perf_counter() - began


@dataclass(frozen=True)
class Round:
    """Seconds of each part of a round, and the summary that was made."""

    plain: float
    pictures: float
    backbone: float
    listening: float
    whole: float
    writing: float
    summary: Summary

    def stage(self, name: str) -> float:
        return self.summary.timings[name]

    @property
    def bound(self) -> float:
        """Seconds of all parts, if each used all cores from start to end."""
        return self.pictures + self.backbone + self.listening + self.stage("score") + self.stage("cuts")


def one_round(path: Path, target: Path) -> Round:
    """Measure each part once; the summary is that of a fresh summarizer."""
    plain, pictures = plain_pass(path), pictures_pass(path)
    summarizer = summdiff.Summarizer(cache=False)
    summarizer.load()
    _index_frames.cache_clear()
    began = time.perf_counter()
    summary = summarizer.summarize(path)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    write_cut(path, summary.selection, target)
    writing = time.perf_counter() - began
    target.unlink()
    backbone = backbone_pass(summarizer.backbone, len(summary.scores.mean))
    listening = listening_pass(path, summary.video.duration)
    return Round(plain, pictures, backbone, listening, whole, writing, summary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    target = arguments.video.with_name(f".{arguments.video.stem}.benchmark.mp4")
    rounds = [one_round(arguments.video, target) for _ in range(arguments.rounds)]

    parts: dict[str, Callable[[Round], float]] = {
        "plain decoding pass": lambda one: one.plain,
        "pictures alone": lambda one: one.pictures,
        "backbone alone": lambda one: one.backbone,
        "listening alone": lambda one: one.listening,
        "bound": lambda one: one.bound,
        "summarize": lambda one: one.whole,
        **{f"  {stage}": methodcaller("stage", stage) for stage in ("look", "score", "select", "cuts")},
        "write the mp4": lambda one: one.writing,
    }
    rows = {
        name: (
            statistics.median(seconds(one) for one in rounds),
            statistics.median(seconds(one) / one.plain for one in rounds),
        )
        for name, seconds in parts.items()
    }

    info = rounds[0].summary.video
    print(f"{arguments.video.name}: {info.duration:.1f} s, {info.width}x{info.height}, {os.cpu_count()} cores")
    print(f"{'':22}{'seconds':>9}{'share of the plain pass':>26}")
    for name, (seconds, share) in rows.items():
        print(f"{name:22}{seconds:9.2f}{share:26.2f}")
    if arguments.profile:
        table = profiled(arguments.video, target)
        put_table(arguments.profile, "profile", table)
        print(table)
    numbers = {f"{name.strip()}, s": round(seconds, 3) for name, (seconds, _) in rows.items()}
    bound = f"the parts alone take {rows['bound'][1]:.2f}, of it the pictures {rows['pictures alone'][1]:.2f}"
    write(
        arguments.json,
        [
            Row(
                "summarize, without writing",
                "one plain decoding pass",
                rows["summarize"][1],
                0.9,
                at_most=True,
                bound=bound,
                numbers=numbers,
            )
        ],
    )


WRITING, OF_CURVES = "writing the mp4", "knapsack of every curve"
WHOLE = (WRITING, OF_CURVES)
# What a stack is doing, by the innermost of these that is in it: (function, file it is in, in words).
PARTS = (
    ("__call__", "_picture.py", "looking at brightness or scaling a frame"),
    ("_decode", "_decode.py", "decoding"),
    ("demux", "_container.py", "reading packets"),
    ("_read_packets", "_packets.py", "reading packets"),
    ("_hear", "_listening.py", "listening"),
    ("show", "_steps.py", "cuts and dissolves"),
    ("put", "queue.py", "waiting"),
    ("get", "queue.py", "waiting"),
    ("_until_end", "_side_by_side.py", "waiting"),
    ("_worker", "thread.py", "waiting"),
    ("__call__", "efficientnet_lite0.py", "backbone"),
    ("_compute", "efficientnet_lite0.py", "backbone"),
    ("describe_twice", "relational.py", "relations between steps"),
    ("spread", "sampling.py", "model: how much people would differ"),
    ("sample", "sampling.py", "model: curves"),
    ("kts", "kts.py", "shots (KTS)"),
    ("within_segment_scatter", "cost.py", "shots (KTS)"),
    ("probability", "shot_knapsack.py", OF_CURVES),
    ("choose", "shot_knapsack.py", "knapsack"),
    ("write_cut", "_write.py", WRITING),
)


def profiled(video: Path, target: Path) -> str:
    """Return a Markdown table of the threads' activity during one summary, from samples of their stacks."""
    summarizer = summdiff.Summarizer(cache=False)  # one that has seen no video yet, as a user's
    summarizer.load()
    seen: Counter[tuple[str, str]] = Counter()
    stopped = Event()

    def watch() -> None:
        while not stopped.wait(0.01):
            names = {thread.ident: thread.name for thread in threads()}
            for ident, frame in sys._current_frames().items():
                if ident != current_thread().ident and (name := names.get(ident)) is not None:
                    seen[name, doing(frame)] += 1

    watcher = Thread(target=watch, name="watcher", daemon=True)
    watcher.start()
    began = time.perf_counter()
    summary = summarizer.summarize(video)
    write_cut(video, summary.selection, target)
    seconds = time.perf_counter() - began
    stopped.set()
    watcher.join()
    target.unlink()
    lines = ["| thread | activity | share of the time |", "|---|---|---|"]
    whole = sum(count for (name, _), count in seen.items() if name == "MainThread")
    for (name, what), count in sorted(seen.items(), key=lambda item: (item[0][0] != "MainThread", -item[1])):
        if count >= 0.005 * whole:
            lines.append(f"| {name} | {what} | {count / whole:.1%} |")
    size = f"{summary.video.duration:.0f} s, {summary.video.width}x{summary.video.height}"
    return (
        f"{video.name}, {size}, summarized and written in {seconds:.1f} s on {os.cpu_count()} cores:\n\n"
        + "\n".join(lines)
    )


def doing(frame: FrameType | None) -> str:
    """Describe the innermost known function of a stack; those in `WHOLE` include what they call."""
    found = []
    while frame is not None:
        code = frame.f_code
        found += [
            words for function, file, words in PARTS if (function, file) == (code.co_name, Path(code.co_filename).name)
        ]
        frame = frame.f_back
    return next((words for words in WHOLE if words in found), next(iter(found), "other"))


if __name__ == "__main__":
    main()
