"""Measure how time and memory grow with length, steps, samples, shots and annotators: a table of exponents and a plot.

    python benchmarks/growth.py [--rounds 3] [--only STAGE ...] [--output results/growth] [--quick]

Each stage runs at five or more sizes, in turns, in one process; stages on films of hours run once, in separate
processes. Memory is the increase of the peak resident set of a separate process in which the input already exists
(Linux only). The exponent is the slope of a line through the larger half of the sizes in logarithms: 1 is linear. A
stage whose largest size takes less than 4 MB has no memory exponent. Writes growth.csv, growth.md, growth.png and
growth.svg, and, if the output is results/growth, the table in docs/speed.md.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import gc
import math
import statistics
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import matplotlib as mpl
import numpy as np
from rows import peak_of, turns

from segmentation import scenes
from summdiff.evaluation import judge, prepare
from summdiff.features import load_backbone
from summdiff.features.extraction import extract
from summdiff.pipeline import Summarizer
from summdiff.scoring import load_model
from summdiff.segmentation import kts
from summdiff.selection.knapsack import knapsack

mpl.use("Agg")
from matplotlib import pyplot as plt

from evaluation import tvsum_like

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from page_tables import put_table

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS, PAGE = REPOSITORY / "results" / "growth", REPOSITORY / "docs" / "speed.md"
LEAST_MB = 4.0  # below that, memory is the libraries' own affair


@dataclass(frozen=True)
class Stage:
    """One quantity that grows.

    Attributes:
        name, unit: the stage, and what its sizes count.
        sizes: increasing.
        make: maps a size to the function to time.
        remark: explains growth above linear, or names what is special.
        once: whether each size runs only once.
    """

    name: str
    unit: str
    sizes: tuple[int, ...]
    make: Callable[[int], Callable[[], object]]
    remark: str = ""
    once: bool = False


@dataclass(frozen=True)
class Measured:
    """One size of a stage, as measured."""

    stage: str
    size: int
    seconds: float
    mb: float


def film(folder: Path, minutes: int) -> Path:
    """Make a small film of five pictures per second, so that the cost per second of video dominates."""
    path = folder / f"{minutes}.mp4"
    if path.exists():
        return path
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=5, options={"preset": "ultrafast", "crf": "35"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(300 * minutes):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, number // 20 * 7, axis=1), format="rgb24")
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return path


def stages(folder: Path, *, quick: bool) -> list[Stage]:
    model, backbone = load_model("default"), load_backbone()

    def sampled(n: int, samples: int = 16, steps: int = 10) -> Callable[[], object]:
        features = scenes(n)
        return lambda: model.sample(features, rate=1.0, samples=samples, steps=steps)

    def filled(shots: int, capacity: int) -> Callable[[], object]:
        rng = np.random.default_rng(0)
        weights = rng.integers(50, 750, shots)
        values = (0.5 + 0.1 * rng.random(shots)) * weights
        return lambda: knapsack(values, weights, capacity)

    def judged(people: int) -> Callable[[], object]:
        rng = np.random.default_rng(0)
        video: Any = tvsum_like(rng)
        again = np.resize(np.arange(len(video.user_scores)), people)
        object.__setattr__(video, "user_scores", video.user_scores[again])
        object.__setattr__(video, "user_summary", video.user_summary[again])
        scores = rng.random(len(video.gtscore))
        return lambda: judge(prepare([video], convention="eccv16"), [scores[None]])

    def looked(length: int) -> Callable[[], object]:
        path = film(folder, length)
        return lambda: extract(path, backbone, rate=1.0)

    def summarized(length: int) -> Callable[[], object]:
        path = film(folder, length)
        summarizer = Summarizer(cache=False)
        summarizer.load()
        return lambda: summarizer.summarize(path)

    def cut(n: int) -> Callable[[], object]:
        x = scenes(n)
        return lambda: kts(x, min_length=2, max_length=30, center=True)

    shots = (50, 100, 200) if quick else (125, 250, 500, 1000, 2000, 4000)
    samples = (2, 4, 8) if quick else (2, 4, 8, 16, 32, 64, 128)
    steps = (2, 4, 8) if quick else (5, 10, 20, 40, 80)
    people = (5, 10, 20) if quick else (5, 10, 20, 40, 80, 160)
    lengths = (60, 120, 240) if quick else (600, 1200, 2400, 4800, 9600, 18000, 36000)
    minutes = (1, 2, 3) if quick else (1, 4, 15, 60, 150, 300, 600)
    pictures = "five small pictures a second"
    return [
        Stage("summarize, without writing", "minutes of video", minutes, summarized, pictures, once=True),
        Stage("looking (decode, backbone)", "minutes of video", minutes, looked, pictures, once=True),
        Stage("scoring, 16 samples", "steps", lengths, sampled, "windows of 256 steps"),
        Stage("shots (KTS)", "steps", lengths, cut),
        Stage("knapsack", "shots", shots, lambda n: filled(n, 40 * n), "capacity grows with the shots"),
        Stage("scoring, samples", "samples", samples, lambda m: sampled(600, m)),
        Stage("scoring, denoising steps", "steps", steps, lambda t: sampled(600, 16, t)),
        Stage("evaluation", "annotators", people, judged),
    ]


def exponent(sizes: tuple[int, ...], values: list[float]) -> float:
    """Return the slope in logarithms over the larger half of the sizes; NaN where a value is not above 0."""
    half = len(sizes) // 2
    if min(values[half:]) <= 0:
        return math.nan
    return float(np.polyfit(np.log(sizes[half:]), np.log(values[half:]), 1)[0])


def alone(stage: Stage, size: int, folder: Path, *, quick: bool) -> tuple[float, float]:
    """Run once in a new process; return seconds and the increase of its peak resident set in MB."""
    options = ["--alone", stage.name, str(size), str(folder), *(["--quick"] if quick else [])]
    told = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
    seconds, mb = map(float, told.stdout.split())
    return seconds, mb


def run_alone(stage: Stage, size: int) -> None:
    """Run inside such a process."""
    stage.make(stage.sizes[0])()  # what is loaded at first use
    work, seconds = stage.make(size), []
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what making the input has left would hide what the work takes
    _, mib = peak_of(lambda: seconds.append(timeit.timeit(work, number=1)))
    print(seconds[0], mib * 2**20 / 1e6)


def measured(stage: Stage, folder: Path, rounds: int, *, quick: bool) -> list[Measured]:
    """Measure every size of a stage."""
    apart = [alone(stage, size, folder, quick=quick) for size in stage.sizes]
    seconds = [second for second, _ in apart]
    if not stage.once:
        works = {str(size): stage.make(size) for size in stage.sizes}
        seconds = [statistics.median(each) for each in turns(works, rounds, warm=True).values()]
    return [
        Measured(stage.name, size, second, mb)
        for size, second, (_, mb) in zip(stage.sizes, seconds, apart, strict=True)
    ]


def write(folder: Path, stages: list[Stage], found: list[Measured]) -> str:
    """Write the table and the figure of the measured stages; return the table."""
    lines = [
        "| stage | sizes | seconds at the largest | exponent of time | MB at the largest | exponent of memory | |",
        "|---|---|---|---|---|---|---|",
    ]
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for stage in stages:
        its = [each for each in found if each.stage == stage.name]
        if not its:
            continue
        sizes = tuple(each.size for each in its)
        times, memory = [each.seconds for each in its], [each.mb for each in its]
        grows = exponent(sizes, times)
        fills = exponent(sizes, memory) if memory[-1] >= LEAST_MB else math.nan
        filled = "" if math.isnan(fills) else f"{fills:.2f}"
        told = f"{times[-1]:.3f} | {grows:.2f} | {memory[-1]:.0f} | {filled}"
        lines.append(f"| {stage.name} | {sizes[0]} to {sizes[-1]} {stage.unit} | {told} | {stage.remark} |")
        share = np.array(sizes) / sizes[0]
        axes[0].loglog(share, np.array(times) / times[0], "o-", markersize=3, label=f"{stage.name}: {grows:.2f}")
        axes[1].loglog(share, np.maximum(memory, 0.1), "o-", markersize=3, label=f"{stage.name}: {filled}")
    for axis, what in zip(axes, ("time, as a multiple of that of the smallest", "memory, MB"), strict=True):
        reach = np.array(axis.get_xlim())
        axis.loglog(reach, reach, color="0.7", linestyle="--", linewidth=1, label="linear")
        axis.set(xlabel="size, as a multiple of the smallest", ylabel=what)
        axis.legend(fontsize=7, title="exponent over the larger half", title_fontsize=7)
    for kind in ("png", "svg"):
        figure.savefig(folder / f"growth.{kind}", dpi=150)
    plt.close(figure)
    table = "\n".join(lines)
    (folder / "growth.md").write_text(f"{table}\n", encoding="utf-8")
    with (folder / "growth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["stage", "size", "seconds", "MB"])
        writer.writerows((each.stage, each.size, f"{each.seconds:.5f}", f"{each.mb:.2f}") for each in found)
    return table


def read(path: Path) -> list[Measured]:
    """Read earlier measurements."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Measured(row["stage"], int(row["size"]), float(row["seconds"]), float(row["MB"]))
            for row in csv.DictReader(file)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="+", metavar="STAGE", help="the others stay as they were")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it runs")
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        name, size, there = asked.alone
        (stage,) = (stage for stage in stages(Path(there), quick=asked.quick) if stage.name == name)
        run_alone(stage, int(size))
        return
    asked.output.mkdir(parents=True, exist_ok=True)
    found = read(asked.output / "growth.csv") if asked.only else []
    with tempfile.TemporaryDirectory() as folder:
        all_stages = stages(Path(folder), quick=asked.quick)
        names = [stage.name for stage in all_stages]
        if unknown := set(asked.only or ()) - set(names):
            parser.error(f"there is no stage {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
        for stage in all_stages:
            if asked.only and stage.name not in asked.only:
                continue
            new = measured(stage, Path(folder), asked.rounds, quick=asked.quick)
            found = [each for each in found if each.stage != stage.name] + new
            found.sort(key=lambda each: (names.index(each.stage), each.size))
            table = write(asked.output, all_stages, found)  # after each: a stop loses little
            if asked.output.resolve() == RESULTS:
                put_table(PAGE, "growth", table)
            print(next(line for line in table.splitlines() if line.startswith(f"| {stage.name} |")), flush=True)


if __name__ == "__main__":
    main()
