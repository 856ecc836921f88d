"""Training a model from a recipe, with PyTorch on Lightning Fabric.

All randomness derives from the recipe's seed and the numbers of epoch, step and item, so an interrupted run ends with
the same weights as an uninterrupted one, bit for bit on a CPU.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lightning_fabric import Fabric

from summdiff.atomic import make_folder
from summdiff.errors import UsageError
from summdiff.research.networks.storage import write_model
from summdiff.research.training.build import as_model
from summdiff.research.training.checkpoint import Checkpoints, set_random_states
from summdiff.research.training.closed_form import fit_ridge
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.logs import Callbacks, Logs
from summdiff.research.training.processes import (
    Interrupted,
    Signals,
    agree,
    clear_loss,
    connected,
    is_first_process,
    launch,
)
from summdiff.research.training.provenance import identity, provenance, validation_count
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.sanity_check import sanity_check
from summdiff.research.training.state import TrainingState
from summdiff.research.training.validation import Quality, validate
from summdiff.research.training.videos import Videos, to_train
from summdiff.scoring.model import Model


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """The result of a run.

    Attributes:
        model: moving average of the weights after the last epoch or, with `select: best`, after the epoch with the best
            validation value.
        epoch: that epoch, from 0.
        seconds: training time, over all parts of an interrupted run.
    """

    model: Model
    epoch: int
    seconds: float


def train(recipe: Recipe, *, callbacks: Callbacks | None = None, dry_run: bool = False) -> Path | None:
    """Train a recipe and write a folder that `load_model` accepts.

    The folder also gets the logs, and checkpoints to resume an interrupted run.

    Args:
        recipe: the recipe.
        callbacks: for progress.
        dry_run: run the sanity check only, and write nothing.

    Returns:
        The folder, `recipe.output`; None after a dry run, and in every process but the first.

    Raises:
        DataError, UsageError, ModelError, OutputError: something is wrong with recipe, data or folder.
        Interrupted: SIGINT or SIGTERM; the run can be resumed.
    """
    first_process = is_first_process()
    callbacks = callbacks if callbacks is not None and first_process else Callbacks()
    videos = to_train(recipe, callbacks.message)
    trained = fit(recipe, videos, recipe.output, callbacks=callbacks, dry_run=dry_run)
    if trained is None or not first_process:
        return None
    return write_model(trained.model, recipe.output, provenance=provenance(recipe, videos))


def fit(
    recipe: Recipe,
    videos: Videos,
    directory: Path,
    *,
    callbacks: Callbacks | None = None,
    check: bool = True,
    graphs: bool = True,
    dry_run: bool = False,
) -> TrainedModel | None:
    """Train a model on videos.

    Args:
        recipe: the recipe.
        videos: training videos and, optionally, validation videos.
        directory: folder of logs and checkpoints; the run resumes from the newest undamaged checkpoint.
        callbacks: for progress.
        check: whether a run that starts, rather than resumes, begins with the sanity check.
        graphs: whether that check exports the graphs that the model will be written with.
        dry_run: run the sanity check only.

    Returns:
        The model; None after a dry run.

    Raises:
        Interrupted: SIGINT or SIGTERM came; the run's state is saved.
        UsageError: `select: best` without validation videos, an accelerator that is not available, or a checkpoint of
            another recipe or data, or only damaged ones.
        OutputError: the folder cannot be written.
        LostProcess: another process of the run has died.
    """
    if recipe.select == "best" and not videos.split.validation:
        raise UsageError(f"Recipe '{recipe.name}' selects the best epoch but there are no validation videos.")
    fabric = launch(recipe)
    with connected(fabric, directory):
        return _fit(fabric, recipe, videos, directory, callbacks=callbacks, check=check, graphs=graphs, dry_run=dry_run)


def _fit(
    fabric: Fabric,
    recipe: Recipe,
    videos: Videos,
    directory: Path,
    *,
    callbacks: Callbacks | None,
    check: bool,
    graphs: bool,
    dry_run: bool,
) -> TrainedModel | None:
    """Do this process's part of `fit`."""
    first_process = fabric.global_rank == 0
    callbacks = callbacks if callbacks is not None and first_process else Callbacks()
    make_folder(directory)
    if first_process:
        clear_loss(directory)
    # Only one process reads the whole file for its digest.
    run_identity = fabric.broadcast(identity(recipe, videos) if first_process else "")
    checkpoints = Checkpoints(directory, run_identity, callbacks.message)
    saved = checkpoints.newest() if recipe.resume == "auto" else None
    examples = Examples(videos, recipe)
    if recipe.network.model == "ridge":
        if dry_run:
            callbacks.message(f"{len(examples.videos())} videos to train on, by a solution in closed form.")
        return _fit_ridge(recipe, examples, dry_run)
    state = TrainingState(recipe, examples, fabric, saved)
    batches = Batches(
        examples, recipe, rank=fabric.global_rank, world=fabric.world_size, pinned=fabric.device.type == "cuda"
    )
    seconds = 0.0
    if dry_run or (check and saved is None):
        seconds = sanity_check(state, batches, videos, recipe, directory, writes=first_process, graphs=graphs)
    if dry_run:
        callbacks.message(_what_would_run(recipe, videos, state, batches.count, seconds))
        return None
    if saved is not None:
        set_random_states(saved["random"])
    elif first_process:
        checkpoints.remove()
    if first_process:
        checkpoints.tidy()

    def save() -> None:
        if first_process:
            checkpoints.save(state.state_dict(), state.done)
        fabric.barrier()

    def leave_on_signal(number: int) -> None:
        if number:
            state.seconds += time.perf_counter() - started
            save()
            raise Interrupted(
                f"Stopped in epoch {state.epoch + 1} after {state.step} steps; the same command goes on from there.",
                number,
            )

    clock, started = _Clock(recipe.checkpoint_minutes), time.perf_counter()
    total = recipe.epochs * batches.count
    callbacks.on_start(state.done, total)
    with Signals() as signals, Logs(directory, epochs_done=state.epoch, enabled=first_process) as logs:
        while state.epoch < recipe.epochs:
            started, first_step = time.perf_counter(), state.step
            for step in batches.of(state.epoch, first=state.step):
                local_loss = state.update(step)
                loss, signal_number, due = agree(fabric, local_loss, signals.received, clock.is_due())
                state.count_step(loss)
                callbacks.on_step(state.done, total, loss)
                leave_on_signal(signal_number)
                if due:
                    save()
            speed = (state.step - first_step) / max(time.perf_counter() - started, 1e-9)

            validates = (state.epoch + 1) % recipe.validate_every == 0 or state.epoch + 1 == recipe.epochs
            quality = None
            if validates and videos.split.validation:
                quality, signal_number = _validate(fabric, state, videos, recipe, signals)
                leave_on_signal(signal_number)
            state.seconds += time.perf_counter() - started
            state.count_epoch(quality)
            logs.write(state.rows, {"steps_per_second": speed})
            if validates:
                save()
            callbacks.on_epoch(state.rows[-1])
    if first_process and (saved is None or saved["optimizer"] is not None):
        checkpoints.save(state.finished_dict(), state.done, keep=1)
    fabric.barrier()
    epoch = state.best["epoch"] if recipe.select == "best" else recipe.epochs - 1
    return TrainedModel(state.selected_model(), epoch, state.seconds)


