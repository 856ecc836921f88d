"""Resources of this process: threads, memory, ONNX Runtime's devices, and limits from environment variables."""

from __future__ import annotations

import gc
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from summdiff.errors import SummdiffError, UsageError

if TYPE_CHECKING:
    import onnxruntime

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

THREADS_VARIABLE = "SUMMDIFF_THREADS"
# Read by the libraries of NumPy and PyTorch when they are loaded.
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MOST_THREADS = 4  # bounds memory
_MMAP_THRESHOLD = -3  # number of the option of glibc's mallopt
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def usable_cores() -> int:
    """Return how many cores this process may use; under taskset or in a container fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_asked() -> int | None:
    """Return the value of $SUMMDIFF_THREADS; None if it is no whole number above 0."""
    text = os.environ.get(THREADS_VARIABLE, "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def side_by_side(work: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> list[_Result]:
    """Return the results of tasks, worked on in a few threads: for NumPy and ONNX Runtime, which run side by side."""
    threads = min(_MOST_THREADS, threads_asked() or usable_cores(), len(tasks))
    if threads <= 1:
        return [work(task) for task in tasks]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads, thread_name_prefix="summdiff-work") as pool:
        return list(pool.map(work, tasks))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread: on small matrices, several threads take up to ten times as long on a busy machine."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def return_freed_memory() -> None:
    """Return blocks of a megabyte and more to the system as soon as they are freed, where the C library is glibc.

    Otherwise it raises that limit with every such block, and keeps most of what one stage of a summary has freed beside
    what the next one takes.
    """
    if sys.platform == "linux":
        import ctypes

        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_MMAP_THRESHOLD, 1 << 20)


def return_unused_memory() -> None:
    """Return to the system what a summary has left: objects in cycles, as frames with side data, and free blocks.

    The blocks only where the C library is glibc. For processes of our own: it takes longer the more objects there are.
    """
    gc.collect()
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def limit_threads(count: int) -> None:
    """Limit this process to `count` threads; call it before NumPy or PyTorch is imported."""
    for name in (THREADS_VARIABLE, *_LIBRARIES):
        os.environ[name] = str(count)


def whole_number(variable: str, default: int, unit: str, *, error: type[SummdiffError]) -> int:
    """Return the value of an environment variable, or the default if it is unset or empty.

    Raises:
        SummdiffError: of the given class; the value is no whole number above 0.
    """
    text = os.environ.get(variable, "")
    if text and not (text.isascii() and text.isdigit() and int(text)):
        raise error(f"{variable} must be a whole number of {unit} above 0, not '{text}'.")
    return int(text or default)


def verified(file: Path, sha256: str, *, error: type[SummdiffError], remedy: str = "install summdiff again") -> Path:
    """Return the path of a file that is part of summdiff, or of a package that it uses, if its content is intact.

    Raises:
        SummdiffError: of the given class; the file is missing or damaged.
    """
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as cause:
        raise error(f"'{file}' cannot be read ({cause.strerror or cause}): {remedy}.") from cause
    if digest != sha256:
        raise error(f"'{file}' is damaged: {remedy}.")
    return file


def installed_file(package: str, inside: str, sha256: str, *, error: type[SummdiffError], install: str) -> Path:
    """Return the path of a file in another installed package, without importing the package.

    Args:
        package: name of the package to import.
        inside: path in its folder.
        sha256: of the content.
        error: raised with a sentence that asks for `install`.
        install: command that installs the package.

    Raises:
        SummdiffError: of the given class; the package or the file is missing or of another version.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise error(f"The package '{package}' is not installed: run `{install}`.")
    return verified(
        Path(spec.submodule_search_locations[0]) / inside,
        sha256,
        error=error,
        remedy=f"run `{install}`",
    )


def peak_memory() -> float | None:
    """Return this process's peak memory in MiB; None if unknown."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: `getrusage` of a spawned process includes the memory of its parent.
        match = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return round(int(match[1]) / 1024, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def inference_session(
    graph: bytes | Path, *, threads: int, device: str = "cpu", arena: bool = False
) -> onnxruntime.InferenceSession:
    """Open an ONNX graph.

    Args:
        graph: content or path of the file.
        threads: threads on the processor.
        device: "cpu", "cuda", "cuda:1", …; "auto" for a CUDA device if ONNX Runtime has one.
        arena: keep the memory of a run for the next ones: for many runs of the same size.

    Raises:
        UsageError: this machine has no such device.
        Exception: what ONNX Runtime raises for a damaged graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena = arena
    if arena:
        _register_arena()
        options.enable_mem_pattern = False  # which would take one more block for all of a run
        options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3
    # Spinning threads would take the cores from the decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = _providers(device, onnxruntime.get_available_providers())
    session = onnxruntime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), options, providers)
    if device not in ("cpu", "auto") and _CUDA not in session.get_providers():
        raise UsageError(f"ONNX Runtime finds no device '{device}' here: use cpu.")
    return session


@cache
def _register_arena() -> None:
    """Let the sessions of this process share an arena that grows by what is asked for; a session's own one doubles."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg({"arena_extend_strategy": 1}))


def _providers(device: str, available: list[str]) -> list[Any]:
    """Return ONNX Runtime's execution providers for a device, the preferred one first."""
    named = re.fullmatch(r"cpu|auto|cuda(?::(\d{1,3}))?", device)
    if named is None:
        raise UsageError(f"There is no device '{device}': use cpu, cuda, cuda:1 or auto.")
    if device != "cpu" and _CUDA in available:
        return [(_CUDA, {"device_id": int(named[1] or 0)}), _CPU]
    if device not in ("cpu", "auto"):
        raise UsageError(
            f"The installed ONNX Runtime cannot compute on '{device}': replace it with `pip uninstall "
            "onnxruntime` and `pip install onnxruntime-gpu`, or use cpu."
        )
    return [_CPU]
