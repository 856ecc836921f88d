"""The training loop. Needs the `train` extra (lightning-fabric).

Everything random comes from the recipe's seed and the numbers of epoch, step and item, so a run that was interrupted
anywhere ends with the weights of one that was not, bit for bit on a processor.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from summdiff.errors import OutputError, SummdiffError, UsageError
from summdiff.research.training.build import as_model
from summdiff.research.training.checkpoint import Checkpoints, set_random_states
from summdiff.research.training.examples import Batches, Examples
from summdiff.research.training.logs import Logs, Watcher
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.rehearsal import rehearse
from summdiff.research.training.ridge import fit_ridge
from summdiff.research.training.signals import Interrupted, Signals
from summdiff.research.training.state import Run
from summdiff.research.training.validation import Quality, validate
from summdiff.research.training.videos import Videos, further_data
from summdiff.scoring.model import Model

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run.

    Attributes:
        model: the moving average of the weights: of the last epoch, or with `select: best` of the epoch that did best
            on the validation videos.
        epoch: which one that is, from 0.
        seconds: that the run took, all parts of it if it was interrupted.
    """

    model: Model
    epoch: int
    seconds: float


def fit(
    recipe: Recipe, videos: Videos, directory: Path, *, watcher: Watcher | None = None, dry_run: bool = False
) -> Trained | None:
    """Train a model.

    Args:
        recipe: what to do.
        videos: the training and the validation videos; of the latter there may be none.
        directory: for the logs and checkpoints, of which the newest whole one is gone on from.
        watcher: told how it goes.
        dry_run: only do everything once, see `rehearse`.

    Returns:
        What came of it; None after a dry run.

    Raises:
        Interrupted: SIGINT or SIGTERM came; what was done until then is saved.
        UsageError: `select: best` without validation videos, an accelerator that is not there, or a checkpoint of
            another recipe or data, or none but damaged ones.
        OutputError: the folder cannot be written.
        LostProcess: another process of the run has died.
    """
    if recipe.select == "best" and not videos.split.validation:
        raise UsageError(f"Recipe '{recipe.name}' selects the best epoch but there are no validation videos.")
    fabric = launch(recipe)
    with together(fabric, directory):
        return _fit(fabric, recipe, videos, directory, watcher=watcher, dry_run=dry_run)


def _fit(
    fabric: Fabric, recipe: Recipe, videos: Videos, directory: Path, *, watcher: Watcher | None, dry_run: bool
) -> Trained | None:
    """What `fit` does, in one of its processes."""
    first_process = fabric.global_rank == 0
    watcher = watcher if watcher is not None and first_process else Watcher()
    make_folder(directory)
    if first_process:
        with suppress(OSError):  # a folder that cannot be written is told of where something is
            (directory / _LOSS).unlink()
    # One process reads the whole file for its digest, and not all of them, at once, through a shared disk.
    who = fabric.broadcast(identity(recipe, videos) if first_process else "")
    checkpoints = Checkpoints(directory, who, watcher.say)
    saved = checkpoints.newest() if recipe.resume == "auto" else None
    examples = Examples(videos, recipe)
    if recipe.network.model == "ridge":
        return _fitted(recipe, examples, dry_run)
    run = Run(recipe, examples, fabric, saved)
    batches = Batches(
        examples, recipe, rank=fabric.global_rank, world=fabric.world_size, pinned=fabric.device.type == "cuda"
    )
    if saved is None or dry_run:
        rehearse(run, batches, videos, recipe, directory, writes=first_process)
    if dry_run:
        return None
    if saved is not None:
        set_random_states(saved["random"])
    elif first_process:
        checkpoints.remove()
    if first_process:
        checkpoints.tidy()

    def save() -> None:
        if first_process:
            checkpoints.save(run.state_dict(), run.done)
        fabric.barrier()

    def leave_if_asked(number: int) -> None:
        if number:
            run.seconds += time.perf_counter() - started
            save()
            raise Interrupted(
                f"Stopped in epoch {run.epoch + 1} after {run.step} steps; the same command goes on from there.", number
            )

    clock, started = _Clock(recipe.checkpoint_minutes), time.perf_counter()
    total = recipe.epochs * batches.count
    watcher.begin(run.done, total)
    with Signals() as signals, Logs(directory, epochs_done=run.epoch, enabled=first_process) as logs:
        while run.epoch < recipe.epochs:
            started, before = time.perf_counter(), run.step
            for step in batches.of(run.epoch, first=run.step):
                ours = run.update(step)
                loss, asked, due = _agree(fabric, ours, signals.received, clock.is_due())
                run.count_step(loss)
                watcher.step(run.done, total, loss)
                leave_if_asked(asked)
                if due:
                    save()
            speed = (run.step - before) / max(time.perf_counter() - started, 1e-9)

            validates = (run.epoch + 1) % recipe.validate_every == 0 or run.epoch + 1 == recipe.epochs
            quality = None
            if validates and videos.split.validation:
                quality, asked = _validated(fabric, run, videos, recipe, signals)
                leave_if_asked(asked)
            run.seconds += time.perf_counter() - started
            run.count_epoch(quality)
            logs.write(run.rows, {"steps_per_second": speed})
            if validates:
                save()
            watcher.epoch(run.rows[-1])
    epoch = run.best["epoch"] if recipe.select == "best" else recipe.epochs - 1
    return Trained(run.selected_model(), epoch, run.seconds)


