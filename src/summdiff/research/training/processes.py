"""Start the processes of a training run, stop them by signals, and detect that one has died."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from threadpoolctl import threadpool_limits
from torch import Tensor

from summdiff.errors import SummdiffError, UsageError
from summdiff.research.training.recipe import Recipe

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOSS_MARK = "process-lost"
# Error texts of gloo and NCCL for a closed connection.
_LOSS_WORDS = ("connection", "gloo", "nccl", "broken pipe", "socket", "remote process", "timed out", "tcpstore")


def launch(recipe: Recipe) -> Fabric:
    """Start the other processes of a run and connect this one to them.

    Raises:
        UsageError: the accelerator or the number of devices is not available.
    """
    torch.set_num_threads(recipe.threads)
    threadpool_limits(recipe.threads, user_api="blas")  # NumPy's, for the Gaussian prior and the sampler
    devices, nodes = recipe.devices, recipe.nodes
    if torch.distributed.is_torchelastic_launched():  # torchrun overrides the recipe
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    on_cpu = recipe.accelerator == "cpu" or (recipe.accelerator == "auto" and not torch.cuda.is_available())
    starts_others = on_cpu and devices > 1 and not _is_started_by_a_launcher()
    if starts_others:
        _announce_first_process(devices * nodes)
    precision: dict[str, Any] = {"precision": recipe.precision}
    if recipe.precision != "32-true":
        # Like Fabric: no 16-bit floats on a CPU
        kind: Any = "bf16-mixed" if on_cpu else recipe.precision
        precision = {"plugins": [_Autocast(kind, "cpu" if on_cpu else "cuda")]}
    try:
        fabric = Fabric(
            accelerator=recipe.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if devices * nodes > 1 else recipe.strategy,
            **precision,
        )
        if starts_others:
            _start_others(devices)
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"Accelerator '{recipe.accelerator}' is not available with {devices} devices and precision "
            f"{recipe.precision}: set accelerator=cpu devices=1 precision=32-true."
        ) from error
    return fabric


class _Autocast(MixedPrecision):
    """Mixed precision by autocast alone: times and targets stay in single precision."""

    def convert_input(self, data: Any) -> Any:
        """Leave a network's inputs as they are."""
        return data


def _is_started_by_a_launcher() -> bool:
    """Return whether torchrun, SLURM or a first process has started this one."""
    return "LOCAL_RANK" in os.environ or "SLURM_PROCID" in os.environ


def _announce_first_process(world_size: int) -> None:
    """Set the environment so that Fabric starts no processes.

    Fabric would kill the first process without a message when another one dies. On a CPU the first process detects
    this itself and reports how to resume.
    """
    environment = LightningEnvironment()
    os.environ |= {
        "MASTER_ADDR": environment.main_address,
        "MASTER_PORT": str(environment.main_port),
        "NODE_RANK": str(environment.node_rank()),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(world_size),
    }


def _start_others(devices: int) -> None:
    """Run this process's command once for each other device."""
    command = [sys.executable, *sys.orig_argv[1:]]
    for rank in range(1, devices):
        os.spawnve(os.P_NOWAIT, sys.executable, command, os.environ | {"LOCAL_RANK": str(rank)})  # noqa: S606 (this command)


def is_first_process() -> bool:
    """Return whether this is the process that writes files, by the launcher's environment variables."""
    rank = os.environ.get("RANK", os.environ.get("SLURM_PROCID"))
    if rank is None:
        return os.environ.get("LOCAL_RANK", "0") == os.environ.get("NODE_RANK", "0") == "0"
    return rank == "0"


def agree(fabric: Fabric, loss: Tensor, signal_number: int, due: bool) -> tuple[float, int, bool]:
    """Return the batch's mean loss, and whether any process got a signal or has a checkpoint due.

    All processes get the same result, so they save and exit in the same step.
    """
    if fabric.world_size == 1:
        return float(loss), signal_number, due
    mean = torch.as_tensor(fabric.all_reduce(loss, reduce_op="mean"))
    requests = torch.tensor([signal_number, due], device=fabric.device)
    highest = torch.as_tensor(fabric.all_reduce(requests, reduce_op="max"))
    return float(mean), int(highest[0]), bool(highest[1])


class Interrupted(SummdiffError):  # noqa: N818 (an event, not a mistake)
    """A run was stopped by a signal and has saved its state.

    Attributes:
        exit_code: the exit code that a shell expects after this signal.
    """

    def __init__(self, sentence: str, number: int) -> None:
        """Take the message and the signal's number."""
        super().__init__(sentence, number)
        self.sentence, self.exit_code = sentence, 128 + number

    def __str__(self) -> str:
        return self.sentence


class Signals:
    """Catch the first SIGINT or SIGTERM in `received` while this context is entered; a second one is not caught.

    Catches nothing outside the main thread, where Python allows no handlers, nor a signal that is being ignored.

    Attributes:
        received: number of the received signal, 0 without one.
    """

    def __init__(self, on_signal: Callable[[int], None] = lambda number: None) -> None:
        """Call `on_signal` with the first signal's number, between any two instructions."""
        self.received = 0
        self._on_signal = on_signal
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            caught = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._handlers = {number: signal.signal(number, self._receive) for number in caught}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.received = number
        self._on_signal(number)


def ignore_signals(worker: int = 0) -> None:
    """Ignore SIGINT and SIGTERM in a data-loading process, so that it lives until the loop has saved."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class LostProcess(SummdiffError):  # noqa: N818 (an event, not a mistake)
    """Another process of the run has died.

    Attributes:
        first_to_notice: whether this process is the first to report it; only one prints the message.
    """

    def __init__(self, message: str, *, first_to_notice: bool) -> None:
        super().__init__(message)
        self.first_to_notice = first_to_notice


@contextmanager
def connected(fabric: Fabric, directory: Path) -> Iterator[None]:
    """Close the processes' connections at the end, and turn a failed connection into a message.

    Raises:
        LostProcess: another process has died.
    """
    try:
        try:
            yield
        except Interrupted:  # all processes exit in the same step
            _disconnect(fabric)
            raise
        _disconnect(fabric)
    except RuntimeError as error:
        text = str(error).lower()
        if fabric.world_size == 1 or not any(word in text for word in _LOSS_WORDS):
            raise
        raise LostProcess(
            f"Another of the run's {fabric.world_size} processes has died. The same command goes on from the last "
            "checkpoint, with as many processes or with others.",
            first_to_notice=_mark_loss(directory),
        ) from error


def clear_loss(directory: Path) -> None:
    """Remove the mark of a process that died in an earlier run in this folder."""
    with suppress(OSError):  # an unwritable folder is reported when something is written
        (directory / _LOSS_MARK).unlink()


def _mark_loss(directory: Path) -> bool:
    """Return whether this process is the first to notice that another one has died.

    The first to create a file wins. Checking whether the first process is alive is not enough: a dying process closes
    its connections shortly before it exits.
    """
    try:
        (directory / _LOSS_MARK).touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        pass  # two messages are better than none
    return True


def _disconnect(fabric: Fabric) -> None:
    """Close the connections once all processes have finished; exiting while gloo's threads run aborts the process."""
    if fabric.world_size > 1 and torch.distributed.is_initialized():
        fabric.barrier()
        # Gloo's threads drop the barrier's tensors after it, for which they need the GIL; a destructor that holds it
        # and waits for them would hang.
        time.sleep(0.1)
        torch.distributed.destroy_process_group()
