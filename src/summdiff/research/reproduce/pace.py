"""How long what is to be trained takes here: measured, by a short epoch of each kind of cell or by finished ones."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.data.splits import Split
from summdiff.evaluation import predict
from summdiff.research.reproduce.cells import Cell, Cells, Found, Measurement
from summdiff.research.training.loop import fit, make_folder
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.videos import Videos, to_cross_validate

_FILE = "paces.json"
_OVERHEAD = 5.0  # seconds of a task beside training and sampling: reading, judging, writing
_PROBED = (8, 32)  # fewest and most videos of a short epoch


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement with one seed, that is still to be made.

    Attributes:
        label: table and row, to read.
        what: the measurement.
        seed: of training and sampling.
    """

    label: str
    what: Measurement
    seed: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a kind of cell takes.

    Attributes:
        train: for a video in an epoch.
        sample: for all samples of a video, in all steps of the recipe.
    """

    train: float
    sample: float


class Paces:
    """Paces that are known, kept beside the cells, as they are of this machine."""

    def __init__(self, cells: Cells, say: Callable[[str], None]) -> None:
        """Read those that were measured before."""
        self._cells, self._say = cells, say
        self._path = cells.folder / _FILE
        try:
            self._known = {key: Pace(**pace) for key, pace in json.loads(self._path.read_text()).items()}
        except (OSError, ValueError, TypeError):
            self._known = {}
        self._sizes: dict[tuple[str, int, float], tuple[int, int, int, int]] = {}

    def of(self, cell: Cell) -> Pace:
        """The pace of a cell, measured now where it is not known."""
        key = self._key(cell)
        if key not in self._known:
            self._say(f"Measuring a short epoch of {cell.recipe} on {cell.ground.kind}.")
            self._keep(cell, measure(cell, self._cells))
        return self._known[key]

    def _keep(self, cell: Cell, pace: Pace) -> None:
        self._known[self._key(cell)] = pace
        make_folder(self._cells.folder)
        with written_whole(self._path) as partial:
            partial.write_text(json.dumps({k: asdict(p) for k, p in self._known.items()}, indent=1) + "\n")

    def _key(self, cell: Cell) -> str:
        return f"{cell.pace}; {json.dumps(self._cells.place, sort_keys=True)}"

    def learn(self, task: Task, found: Found) -> None:
        """Take the pace from a cell that was just cross-validated: of all of it, not of a short epoch."""
        cell, about = task.what.cell, found.about
        if not task.what.as_trained or "train_seconds" not in about:
            return
        recipe, sample = cell.checked, about["predict_ms"] / 1000
        train, validation, _, folds = self._size(cell)
        validation = min(validation, (recipe.validate_videos or validation) * folds)
        fitted = recipe.network.model == "ridge"
        looking = 0 if fitted else -(-recipe.epochs // recipe.validate_every) * sample * validation
        updates = max(0.0, about["train_seconds"] - looking) / (train * (1 if fitted else recipe.epochs))
        self._keep(cell, Pace(updates, sample))

    def seconds(self, task: Task) -> float:
        """How long a task will take, without the training of the cell that it samples from."""
        cell, pace = task.what.cell, self.of(task.what.cell)
        recipe = cell.checked
        train, validation, test, folds = self._size(cell)
        validation = min(validation, (recipe.validate_videos or validation) * folds)
        epochs, fitted = recipe.epochs, recipe.network.model == "ridge"
        looks = 0 if fitted else -(-epochs // recipe.validate_every) + 1
        once = pace.train * (1 if fitted else epochs)
        if task.what.target is not None:
            videos, judged = len(cell.ground.data), len(task.what.target.data)
            return once * videos + looks * pace.sample * videos * recipe.validation + pace.sample * judged + _OVERHEAD
        if task.what.as_trained:
            work = once * train + looks * pace.sample * validation + pace.sample * test
            return work / min(self._cells.processes, folds) + _OVERHEAD
        steps = (task.what.steps or recipe.diffusion.steps) / recipe.diffusion.steps
        return pace.sample * test * max(steps, 0.2) + _OVERHEAD

    def _size(self, cell: Cell) -> tuple[int, int, int, int]:
        """Training, validation and test videos of all folds together, and the number of folds."""
        recipe = cell.checked
        key = (cell.ground.sha256, recipe.folds, recipe.validation)
        if key not in self._sizes:
            splits = [videos.split for videos in to_cross_validate(recipe, lambda sentence: None)]
            counts = (sum(len(getattr(s, part)) for s in splits) for part in ("train", "validation", "test"))
            train, validation, test = counts
            self._sizes[key] = train, validation, test, len(splits)
        return self._sizes[key]


def measure(cell: Cell, cells: Cells) -> Pace:
    """One short epoch on a few videos of all lengths, and the samples of two of them."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = cells.recipe(cell, 0, Path(folder))
        videos = to_cross_validate(recipe, lambda sentence: None)[0]
        data, names = videos.data, videos.split.train
        least, most = _PROBED
        by_length = sorted(names, key=data.n_steps)
        few = _spread(by_length, max(least, min(most, 2 * recipe.videos_per_batch)))
        return measure_on(recipe, Videos(data, Split(train=tuple(few), validation=(), test=())), Path(folder))


def measure_on(recipe: Recipe, videos: Videos, folder: Path) -> Pace:
    """The same of given training videos, in batches of all of them at most."""
    names = videos.split.train
    short = {"epochs": 1, "warmup_epochs": 0, "validate_every": 1, "select": "last", "hold_out": 0.0, "workers": 0}
    few = recipe.model_copy(update=short | {"videos_per_batch": min(recipe.videos_per_batch, len(names))})
    trained = fit(few, videos, folder)
    assert trained is not None  # noqa: S101 (no dry run)
    drawn = _spread(names, 3)
    began = time.perf_counter()
    predict(trained.model, videos.data, drawn, samples=recipe.diffusion.samples, steps=recipe.diffusion.steps)
    return Pace(trained.seconds / len(names), (time.perf_counter() - began) / len(drawn))


def _spread(names: Sequence[str], count: int) -> list[str]:
    """So many of them, evenly chosen."""
    return [names[i * len(names) // min(count, len(names))] for i in range(min(count, len(names)))]
