"""What all of Mr.HiSum would cost: measured on a small synthetic file of its true form, the rest is arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from summdiff._pool import TaskPool
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.splits import Split
from summdiff.data.synthetic import make_synthetic
from summdiff.research.reproduce.cells import Cells
from summdiff.research.reproduce.pace import measure_on
from summdiff.research.reproduce.progress import clock
from summdiff.research.training.crossval import peak_memory
from summdiff.research.training.loop import make_folder
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.videos import Videos

VIDEOS, EPOCHS, VALIDATED = 27_892, 200, 200  # of the paper's training; videos that each epoch is validated on
_RECIPES = ("summdiff_paper_mr_hisum", "summdiff_release_mr_hisum")
_BATCHES = (8, 24)  # videos; memory is linear in them
_GPU = 20e12  # floating-point operations a second that one GPU is taken to sustain


@dataclass(frozen=True, slots=True)
class Cost:
    """What an epoch of one batch cost.

    Attributes:
        train, sample: seconds for a video, as `Pace`.
        read: seconds to read a video's features from the file, which the system holds in memory.
        memory: the most that the process had, MiB; None where the system does not say.
        operations: floating-point operations of an update, for a video.
    """

    train: float
    sample: float
    read: float
    memory: float | None
    operations: float


def projected(cells: Cells, say: Callable[[str], None]) -> list[str]:
    """The projection as lines to read."""
    path = cells.folder / "data" / "mr_hisum_form.h5"
    if not path.exists():
        make_folder(path.parent)
        make_synthetic(path, videos=_BATCHES[-1] + 6)
    threads = int(cells.place.get("threads", 1))
    lines = [
        "Mr.HiSum in full, from a synthetic file of its form (120 to 300 steps of 1024 numbers, float16), with "
        f"{threads} thread{'s' if threads > 1 else ''}:"
    ]
    for name in _RECIPES:
        say(f"Measuring {name} on a synthetic file.")
        few, many = (_alone(name, path, batch, threads) for batch in _BATCHES)
        lines.append("  " + sentence(name, few, many))
    return lines


def sentence(name: str, few: Cost, many: Cost) -> str:
    """What two measured batches of `_BATCHES` videos say of the whole."""
    recipe = read_recipe(name)
    seen = VIDEOS * EPOCHS
    looking = many.sample * VALIDATED * EPOCHS
    words = f"{name}: {many.train:.3f} s for a video and epoch, x {VIDEOS} videos x {EPOCHS} epochs = "
    words += f"{clock(many.train * seen)}; validation {many.sample:.2f} s x {VALIDATED} videos x {EPOCHS} epochs = "
    words += f"{clock(looking)}. "
    words += f"On a GPU that sustains {_GPU / 1e12:.0f} TFLOP/s: {many.operations / 1e9:.1f} GFLOP a video, "
    words += f"{clock(many.operations * seen / _GPU)} of updates, which wait for reading, {1000 * many.read:.1f} ms a "
    words += (
        f"video, {clock(many.read * seen / max(1, recipe.workers))} with {max(1, recipe.workers)} processes; and the "
    )
    words += "validation, whose samples are drawn on the GPU too, which was not measured."
    if few.memory is not None and many.memory is not None:
        each = (many.memory - few.memory) / (_BATCHES[1] - _BATCHES[0])
        whole = many.memory + each * (recipe.videos_per_batch - _BATCHES[1])
        words += f" Memory: {many.memory:.0f} MiB with {_BATCHES[1]} videos an update, by {each:.0f} MiB a video about "
        words += f"{whole / 1024:.1f} GiB with {recipe.videos_per_batch}."
    return words


def _alone(name: str, path: Path, batch: int, threads: int) -> Cost:
    """Measured in a process of its own, whose memory is that of this alone."""
    with TaskPool(_cost, 1, nested=True) as pool:
        _, cost = next(pool.run([(name, path, batch, threads)]))
    return cost


def _cost(task: tuple[str, Path, int, int]) -> Cost:
    import tempfile

    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    name, path, batch, threads = task
    recipe = read_recipe(name, [f"threads={threads}"]).model_copy(update={"data": path, "videos_per_batch": batch})
    data = MrHiSum(path)
    videos = Videos(data, Split(train=data.names[:batch], validation=(), test=()))
    with tempfile.TemporaryDirectory() as folder:
        pace = measure_on(recipe, videos, Path(folder) / "timed")
        memory = peak_memory()
        one = Videos(data, Split(train=data.names[:2], validation=(), test=()))
        few = recipe.model_copy(update={"epochs": 1, "select": "last", "hold_out": 0.0, "workers": 0})
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # fused attention is not counted
            _update(few, one)
    began = time.perf_counter()
    for video in data.names:
        data[video]
    read = (time.perf_counter() - began) / len(data.names)
    return Cost(pace.train, pace.sample, read, memory, counter.get_total_flops() / 2)


def _update(recipe: object, videos: Videos) -> None:
    """One update on all of these videos."""
    from summdiff.research.training.examples import Batches, Examples
    from summdiff.research.training.processes import launch
    from summdiff.research.training.recipe import Recipe
    from summdiff.research.training.state import TrainingState

    assert isinstance(recipe, Recipe)  # noqa: S101
    examples = Examples(videos, recipe)
    run = TrainingState(recipe, examples, launch(recipe))
    for step in Batches(examples, recipe).of(0):
        run.update(step)