def _fit_ridge(recipe: Recipe, examples: Examples, dry_run: bool) -> TrainedModel | None:
    """Fit a model that has a closed-form solution."""
    started = time.perf_counter()
    model = as_model(recipe, examples.look(), fit_ridge(recipe, examples.videos()))
    return None if dry_run else TrainedModel(model, 0, time.perf_counter() - started)


def _what_would_run(recipe: Recipe, videos: Videos, state: TrainingState, steps: int, seconds: float) -> str:
    """Describe a run by its videos, parameters and steps, and the time of its largest step."""
    split = videos.split
    parameters = sum(weight.numel() for weight in state.network.parameters() if weight.requires_grad)
    total = timedelta(seconds=round(seconds * steps * recipe.epochs))
    return (
        f"{len(split.train) + len(videos.elsewhere)} videos to train on and {len(split.validation)} for validation, "
        f"{parameters:,} parameters, {recipe.epochs} epochs of {steps} steps. If each takes as long as the largest, "
        f"{seconds:.2f} s, this is {total} (h:mm:ss), without validation."
    )


def _validate(
    fabric: Fabric, state: TrainingState, videos: Videos, recipe: Recipe, signals: Signals
) -> tuple[Quality | None, int]:
    """Return the quality on the validation videos, from the first process, and the signal that interrupted it."""
    result: tuple[Quality | None, int] = None, 0
    if fabric.global_rank == 0:
        names = videos.split.validation
        count = validation_count(recipe, len(names))
        on_gpu = fabric.device.type == "cuda"
        half = on_gpu and recipe.precision == "bf16-mixed"
        model = state.model(device=fabric.device if on_gpu else "cpu", precision="bfloat16" if half else "float32")
        chosen = (videos.data[names[i * len(names) // count]] for i in range(count))
        try:
            result = validate(model, chosen, recipe, on_video=lambda: _stop_on_signal(signals.received)), 0
        except _StoppedError:
            result = None, signals.received
    return fabric.broadcast(result)


class _StoppedError(Exception):
    """A signal arrived during validation."""


def _stop_on_signal(number: int) -> None:
    if number:
        raise _StoppedError


class _Clock:
    """Timer for checkpoints."""

    def __init__(self, minutes: float) -> None:
        self._seconds = 60 * minutes
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Return whether that many minutes have passed since it last returned True."""
        due = time.monotonic() - self._last >= self._seconds
        if due:
            self._last = time.monotonic()
        return due
