"""Where tensors are computed: on the processor, or on a CUDA device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from summdiff.errors import UsageError

if TYPE_CHECKING:
    import torch


def find_device(name: str | torch.device) -> torch.device:
    """The device that is meant: "cpu", "cuda", "cuda:1", …; "auto" for a CUDA device where there is one.

    Raises:
        UsageError: there is no such device here.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"There is no device '{name}' here: use cpu.") from error
    return found
