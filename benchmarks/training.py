"""Compare training with a plain padded loop with unfused attention, in turns: seconds per epoch, and peak memory.

    python benchmarks/training.py [--rounds 5] [--threads 2] [--json FILE] [--only tvsum|mr_hisum|processes]

The plain loop (`benchmarks/plain_training.py`) draws random batches, pads each to its longest video and computes
attention explicitly. A second one pads to the longest video of the set and uses our batches; its losses in the first
epoch must equal ours. Ours processes a batch two or four videos at a time (`micro_batch`), which recipes do only if
told to. All have the same weights and number of updates. The paper's SummDiff (`summdiff_paper_tvsum`,
`summdiff_paper_mr_hisum`, dropout 0) learns from

- TVSum's size: 40 videos of TVSum if $SUMMDIFF_DATA has them, otherwise as many synthetic videos of its lengths;
- Mr.HiSum's size: 256 synthetic videos of 120 to 300 s (`summdiff data make-synthetic`), 32 in a batch.

Times are medians over rounds, the ratio the median of each round's ratio. Memory is measured in separate processes that
train one epoch: the peak resident set, and its increase over the moment before the first update, when weights, data and
libraries are loaded.

The target for the time is how many times as many steps the plain loop computes, less 5% for noise: per step both ways
take the same products of matrices, so more can be gained only where its memory does not fit the caches. The target for
memory counts from the first update on: libraries, weights and data are the same either way.

Scaling: videos per second of two processes (DDP, gloo) with one thread each, against one process with one thread, in
turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from plain_training import PlainRun
from rows import Row, peak_of, write

from summdiff.data.datasets import open_dataset
from summdiff.data.splits import Split
from summdiff.data.synthetic import make_synthetic
from summdiff.research.training.checkpoint import read
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.processes import launch
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import TrainingState
from summdiff.research.training.videos import Videos

SETS = ("tvsum", "mr_hisum")
WAYS = ("usual", "padded", "ours")
OURS = {"tvsum": "micro_batch=2", "mr_hisum": "micro_batch=4"}
OF_THE_BOUND, SMALLER = 0.95, 1 / 3  # 5% for noise
AGAINST = {
    "usual": "a plain loop: random batches, padded, unfused attention",
    "padded": "the same, padded to the longest video of the set",
}
EQUAL = 1e-4  # of losses, in the first epoch: differences of rounding grow tenfold with every few updates


def recipe_of(name: str, way: str, folder: Path, *, threads: int) -> Recipe:
    """Return the recipe of a set and way."""
    changes = [f"data={folder / f'{name}.h5'}", f"output={folder / 'out'}", "network.dropout=0", f"threads={threads}"]
    changes += ["in_memory=true", "warmup_epochs=0", "learning_rate_schedule=constant"]
    if name == "mr_hisum":
        changes += ["videos_per_batch=32", "select=last", "hold_out=0"]
    changes += {"usual": ["length_buckets=false"], "padded": [], "ours": [OURS[name]]}[way]
    return read_recipe(f"summdiff_paper_{name}", changes)


def write_data(name: str, folder: Path) -> None:
    """Write the videos of a set."""
    path = folder / f"{name}.h5"
    if name == "mr_hisum":
        make_synthetic(path, videos=256, seed=0)
        return
    real = Path(os.environ.get("SUMMDIFF_DATA", "")) / "tvsum_i3d.h5"
    if real.is_file():
        path.symlink_to(real)
        return
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for number in range(40):  # TVSum: 83 to 647 s, 2 s a step, 235 s on average
            n = int(np.clip(rng.lognormal(4.65, 0.45), 41, 323))
            group = file.create_group(f"video_{number + 1}")
            scores = rng.integers(1, 6, (20, n)).astype(np.uint8)
            group["features"], group["user_scores"] = rng.random((n, 1024), dtype=np.float32), scores
            group["gtscore"] = ((scores.mean(axis=0) - 1) / 4).astype(np.float32)
            group["picks"], group["n_frames"] = np.arange(n) * 60, n * 60
            group.attrs["fps"] = 30.0


def epochs(name: str, way: str, folder: Path, threads: int) -> tuple[Callable[[int], list[float]], Examples]:
    """Return a function that trains an epoch and returns its losses."""
    recipe = recipe_of(name, way, folder, threads=threads)
    data = open_dataset(recipe.data_path(), recipe.kind)
    names = data.names[:40] if name == "tvsum" else data.names
    examples = Examples(Videos(data, Split(train=names, validation=(), test=())), recipe)
    examples.look()
    batches = Batches(examples, recipe)
    if way != "ours":
        torch.set_num_threads(threads)
        plain = PlainRun(recipe, examples, longest=int(examples.lengths.max()) if way == "padded" else 0)
        return lambda number: plain.epoch(batches, number), examples
    run = TrainingState(recipe, examples, launch(recipe))
    return lambda number: [float(run.update(step)) for step in batches.of(number)], examples


def memory(name: str, way: str, folder: Path, threads: int) -> tuple[float, float]:
    """Return the peak MiB, and its increase over the moment before the first update, of a separate process."""
    command = [sys.executable, __file__, "--measure", name, way, str(folder), "--threads", str(threads)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, more = json.loads(told.stdout.splitlines()[-1])
    return peak, more


def measure(name: str, way: str, folder: Path, threads: int) -> None:
    """Run inside such a process."""
    epoch, examples = epochs(name, way, folder, threads)
    for video in range(len(examples)):
        examples.view(video, 0)
    print(json.dumps(peak_of(lambda: epoch(0))))


def padding(name: str, folder: Path) -> dict[str, float]:
    """Return the average number of steps per video, and of steps each way computes."""
    found = {}
    for way in WAYS:
        recipe = recipe_of(name, way, folder, threads=1)
        data = open_dataset(recipe.data_path(), recipe.kind)
        names = data.names[:40] if name == "tvsum" else data.names
        examples = Examples(Videos(data, Split(train=names, validation=(), test=())), recipe)
        found["steps"] = float(examples.lengths.mean())
        if way == "padded":
            found[way] = float(examples.lengths.max())
        else:
            batches = Batches(examples, recipe)
            parts = [part for batch in examples.order(0) for part in batches._parts(batch)]
            found[way] = sum(len(p) * int(examples.lengths[p].max()) for p in parts) / len(examples)
    return found


def compare(name: str, folder: Path, rounds: int, threads: int) -> list[Row]:
    """Return the rows of the table for one set."""
    ways = {way: epochs(name, way, folder, threads)[0] for way in WAYS}
    times: list[list[float]] = []
    for number in range(rounds + 1):
        losses, spent = {}, []
        for way, epoch in ways.items():
            began = time.perf_counter()
            losses[way] = epoch(number)
            spent.append(time.perf_counter() - began)
        apart = np.abs(np.subtract(losses["padded"], losses["ours"])).max() / np.abs(losses["padded"]).max()
        if number == 0 and apart > EQUAL:
            raise SystemExit(f"{name}: padding and ours disagree by {apart:.2g} in the first epoch")
        times.append(spent)
    spent_by = dict(zip(ways, zip(*times[1:], strict=True), strict=True))  # the first round warms up
    used = {way: memory(name, way, folder, threads) for way in WAYS}
    steps = padding(name, folder)
    common = {"threads": threads, "rounds": rounds} | {f"steps, {key}": value for key, value in steps.items()}
    common |= {f"{way}, s": statistics.median(each) for way, each in spent_by.items()}
    common |= {f"{way}, MiB": round(used[way][0]) for way in WAYS}
    common |= {f"{way}, MiB more than before the first update": round(used[way][1]) for way in WAYS}
    rows = [
        Row(
            f"training, {name}: seconds an epoch",
            against,
            statistics.median(a / b for a, b in zip(spent_by[way], spent_by["ours"], strict=True)),
            OF_THE_BOUND * steps[way] / steps["ours"] if way == "usual" else None,
            bound=f"the plain loop computes {steps[way] / steps['ours']:.2f} times as many steps; what is left are "
            "products of matrices and attention, which both need",
            numbers=common,
        )
        for way, against in AGAINST.items()
    ]
    (whole, more), (plain_whole, plain_more) = used["ours"], used["usual"]
    before = round(whole - more)
    for what, share in (
        ("", whole / plain_whole),
        (" above that before the first update", more / max(plain_more, 1e-9)),
    ):
        rows.append(
            Row(
                f"training, {name}: highest memory{what}",
                AGAINST["usual"],
                share,
                SMALLER if what else None,
                at_most=True,
                bound=f"libraries, weights and data, {before} MiB, are there before the first update, either way",
                numbers=common,
            )
        )
    return rows


def scaling(folder: Path, rounds: int) -> list[Row]:
    """Compare two processes with one, by the speed that a run measures itself, without its start."""
    times = []
    for number in range(rounds):
        spent = {}
        for devices in (1, 2):
            out = folder / f"scaling{number}.{devices}"
            changes = [f"data={folder / 'mr_hisum.h5'}", f"output={out}", "in_memory=true", "videos_per_batch=32"]
            changes += ["select=last", "hold_out=0", "micro_batch=4", "epochs=2", "validate_every=99", "threads=1"]
            command = [sys.executable, "-m", "summdiff", "train", "summdiff_paper_mr_hisum", *changes]
            subprocess.run([*command, f"devices={devices}"], check=True, capture_output=True)
            saved = read(sorted(out.glob("checkpoint-*.pt"))[-1])
            assert saved is not None
            spent[devices] = float(saved["seconds"])
        times.append(spent[1] / spent[2])
    bound = f"{os.cpu_count()} cores, which other work may share"
    name = "training, two processes: scaling efficiency"
    return [Row(name, "one process", statistics.median(times) / 2, None, bound=bound, numbers={"speedups": times})]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=(*SETS, "processes"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        name, way, folder = asked.measure
        measure(name, way, Path(folder), asked.threads)
        return
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in SETS:
            if asked.only in (None, name) or (asked.only == "processes" and name == "mr_hisum"):
                write_data(name, folder)
            if asked.only in (None, name):
                rows += compare(name, folder, asked.rounds, asked.threads)
        if asked.only in (None, "processes"):
            rows += scaling(folder, max(1, asked.rounds // 2))
    write(asked.json, rows)


if __name__ == "__main__":
    main()
