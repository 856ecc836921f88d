"""What this process may use: threads, ONNX Runtime's devices, and limits set in the environment."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from summdiff.errors import SummdiffError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime

THREADS_VARIABLE = "SUMMDIFF_THREADS"
# What the libraries of NumPy and PyTorch look at when they are loaded.
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def usable_cores() -> int:
    """Return how many cores this process may run on; fewer than the machine has under taskset or in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_asked() -> int | None:
    """Return what $SUMMDIFF_THREADS says, from 1; None where it says nothing that can be used."""
    text = os.environ.get(THREADS_VARIABLE, "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def limit_threads(count: int) -> None:
    """Let this process decode, encode and compute with `count` threads; before anything heavy is imported."""
    for name in (THREADS_VARIABLE, *_LIBRARIES):
        os.environ[name] = str(count)


def whole_number(variable: str, default: int, unit: str, *, error: type[SummdiffError]) -> int:
    """Return what an environment variable says, or the default where it is unset or empty.

    Raises:
        SummdiffError: of the given kind; it says something else than a whole number above 0.
    """
    said = os.environ.get(variable, "")
    if said and not (said.isascii() and said.isdigit() and int(said)):
        raise error(f"{variable} must be a whole number of {unit} above 0, not '{said}'.")
    return int(said or default)


def inference_session(
    graph: bytes | Path, *, threads: int, device: str = "cpu", arena: bool = False
) -> onnxruntime.InferenceSession:
    """Open an ONNX graph.

    Args:
        graph: the graph, or the path of its file.
        threads: to compute with on the processor.
        device: "cpu", "cuda", "cuda:1", …; "auto" for a CUDA device where ONNX Runtime has one.
        arena: whether to keep memory between runs, which is faster for many large runs and costs as much memory.

    Raises:
        UsageError: there is no such device here.
        Exception: whatever ONNX Runtime raises for a damaged graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 3
    # Threads that wait by spinning would take the cores from the decoder that runs beside.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = _providers(device, onnxruntime.get_available_providers())
    session = onnxruntime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), options, providers)
    if device not in ("cpu", "auto") and _CUDA not in session.get_providers():
        raise UsageError(f"ONNX Runtime finds no device '{device}' here: use cpu.")
    return session


def _providers(device: str, available: list[str]) -> list[Any]:
    """Return ONNX Runtime's execution providers for a device, the preferred one first."""
    named = re.fullmatch(r"cpu|auto|cuda(?::(\d{1,3}))?", device)
    if named is None:
        raise UsageError(f"There is no device '{device}': use cpu, cuda, cuda:1 or auto.")
    if device != "cpu" and _CUDA in available:
        return [(_CUDA, {"device_id": int(named[1] or 0)}), _CPU]
    if device not in ("cpu", "auto"):
        raise UsageError(
            f"The installed ONNX Runtime cannot compute on '{device}': put onnxruntime-gpu in its place with `pip "
            "uninstall onnxruntime` and `pip install onnxruntime-gpu`, or use cpu."
        )
    return [_CPU]
