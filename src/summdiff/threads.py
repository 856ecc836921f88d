"""How many threads this process should use: all its cores, or the share that $SUMMDIFF_THREADS leaves it."""

from __future__ import annotations

import os

VARIABLE = "SUMMDIFF_THREADS"
# What NumPy's and PyTorch's libraries look at when they are loaded.
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """How many cores this process may run on; fewer than the machine has under taskset or in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_asked() -> int | None:
    """What $SUMMDIFF_THREADS says, from 1; None where it says nothing that can be used."""
    text = os.environ.get(VARIABLE, "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def limit_threads(count: int) -> None:
    """Let this process decode, encode and compute with `count` threads; before anything heavy is imported."""
    for name in (VARIABLE, *_LIBRARIES):
        os.environ[name] = str(count)