def _fitted(recipe: Recipe, examples: Examples, dry_run: bool) -> Trained | None:
    """What has no weights to train but a solution in closed form."""
    started = time.perf_counter()
    model = as_model(recipe, examples.look(), fit_ridge(recipe, examples.videos()))
    return None if dry_run else Trained(model, 0, time.perf_counter() - started)


def launch(recipe: Recipe) -> Fabric:
    """The processes of the run, of which this is one from here on.

    Raises:
        UsageError: there is no such accelerator here, or not so many.
    """
    from lightning_fabric import Fabric

    torch.set_num_threads(recipe.threads)
    threadpool_limits(recipe.threads, user_api="blas")  # NumPy's, for the Gaussian prior and the sampler
    devices, nodes, strategy = recipe.devices, recipe.nodes, recipe.strategy
    if torch.distributed.is_torchelastic_launched():  # torchrun knows better than the recipe
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    if devices * nodes > 1:
        strategy = "ddp"
    try:
        fabric = Fabric(
            accelerator=recipe.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=recipe.precision,
        )
        # Fabric would halve all that comes in, times and targets too; autocast halves what may be.
        fabric.strategy.precision.convert_input = lambda data: data  # type: ignore[method-assign]
        fabric.launch()
        if fabric.device.type == "cpu":
            _leave_losses_to_us()
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"Accelerator '{recipe.accelerator}' cannot be used here with {devices} devices and precision "
            f"{recipe.precision}: set accelerator=cpu devices=1 precision=32-true."
        ) from error
    return fabric


def identity(recipe: Recipe, videos: Videos) -> str:
    """What must be the same for a run to go on: what the recipe says of the training, and the data."""
    further = [data.fingerprint() for data in further_data(recipe)]
    return json.dumps([recipe.stated(), videos.fingerprint, *further], sort_keys=True)


