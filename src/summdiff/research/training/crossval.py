"""Cross-validation: every video is predicted once, by a model that was not trained, validated or selected on it.

Each fold has its own folder, so an interrupted cross-validation trains no fold twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from summdiff._pool import TaskPool
from summdiff._runtime import peak_memory
from summdiff._untrusted import read_json
from summdiff.atomic import make_folder
from summdiff.errors import DataError, UsageError, WorkerError
from summdiff.evaluation import Predictions, predict, read_predictions, write_predictions
from summdiff.research.networks.inference import module_of
from summdiff.research.networks.storage import write_model
from summdiff.research.training.augmentation import other_spaces
from summdiff.research.training.checkpoint import Checkpoints
from summdiff.research.training.crossval_report import (
    CrossValidation,
    FoldResult,
    over_seeds,
    predictions_file,
    ridge_scores,
    summarize_folds,
    write_json,
)
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit
from summdiff.research.training.processes import Interrupted, Signals
from summdiff.research.training.provenance import identity, provenance
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.validation import quality, validate
from summdiff.research.training.videos import Videos, to_cross_validate
from summdiff.scoring.model import Model

FOLD_FILE = "fold.json"


@dataclass(frozen=True, slots=True)
class FoldJob:
    """One fold of one seed, to be trained and tested.

    Attributes:
        recipe, videos, directory, callbacks: see `fit`.
        label: its name in messages.
        check: whether to run the sanity check, which once is enough for a recipe.
    """

    recipe: Recipe
    videos: Videos
    directory: Path
    label: str
    callbacks: Callbacks
    check: bool = False

    @property
    def identity(self) -> str:
        return identity(self.recipe, self.videos)


def cross_validate(
    recipe: Recipe, *, processes: int = 1, callbacks: Callbacks | None = None, ridge: bool = True
) -> CrossValidation:
    """Train and test a recipe on each fold; write metrics, predictions, splits, the recipe, and each fold's weights.

    A finished fold is not trained again; an interrupted one resumes. `export_folder` makes a fold's folder a model that
    scores without torch.

    Args:
        recipe: the recipe; files go to `crossval` in its output folder.
        processes: folds trained at the same time; if more than 1, in separate processes with `recipe.threads` threads
            each.
        callbacks: for progress; must be picklable with several processes.
        ridge: whether to compare with ridge regression on the same inputs.

    Raises:
        DataError, UsageError, OutputError: something is wrong with recipe, data or folder.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    directory = recipe.output / "crossval"
    return _cross_validate([recipe], [directory], processes, callbacks or Callbacks(), ridge=ridge)[0]


def cross_validate_seeds(
    recipe: Recipe, seeds: Sequence[int], *, processes: int = 1, callbacks: Callbacks | None = None
) -> tuple[Path, list[CrossValidation]]:
    """Cross-validate with each seed, in `crossval/seed<n>`, and write mean and deviation to `crossval/seeds.json`.

    The folds are the same for all seeds; the rest is as for `cross_validate`. Return that path and one result per seed.
    """
    directory = recipe.output / "crossval"
    recipes = [recipe.model_copy(update={"seed": seed}) for seed in seeds]
    folders = [directory / f"seed{seed}" for seed in seeds]
    results = _cross_validate(recipes, folders, processes, callbacks or Callbacks())
    path = directory / "seeds.json"
    write_json(path, over_seeds(seeds, results))
    return path, results


def _cross_validate(
    recipes: Sequence[Recipe], directories: Sequence[Path], processes: int, callbacks: Callbacks, *, ridge: bool = True
) -> list[CrossValidation]:
    """Cross-validate recipes that share data and folds; the folds of all are trained side by side."""
    folds, jobs = _plan(recipes, directories, callbacks)
    results = _finish(jobs, processes, callbacks)
    baseline = ridge_scores(recipes[0], folds, callbacks) if ridge else {}
    summaries = []
    for i, (recipe, directory) in enumerate(zip(recipes, directories, strict=True)):
        own = results[i * len(folds) : (i + 1) * len(folds)]
        summaries.append(summarize_folds(recipe, folds, own, baseline, directory))
    return summaries


def train_folds(
    recipe: Recipe,
    numbers: Sequence[int],
    *,
    seeds: Sequence[int] = (),
    processes: int = 1,
    callbacks: Callbacks | None = None,
) -> list[Path]:
    """Train and test some folds of a cross-validation, for instance on one machine of several that share the folder.

    `cross_validate` or `cross_validate_seeds` with the same recipe then uses them.

    Args:
        recipe, processes, callbacks: as for `cross_validate`.
        numbers: of the folds, from 1.
        seeds: as for `cross_validate_seeds`; empty for `cross_validate`.

    Returns:
        The folders of the folds.

    Raises:
        UsageError: there is no such fold; also what `cross_validate` raises.
    """
    callbacks, directory = callbacks or Callbacks(), recipe.output / "crossval"
    recipes = [recipe.model_copy(update={"seed": seed}) for seed in seeds] or [recipe]
    folders = [directory / f"seed{seed}" for seed in seeds] or [directory]
    folds, jobs = _plan(recipes, folders, callbacks)
    if unknown := [number for number in numbers if not 1 <= number <= len(folds)]:
        raise UsageError(f"There is no fold {unknown[0]}: there are {len(folds)}, counted from 1.")
    chosen = [job for at, job in enumerate(jobs) if at % len(folds) + 1 in numbers]
    _finish(chosen, processes, callbacks)
    return [job.directory for job in chosen]


