"""Devices that torch computes on: the processor, or a CUDA device."""

from __future__ import annotations

from typing import Any

import torch

from summdiff.errors import UsageError


def find_device(name: str | torch.device) -> torch.device:
    """Return the device that is meant: "cpu", "cuda", "cuda:1", …; "auto" for a CUDA device where there is one.

    Raises:
        UsageError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"There is no device '{name}' here: use cpu.") from error
    return found


def describe_torch() -> dict[str, Any]:
    """Return torch's version and the accelerators that it finds, for `summdiff doctor`."""
    accelerators = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        accelerators.append("Apple GPU (mps)")
    return {"version": torch.__version__, "threads": torch.get_num_threads(), "accelerators": accelerators}