def make_folder(directory: Path) -> None:
    """Make a folder if it is missing.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{directory}' cannot be made: {error}.") from error


class LostProcess(SummdiffError):  # noqa: N818 (what happened, not a mistake)
    """Another process of the run is gone.

    Attributes:
        is_news: whether no other process of the run has noticed it before; one sentence is enough.
    """

    def __init__(self, message: str, *, is_news: bool) -> None:
        super().__init__(message)
        self.is_news = is_news


@contextmanager
def together(fabric: Fabric, directory: Path) -> Iterator[None]:
    """End in a sentence where another process dies and so whatever the processes do together fails.

    Where all of them come to an end their connections are closed: a process that left with gloo's threads has aborted.

    Raises:
        LostProcess: that has happened.
    """
    try:
        try:
            yield
        except Interrupted:  # by which all leave in the same step
            _part(fabric)
            raise
        _part(fabric)
    except RuntimeError as error:
        text = str(error).lower()
        if fabric.world_size == 1 or not any(sign in text for sign in _SIGNS_OF_A_LOSS):
            raise
        raise LostProcess(
            f"Another of the run's {fabric.world_size} processes has died. The same command goes on from the last "
            "checkpoint, with as many processes or with others.",
            is_news=_is_first_to_notice(directory),
        ) from error


# A file that whoever notices a loss first makes; the next run in the folder removes it. To ask instead whether the
# first process still lives would not do: a dying process closes its connections a moment before it is gone.
_LOSS = "process-lost"


def _is_first_to_notice(directory: Path) -> bool:
    try:
        (directory / _LOSS).touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        pass  # better said twice than not at all
    return True


def _part(fabric: Fabric) -> None:
    """Close what connects the processes, once all of them are done with it."""
    if fabric.world_size > 1 and torch.distributed.is_initialized():
        fabric.barrier()
        torch.distributed.destroy_process_group()


# What gloo and NCCL say when the other side is gone.
_SIGNS_OF_A_LOSS = ("connection", "gloo", "nccl", "broken pipe", "socket", "remote process", "timed out", "tcpstore")


def _leave_losses_to_us() -> None:
    """Fabric kills the first process without a word when another dies; on the processor it would end by itself."""
    for thread in threading.enumerate():
        if thread.name == "child-process-observer" and hasattr(thread, "_child_processes"):
            thread._child_processes = []


class _Clock:
    """Tells when the next checkpoint is due."""

    def __init__(self, minutes: float) -> None:
        self._seconds = 60 * minutes
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Whether so many minutes have gone by since it last was."""
        due = time.monotonic() - self._last >= self._seconds
        if due:
            self._last = time.monotonic()
        return due


def _agree(fabric: Fabric, loss: Tensor, asked: int, due: bool) -> tuple[float, int, bool]:
    """The whole batch's loss, and whether any process is asked to leave or to save: all do so in the same step."""
    if fabric.world_size == 1:
        return float(loss), asked, due
    mean = torch.as_tensor(fabric.all_reduce(loss, reduce_op="mean"))
    asks = torch.tensor([asked, due], device=fabric.device)
    most = torch.as_tensor(fabric.all_reduce(asks, reduce_op="max"))
    return float(mean), int(most[0]), bool(most[1])


def _validated(
    fabric: Fabric, run: Run, videos: Videos, recipe: Recipe, signals: Signals
) -> tuple[Quality | None, int]:
    """The quality on the validation videos, measured by the first process; and the signal that came while it did."""
    found: tuple[Quality | None, int] = None, 0
    if fabric.global_rank == 0:
        names = videos.split.validation
        if recipe.validate_videos is not None and recipe.validate_videos < len(names):
            names = tuple(names[i * len(names) // recipe.validate_videos] for i in range(recipe.validate_videos))
        on_gpu = fabric.device.type == "cuda"
        half = on_gpu and recipe.precision == "bf16-mixed"
        model = run.model(device=fabric.device if on_gpu else "cpu", precision="bfloat16" if half else "float32")
        try:
            quality = validate(
                model, (videos.data[name] for name in names), recipe, on_video=lambda: _stop_if(signals.received)
            )
            found = quality, 0
        except _StoppedError:
            found = None, signals.received
    return fabric.broadcast(found)


class _StoppedError(Exception):
    """A signal came during validation."""


def _stop_if(number: int) -> None:
    if number:
        raise _StoppedError
