"""Estimates of training time on this machine, from a short epoch of each kind of run or from finished runs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from summdiff._untrusted import read_json
from summdiff.atomic import make_folder, written_whole
from summdiff.data.splits import Split
from summdiff.evaluation import predict
from summdiff.research.reproduce.measurements import MeasuredValues, Measurement, SystemRun
from summdiff.research.reproduce.runs import RunFolder
from summdiff.research.training.loop import fit
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.videos import Videos, to_cross_validate

_FILE = "speeds.json"
_OVERHEAD_S = 5.0  # of a task besides training and sampling: reading, judging, writing
_PROBED = (8, 32)  # fewest and most videos of a short epoch


@dataclass(frozen=True, slots=True)
class ReproduceTask:
    """A measurement with one seed.

    Attributes:
        label: table and row, as text.
        measurement: the run and how it is judged.
        seed: seed of training and sampling.
    """

    label: str
    measurement: Measurement
    seed: int

    @property
    def key(self) -> tuple[str, int, str]:
        """Key of the results; tasks with equal keys have the same results."""
        return self.measurement.run.digest, self.seed, self.measurement.file


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that a kind of run takes.

    Attributes:
        train: per video and epoch.
        sample: for all samples of a video, with the recipe's number of steps.
    """

    train: float
    sample: float


class Speeds:
    """Known speeds on this machine, kept beside the runs."""

    def __init__(self, runs: RunFolder, say: Callable[[str], None]) -> None:
        """Read the speeds that were measured before."""
        self._runs, self._say = runs, say
        self._path = runs.folder / _FILE
        try:
            self._known = {key: Speed(**speed) for key, speed in read_json(self._path).items()}
        except (OSError, ValueError, TypeError):
            self._known = {}
        self._sizes: dict[tuple[str, int, float], tuple[int, int, int, int]] = {}

    def of(self, run: SystemRun) -> Speed:
        """Return the speed of a run; measure it if unknown."""
        key = self._key(run)
        if key not in self._known:
            self._say(f"Measuring a short epoch of {run.recipe.name}.")
            self._keep(run, _measure(run, self._runs))
        return self._known[key]

    def learn(self, task: ReproduceTask, values: MeasuredValues) -> None:
        """Store the speed of a finished cross-validation, which is more exact than a short epoch."""
        run, about = task.measurement.run, values.about
        if task.measurement.target is not None or not task.measurement.trains or "train_seconds" not in about:
            return
        recipe = run.recipe
        sample = about["predict_ms"] / 1000
        train, validation, _, folds = self._size(run)
        validation = min(validation, (recipe.validate_videos or validation) * folds)
        closed_form = recipe.network.model == "ridge"
        validating = 0 if closed_form else -(-recipe.epochs // recipe.validate_every) * sample * validation
        trained = max(0.0, about["train_seconds"] - validating) / (train * (1 if closed_form else recipe.epochs))
        self._keep(run, Speed(trained, sample))

    def seconds(self, task: ReproduceTask) -> float:
        """Estimate the seconds that a task takes, without the training of the run that it samples from."""
        measurement, run = task.measurement, task.measurement.run
        speed, recipe = self.of(run), run.recipe
        train, validation, test, folds = self._size(run)
        validation = min(validation, (recipe.validate_videos or validation) * folds)
        epochs, closed_form = recipe.epochs, recipe.network.model == "ridge"
        validations = 0 if closed_form else -(-epochs // recipe.validate_every) + 1
        per_video = speed.train * (1 if closed_form else epochs)
        if measurement.target is not None:
            videos, judged = len(run.data.file), len(measurement.target.file)
            sampled = validations * videos * recipe.validation + judged
            return per_video * videos + speed.sample * sampled + _OVERHEAD_S
        if measurement.trains:
            work = per_video * train + speed.sample * (validations * validation + test)
            return work / min(self._runs.processes, folds) + _OVERHEAD_S
        steps = (measurement.steps or recipe.diffusion.steps) / recipe.diffusion.steps
        return speed.sample * test * max(steps, 0.2) + _OVERHEAD_S

    def _keep(self, run: SystemRun, speed: Speed) -> None:
        self._known[self._key(run)] = speed
        make_folder(self._runs.folder)
        with written_whole(self._path) as partial:
            partial.write_text(json.dumps({key: asdict(s) for key, s in self._known.items()}, indent=1) + "\n")

    def _key(self, run: SystemRun) -> str:
        """Return a key shared by runs of about the same speed."""
        sizes = json.dumps(run.recipe.network.model_dump(include={"width", "layers", "encoder_layers"}))
        place = json.dumps(self._runs.place, sort_keys=True)
        return f"{run.recipe_name} on {run.data.sha256[:8]} {sizes}; {place}"

    def _size(self, run: SystemRun) -> tuple[int, int, int, int]:
        """Return the training, validation and test videos of all folds together, and the number of folds."""
        recipe = run.recipe
        key = (run.data.sha256, recipe.folds, recipe.validation)
        if key not in self._sizes:
            splits = [videos.split for videos in to_cross_validate(recipe, lambda sentence: None)]
            train, validation, test = (
                sum(len(getattr(split, part)) for split in splits) for part in ("train", "validation", "test")
            )
            self._sizes[key] = train, validation, test, len(splits)
        return self._sizes[key]


def _measure(run: SystemRun, runs: RunFolder) -> Speed:
    """Measure one epoch on a few videos of all lengths."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = runs.recipe(run, 0, Path(folder))
        videos = to_cross_validate(recipe, lambda sentence: None)[0]
        data = videos.data
        fewest, most = _PROBED
        by_length = sorted(videos.split.train, key=data.n_steps)
        few = _evenly_chosen(by_length, max(fewest, min(most, 2 * recipe.videos_per_batch)))
        return measure_speed(recipe, Videos(data, Split(train=tuple(few), validation=(), test=())), Path(folder))


def measure_speed(recipe: Recipe, videos: Videos, folder: Path) -> Speed:
    """Measure one epoch on the training videos, in batches of all of them at most, and the samples of three."""
    names = videos.split.train
    short = {"epochs": 1, "warmup_epochs": 0, "validate_every": 1, "select": "last", "hold_out": 0.0, "workers": 0}
    short |= {"videos_per_batch": min(recipe.videos_per_batch, len(names))}
    trained = fit(recipe.model_copy(update=short), videos, folder, check=False)
    assert trained is not None  # noqa: S101 (no dry run)
    drawn = _evenly_chosen(names, 3)
    began = time.perf_counter()
    predict(trained.model, videos.data, drawn, samples=recipe.diffusion.samples, steps=recipe.diffusion.steps)
    return Speed(trained.seconds / len(names), (time.perf_counter() - began) / len(drawn))


def _evenly_chosen(names: Sequence[str], count: int) -> list[str]:
    return [names[i * len(names) // min(count, len(names))] for i in range(min(count, len(names)))]
