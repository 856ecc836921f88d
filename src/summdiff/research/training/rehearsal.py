"""Everything once before the long run, so that what is wrong is said in the first seconds."""

from __future__ import annotations

import copy
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import torch

from summdiff.errors import OutputError, UsageError
from summdiff.research.networks.folder import load_network, write_model
from summdiff.research.training.checkpoint import random_states, read, set_random_states, write
from summdiff.research.training.examples import Batches
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.state import Run
from summdiff.research.training.validation import validate
from summdiff.research.training.videos import Videos

_PREFIX = ".rehearsal-"
_VIDEOS = 2


def rehearse(run: Run, batches: Batches, videos: Videos, recipe: Recipe, directory: Path, *, writes: bool) -> None:
    """Two updates, the second with the largest batch, validation on two videos, a checkpoint and a model.

    Afterwards the run is as it was, so the results are those of a run without it.

    Args:
        run, batches, videos, recipe: of the run.
        directory: where it writes; nothing is left there.
        writes: whether this process is the one that validates and writes.

    Raises:
        SummdiffError: whatever would go wrong later, in one sentence.
    """
    before, states = copy.deepcopy(run.state_dict()), random_states()
    try:
        with closing(batches.of(run.epoch)) as steps:
            run.count_step(float(run.update(next(steps))))
        run.count_step(float(run.update(batches.largest(run.epoch))))
    except torch.OutOfMemoryError as error:
        raise UsageError("A batch does not fit into memory: lower videos_per_batch or window.") from error
    if writes:
        held = videos.split.validation[:_VIDEOS]
        if held:
            validate(run.model(), (videos.data[name] for name in held), recipe)
        try_to_write(run, directory)
    run.load_state_dict(before)
    set_random_states(states)


def try_to_write(run: Run, directory: Path) -> None:
    """Write a checkpoint and a model into a folder within and read both again.

    Raises:
        OutputError: there is no place, or what is read is not what was written.
    """
    for left in directory.glob(f"{_PREFIX}*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        scratch = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory))
    except OSError as error:
        raise OutputError(f"The folder '{directory}' cannot be written: {error.strerror or error}.") from error
    try:
        write(scratch / "checkpoint.pt", run.state_dict())
        saved = read(scratch / "checkpoint.pt")
        if saved is None:
            raise OutputError(f"What is written to '{directory}' comes back changed: use another disk.")
        run.load_state_dict(saved)
        write_model(run.model(), scratch, provenance={})
        load_network(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
