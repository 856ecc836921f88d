"""The folds of a cross-validation: trained, tested and kept, one after the other or in processes side by side."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from summdiff._pool import TaskPool
from summdiff.atomic import written_whole
from summdiff.errors import DataError, WorkerError
from summdiff.evaluation import Predictions, predict, read_predictions, write_predictions
from summdiff.research.networks.folder import write_model
from summdiff.research.networks.inference import module_of
from summdiff.research.training.checkpoint import Checkpoints
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit, identity, provenance
from summdiff.research.training.processes import Interrupted, Signals
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.transfer import other_spaces
from summdiff.research.training.validation import quality, validate
from summdiff.research.training.videos import Videos
from summdiff.scoring.model import Model

RESULT = "fold.json"


@dataclass(frozen=True, slots=True)
class FoldJob:
    """One fold of one seed."""

    recipe: Recipe
    videos: Videos
    directory: Path
    label: str
    callbacks: Callbacks

    @property
    def identity(self) -> str:
        return identity(self.recipe, self.videos)


@dataclass(frozen=True, slots=True)
class Fold:
    """What came of a fold: `fold.json`, and by readout the predictions of its test videos."""

    result: dict[str, Any]
    predictions: Mapping[str, Predictions]


def run_folds(jobs: Sequence[FoldJob], processes: int, callbacks: Callbacks) -> Iterator[tuple[int, Fold]]:
    """Number and result of each job, as they are finished; those that were before come first."""
    waiting = []
    for number, job in enumerate(jobs):
        finished = _finished(job)
        if finished is None:
            waiting.append(number)
        else:
            yield number, finished
    if processes == 1:
        for number in waiting:
            yield number, run_fold(jobs[number])
        return
    pool = TaskPool(run_fold, processes, nested=True)
    with Signals(on_signal=lambda number: pool.terminate()) as signals, pool:
        todo = [jobs[number] for number in waiting]

        def say(running: Sequence[int], waiting: int) -> None:
            labels = ", ".join(todo[index].label for index in running)
            callbacks.message(f"Running {labels}; {waiting} more to come.")

        try:
            for index, fold in pool.run(todo, say):
                yield waiting[index], fold
        except (Interrupted, WorkerError) as error:
            if signals.received:
                raise Interrupted("Stopped; the same command goes on from there.", signals.received) from error
            raise


def _finished(job: FoldJob) -> Fold | None:
    """The result of a fold that was finished before with the same recipe and data."""
    if job.recipe.resume == "never":
        return None
    try:
        result = json.loads((job.directory / RESULT).read_text(encoding="utf-8"))
        if result.get("identity") != job.identity:
            return None
        return Fold(
            result,
            {readout: read_predictions(job.directory / predictions_file(readout)) for readout in result["readouts"]},
        )
    except (OSError, ValueError, AttributeError, KeyError, DataError):
        return None


def run_fold(job: FoldJob) -> Fold:
    """Train on one fold; its quality on validation and test videos, and the curves of the latter."""
    recipe, videos, directory = job.recipe, job.videos, job.directory
    data, split = videos.data, videos.split
    trained = fit(recipe, videos, directory, callbacks=job.callbacks)
    assert trained is not None  # noqa: S101 (no dry run)
    model, how = trained.model, recipe.diffusion
    validation = validate(model, (data[name] for name in split.validation), recipe) if split.validation else None
    found: dict[str, Predictions] = {}
    milliseconds = []
    for readout in model.readouts:
        started = time.perf_counter()
        found[readout] = predict(
            *(model, data, split.test), samples=how.samples, steps=how.steps, seed=recipe.seed, readout=readout
        )
        milliseconds.append(1000 * (time.perf_counter() - started) / len(split.test))
    usual = found[model.readouts[0]]
    test = quality((usual.means[name], usual.curves[name], data.annotations(name)) for name in split.test)
    result = {
        "identity": job.identity,
        "readouts": list(model.readouts),
        "epoch": trained.epoch,
        "validation": validation.values if validation else None,
        "test": test.values,
        "other feature spaces": _elsewhere(job, model),
        "parameters": sum(weight.numel() for weight in module_of(model).parameters() if weight.requires_grad),
        "train_seconds": round(trained.seconds, 3),
        "predict_ms": round(milliseconds[0], 3),
        "peak_memory_mb": peak_memory(),
        "split": {part: list(getattr(split, part)) for part in ("train", "validation", "test")},
    }
    for readout, predictions in found.items():
        path = directory / predictions_file(readout)
        write_predictions(path, predictions.curves, about=predictions.about, means=predictions.means)
    write_model(model, directory, provenance=provenance(recipe, videos))
    with written_whole(directory / RESULT) as partial:
        partial.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    Checkpoints(directory, job.identity).remove()
    return Fold(result, found)


def predictions_file(readout: str) -> str:
    return "predictions.h5" if readout == "scores" else f"predictions_{readout}.h5"


def _elsewhere(job: FoldJob, model: Model) -> dict[str, dict[str, float]]:
    """The quality on the test videos as other backbones might show them; of a relational model only."""
    recipe, data, split = job.recipe, job.videos.data, job.videos.split
    if not recipe.other_spaces:
        return {}
    spaces = other_spaces([data[name] for name in split.train], seed=recipe.seed)
    return {
        space: validate(
            model, (replace(data[name], features=change(data[name].need_features())) for name in split.test), recipe
        ).values
        for space, change in spaces.items()
    }


def peak_memory() -> float | None:
    """The most memory in MiB that this process has had, None where the system does not say."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: what `getrusage` says of a spawned process includes what its parent had when it was made.
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return round(int(found[1]) / 1024, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)
