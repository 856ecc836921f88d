"""Estimate the cost of training on all of Mr.HiSum from a small synthetic file of its format (docs/reproduce.md).

    python benchmarks/mr_hisum_cost.py [--threads 1]

Each recipe trains one epoch on 8 and on 24 videos, each in a process of its own, whose memory is that of the training.
The rest is arithmetic: 27,892 videos and 200 epochs, as in the paper.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from summdiff._pool import TaskPool
from summdiff._runtime import peak_memory
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.splits import Split
from summdiff.data.synthetic import make_synthetic
from summdiff.research.reproduce._progress_lines import duration_text
from summdiff.research.reproduce.eta import measure_speed
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.processes import launch
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import TrainingState
from summdiff.research.training.videos import Videos

VIDEOS, EPOCHS, VALIDATED = 27_892, 200, 200  # of the paper's training; videos that validate each epoch
RECIPES = ("summdiff_paper_mr_hisum", "summdiff_release_mr_hisum")
BATCHES = (8, 24)  # videos; memory is linear in them
GPU = 20e12  # floating-point operations per second that one GPU is assumed to sustain


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """The cost of an epoch of one batch.

    Attributes:
        train, sample: seconds per video, as in `Speed`.
        read: seconds to read a video's features from a file that the system holds in memory.
        memory: peak of the process in MiB, None where the system does not say.
        operations: floating-point operations of an update, per video.
    """

    train: float
    sample: float
    read: float
    memory: float | None
    operations: float


def projection(name: str, few: TrainingCost, many: TrainingCost) -> str:
    """Return what two measured batches of `BATCHES` videos say about the whole training."""
    recipe = read_recipe(name)
    workers, total = max(1, recipe.workers), VIDEOS * EPOCHS
    words = f"{name}: {many.train:.3f} s per video and epoch, x {VIDEOS} videos x {EPOCHS} epochs = "
    words += f"{duration_text(many.train * total)}; validation {many.sample:.2f} s x {VALIDATED} videos x {EPOCHS} "
    words += f"epochs = {duration_text(many.sample * VALIDATED * EPOCHS)}. "
    words += f"On a GPU that sustains {GPU / 1e12:.0f} TFLOP/s: {many.operations / 1e9:.1f} GFLOP per video, "
    words += f"{duration_text(many.operations * total / GPU)} of updates, which wait for reading, "
    words += f"{1000 * many.read:.1f} ms per video, {duration_text(many.read * total / workers)} with {workers} "
    words += "processes; and the validation, which was not measured on a GPU."
    if few.memory is not None and many.memory is not None:
        per_video = (many.memory - few.memory) / (BATCHES[1] - BATCHES[0])
        whole = many.memory + per_video * (recipe.videos_per_batch - BATCHES[1])
        words += f" Memory: {many.memory:.0f} MiB with {BATCHES[1]} videos per update, so at {per_video:.0f} MiB per "
        words += f"video about {whole / 1024:.1f} GiB with {recipe.videos_per_batch}."
    return words


def measure(task: tuple[str, Path, int, int]) -> TrainingCost:
    """Measure one epoch on a batch of videos; run in a process of its own."""
    name, path, batch, threads = task
    recipe = read_recipe(name, [f"threads={threads}"]).model_copy(update={"data": path, "videos_per_batch": batch})
    data = MrHiSum(path)
    with tempfile.TemporaryDirectory() as folder:
        videos = Videos(data, Split(train=data.names[:batch], validation=(), test=()))
        speed = measure_speed(recipe, videos, Path(folder) / "timed")
        memory = peak_memory()
        two = Videos(data, Split(train=data.names[:2], validation=(), test=()))
        few = recipe.model_copy(update={"epochs": 1, "select": "last", "hold_out": 0.0, "workers": 0})
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # fused attention is not counted
            update_once(few, two)
    began = time.perf_counter()
    for video in data.names:
        data[video]
    read = (time.perf_counter() - began) / len(data.names)
    return TrainingCost(speed.train, speed.sample, read, memory, counter.get_total_flops() / 2)


def update_once(recipe: Recipe, videos: Videos) -> None:
    examples = Examples(videos, recipe)
    state = TrainingState(recipe, examples, launch(recipe))
    for step in Batches(examples, recipe).of(0):
        state.update(step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mr_hisum.h5"
        make_synthetic(path, videos=BATCHES[-1] + 6)
        print("Synthetic file of 120 to 300 steps of 1024 numbers, float16.")
        for name in RECIPES:
            costs = []
            for batch in BATCHES:
                with TaskPool(measure, 1, nested=True) as pool:
                    costs += [cost for _, cost in pool.run([(name, path, batch, threads)])]
            print(projection(name, *costs))


if __name__ == "__main__":
    main()
