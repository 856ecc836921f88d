"""Checkpoint files: written atomically, the last two kept (one of a finished run), the newest undamaged one read."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from summdiff._untrusted import Budget, read_bytes
from summdiff._version import __version__
from summdiff.atomic import sweep, written_whole
from summdiff.errors import UsageError

_KEPT = 2
_PREFIX, _SUFFIX = "checkpoint-", ".pt"
_BUDGETS = 16  # that a checkpoint may have: weights, their average and the optimizer's state
_DIGEST = 32  # bytes at a file's end; torch does not notice flipped bits


class Checkpoints:
    """The checkpoints in a folder: `checkpoint-00000012.pt` after 12 steps.

    Each holds the state given to `save`, the random states, the versions of the software and `identity`. Loading one
    runs no code from it.
    """

    def __init__(self, directory: Path, identity: str, say: Callable[[str], None] = lambda sentence: None) -> None:
        """Read nothing yet.

        Args:
            directory: the folder.
            identity: digests of recipe and data; checkpoints of another identity are not used.
            say: called with a message if a damaged checkpoint is skipped.
        """
        self._directory, self._identity, self._say = directory, identity, say

    def save(self, state: dict[str, Any], step: int, *, keep: int = _KEPT) -> Path:
        """Write a checkpoint, then remove all but the last two, or the last `keep`.

        Raises:
            OutputError: it cannot be written.
        """
        path = self._directory / f"{_PREFIX}{step:08d}{_SUFFIX}"
        write(path, state | {"identity": self._identity, "random": random_states(), "versions": versions()})
        for old in self.paths()[:-keep]:
            old.unlink(missing_ok=True)
        return path

    def newest(self) -> dict[str, Any] | None:
        """Return the newest undamaged checkpoint, or None if there are no checkpoints.

        Raises:
            UsageError: all are damaged, or the newest belongs to another recipe or other data.
        """
        paths = self.paths()
        for path in reversed(paths):
            state = read(path)
            if state is None:
                self._say(f"'{path}' is damaged; the run goes on from the checkpoint before.")
                continue
            if state["identity"] != self._identity:
                raise UsageError(f"'{path}' belongs to another recipe or other data: remove it or set resume=never.")
            return state
        if paths:
            raise UsageError(f"All checkpoints in '{self._directory}' are damaged: remove them or set resume=never.")
        return None

    def remove(self) -> None:
        """Remove all checkpoints."""
        for path in self.paths():
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove half-written files of killed runs."""
        sweep(self._directory)

    def paths(self) -> list[Path]:
        """Return the files, oldest first."""
        return sorted(self._directory.glob(f"{_PREFIX}*{_SUFFIX}"))


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a file for `read` atomically, safe against power loss.

    Raises:
        OutputError: it cannot be written.
    """
    content = io.BytesIO()
    torch.save(state, content)
    buffer = content.getbuffer()
    with written_whole(path) as partial, partial.open("wb") as file:
        file.write(buffer)
        file.write(hashlib.sha256(buffer).digest())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> dict[str, Any] | None:
    """Return the contents of a file from `write`, on the CPU; None if it is damaged."""
    try:
        raw = read_bytes(path, most=_BUDGETS * Budget().most)
        content, digest = raw[:-_DIGEST], raw[-_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            return None
        state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) else None


def random_states() -> dict[str, Any]:
    """Return the states of all global random generators, in types that load without running code."""
    kind, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
        "python": random.getstate(),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Restore the global random generators; CUDA's only if the number of devices is the same."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    random.setstate(states["python"])


def versions() -> dict[str, str]:
    """Return the versions of the software that affects results."""
    return {"summdiff": __version__, "torch": str(torch.__version__), "numpy": np.__version__}
