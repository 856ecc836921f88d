"""The check that runs every step of a training once before it begins."""

from __future__ import annotations

import copy
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path

import torch

from summdiff.errors import OutputError, UsageError, reason
from summdiff.research.networks.storage import load_network, write_model
from summdiff.research.training.checkpoint import random_states, read, set_random_states, write
from summdiff.research.training.loading import Batches
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.state import TrainingState
from summdiff.research.training.validation import validate
from summdiff.research.training.videos import Videos

_SCRATCH_PREFIX = ".sanity-check-"
_SANITY_VIDEOS = 2


def sanity_check(
    state: TrainingState,
    batches: Batches,
    videos: Videos,
    recipe: Recipe,
    directory: Path,
    *,
    writes: bool,
    graphs: bool = True,
) -> float:
    """Run every step once before a long run, so that errors show in the first seconds.

    Two updates, the second with the largest batch, validation on two videos, a checkpoint and a model. Afterwards the
    state is restored, so the results are those of a run without this check.

    Args:
        state, batches, videos, recipe: of the run.
        directory: folder for temporary files; they are deleted.
        writes: whether this process validates and writes.
        graphs: whether the model is written with its graphs.

    Returns:
        Seconds of the update with the largest batch.

    Raises:
        SummdiffError: any error that would occur later.
    """
    before, states = copy.deepcopy(state.state_dict()), random_states()
    try:
        with closing(batches.of(state.epoch)) as steps:
            state.count_step(float(state.update(next(steps))))
        largest, started = batches.largest(state.epoch), time.perf_counter()
        state.count_step(float(state.update(largest)))
        seconds = time.perf_counter() - started
    except torch.OutOfMemoryError as error:
        raise UsageError("A batch does not fit into memory: lower videos_per_batch or window.") from error
    if writes:
        names = videos.split.validation[:_SANITY_VIDEOS]
        if names:
            validate(state.model(), (videos.data[name] for name in names), recipe)
        _check_writing(state, directory, graphs=graphs)
    state.load_state_dict(before)
    set_random_states(states)
    return seconds


def _check_writing(state: TrainingState, directory: Path, *, graphs: bool) -> None:
    """Write a checkpoint and a model into a temporary subfolder and read both again.

    Raises:
        OutputError: the disk is full, or the files read back differ from those written.
    """
    for leftover in directory.glob(f"{_SCRATCH_PREFIX}*"):  # of a killed run
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=directory))
    except OSError as error:
        raise OutputError(f"The folder '{directory}' cannot be written: {reason(error)}.") from error
    try:
        write(scratch / "checkpoint.pt", state.state_dict())
        saved = read(scratch / "checkpoint.pt")
        if saved is None:
            raise OutputError(f"A checkpoint written to '{directory}' reads back damaged: use another disk.")
        state.load_state_dict(saved)
        write_model(state.model(), scratch, provenance={}, graphs=graphs)
        load_network(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