def _plan(
    recipes: Sequence[Recipe], directories: Sequence[Path], callbacks: Callbacks
) -> tuple[list[Videos], list[FoldJob]]:
    """Return the folds, and the jobs of all recipes in their order; make the recipes' folders."""
    if recipes[0].devices > 1:
        raise UsageError("Cross-validation distributes folds, not batches: set devices=1 and use --processes.")
    folds = to_cross_validate(recipes[0], callbacks.message)
    for videos in folds:
        if not videos.split.test:
            raise DataError(f"'{recipes[0].splits}' has a split without test videos that have features.")
    jobs = []
    for recipe, directory in zip(recipes, directories, strict=True):
        for number, videos in enumerate(folds):
            label = f"fold {number + 1}/{len(folds)}"
            if len(recipes) > 1:
                label = f"seed {recipe.seed} {label}"
            jobs.append(FoldJob(recipe, videos, directory / f"fold{number + 1}", label, callbacks.with_label(label)))
    for directory in directories:
        make_folder(directory)
    return folds, jobs


def _finish(jobs: Sequence[FoldJob], processes: int, callbacks: Callbacks) -> list[FoldResult]:
    """Return the results of jobs, after running those that are not finished."""
    results: dict[int, FoldResult] = {}
    for number, result in _run_jobs(jobs, processes, callbacks):
        results[number] = result
        measures = " ".join(f"{name} {value:.4f}" for name, value in result.record["test"].items())
        callbacks.message(f"{jobs[number].label} is finished: {measures}")
    return [results[number] for number in range(len(jobs))]


def _run_jobs(jobs: Sequence[FoldJob], processes: int, callbacks: Callbacks) -> Iterator[tuple[int, FoldResult]]:
    """Yield number and result of each job: finished folds first, then the others in order of completion."""
    waiting = []
    for number, job in enumerate(jobs):
        finished = _read_fold(job)
        if finished is None:
            waiting.append(number)
        else:
            yield number, finished
    tasks = [replace(jobs[number], check=number == waiting[0]) for number in waiting]
    if processes == 1:
        for number, task in zip(waiting, tasks, strict=True):
            yield number, run_fold(task)
        return
    pool = TaskPool(run_fold, processes, nested=True)
    with Signals(on_signal=lambda number: pool.terminate()) as signals, pool:

        def announce(running: Sequence[int], remaining: int) -> None:
            labels = ", ".join(tasks[index].label for index in running)
            callbacks.message(f"Running {labels}; {remaining} more to come.")

        try:
            for index, result in pool.run(tasks, announce):
                yield waiting[index], result
        except (Interrupted, WorkerError) as error:
            if signals.received:
                raise Interrupted("Stopped; the same command goes on from there.", signals.received) from error
            raise


def run_fold(job: FoldJob) -> FoldResult:
    """Train on one fold, judge its validation and test videos, and write results and weights."""
    recipe, videos, directory = job.recipe, job.videos, job.directory
    data, split = videos.data, videos.split
    trained = fit(recipe, videos, directory, callbacks=job.callbacks, check=job.check, graphs=False)
    assert trained is not None  # noqa: S101 (not a dry run)
    model, sampling = trained.model, recipe.diffusion
    validation = validate(model, (data[name] for name in split.validation), recipe) if split.validation else None
    predictions: dict[str, Predictions] = {}
    milliseconds = []
    for readout in model.readouts:
        started = time.perf_counter()
        predictions[readout] = predict(
            model,
            data,
            split.test,
            samples=sampling.samples,
            steps=sampling.steps,
            seed=recipe.seed,
            readout=readout,
        )
        milliseconds.append(1000 * (time.perf_counter() - started) / len(split.test))
    first = predictions[model.readouts[0]]
    test = quality((first.means[name], first.curves[name], data.annotations(name)) for name in split.test)
    record = {
        "identity": job.identity,
        "readouts": list(model.readouts),
        "epoch": trained.epoch,
        "validation": validation.values if validation else None,
        "test": test.values,
        "other feature spaces": _quality_in_other_spaces(job, model),
        "parameters": sum(weight.numel() for weight in module_of(model).parameters() if weight.requires_grad),
        "train_seconds": round(trained.seconds, 3),
        "predict_ms": round(milliseconds[0], 3),
        "peak_memory_mb": peak_memory(),
        "split": {part: list(getattr(split, part)) for part in ("train", "validation", "test")},
    }
    for readout, predicted in predictions.items():
        path = directory / predictions_file(readout)
        write_predictions(path, predicted.curves, about=predicted.about, means=predicted.means)
    write_model(model, directory, provenance=provenance(recipe, videos), graphs=False)
    write_json(directory / FOLD_FILE, record)
    Checkpoints(directory, job.identity).remove()
    return FoldResult(record, predictions)


def _read_fold(job: FoldJob) -> FoldResult | None:
    """Return the result of a fold that was finished with the same recipe and data, else None."""
    if job.recipe.resume == "never":
        return None
    try:
        record = read_json(job.directory / FOLD_FILE)
        if record.get("identity") != job.identity:
            return None
        paths = {readout: job.directory / predictions_file(readout) for readout in record["readouts"]}
        return FoldResult(record, {readout: read_predictions(path) for readout, path in paths.items()})
    except (OSError, ValueError, AttributeError, KeyError, DataError):
        return None


def _quality_in_other_spaces(job: FoldJob, model: Model) -> dict[str, dict[str, float]]:
    """Return the quality on the test videos in feature spaces like those of other backbones, if the recipe asks."""
    recipe, data, split = job.recipe, job.videos.data, job.videos.split
    if not recipe.other_spaces:
        return {}
    result = {}
    for space, change in other_spaces([data[name] for name in split.train], seed=recipe.seed).items():
        changed = (replace(data[name], features=change(data[name].need_features())) for name in split.test)
        result[space] = validate(model, changed, recipe).values
    return result
