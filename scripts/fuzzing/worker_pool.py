"""Run many cases in worker processes, so that a crash or a hang ends one worker and is reported with its case.

A target is a class in a module of this package. Each worker creates `Target(seed)` once and calls it with a case and
an empty folder. It returns a short description of the result, or raises.

    for outcome in run("fuzzing.fuzz_targets", "Video", seed=0, cases=range(100)):
        ...
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import Queue
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[1]
LONGEST_SENTENCE = 1000
_OF_LIBRARIES = {".ses", "torchinductor_root"}  # that ONNX Runtime and torch leave in the temporary folder
GOOD = ("done", "sentence")


@dataclass(frozen=True)
class Outcome:
    """Outcome of one case.

    Attributes:
        case: its number or name.
        kind: "done", "sentence" (refused in one sentence), or a failure: "traceback", "crash", "hang", "memory",
            "left files", "long sentence".
        said: the sentence, the last lines of the traceback, or the signal.
        seconds: duration of the case.
        rss: memory of the process after the case, in MiB.
        descriptors: number of open files of the process after the case.
        fresh: whether the process had done fewer than twenty cases.
    """

    case: int | str
    kind: str
    said: str = ""
    seconds: float = 0.0
    rss: float = 0.0
    descriptors: int = 0
    fresh: bool = True


def run(
    module: str,
    target: str,
    *,
    seed: int,
    cases: Sequence[int | str],
    workers: int = 1,
    seconds: float = 60.0,
    megabytes: int = 4000,
) -> Iterator[Outcome]:
    """Yield outcomes as they arrive; their order is undefined with several workers.

    Args:
        module, target: name of the module and of the class in it.
        seed: passed to the class.
        cases: passed to the target one by one.
        workers: number of processes.
        seconds: limit per case; a longer one is a "hang".
        megabytes: memory limit of a process; a larger one is ended as "memory".
    """
    waiting: Queue[int | str] = Queue()
    for case in cases:
        waiting.put(case)
    found: Queue[Outcome] = Queue()
    threads = [
        threading.Thread(target=_drive, args=(module, target, seed, waiting, found, seconds, megabytes), daemon=True)
        for _ in range(min(workers, len(cases)))
    ]
    for thread in threads:
        thread.start()
    for _ in cases:
        yield found.get()
    for thread in threads:
        thread.join()


class _Worker:
    """A worker process and the pipes to it."""

    def __init__(self, module: str, target: str, seed: int, seconds: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="summdiff-trust-"))
        paths = os.pathsep.join(filter(None, (str(SCRIPTS), os.environ.get("PYTHONPATH"))))
        # With an arena of memory for each thread that ever was, what is free and what is lost look the same.
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
        scratch = self.folder / "tmp"
        scratch.mkdir()
        self._errors = (self.folder / "errors").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fuzzing.worker_pool", module, target, str(seed), str(self.folder), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | one | {"PYTHONPATH": paths, "TMPDIR": str(scratch), "PYTHONFAULTHANDLER": "1"},
        )
        self.done = 0
        self._chosen = selectors.DefaultSelector()
        self._chosen.register(self.process.stdout, selectors.EVENT_READ)
        self._told = b""

    def ask(self, case: int | str, seconds: float, megabytes: int) -> Outcome:
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(case).encode() + b"\n")
            self.process.stdin.flush()
        allowed = seconds + (60 if not self.done else 0)  # the first waits for imports as well
        while b"\n" not in self._told:
            passed = time.monotonic() - began
            held = resident(self.process.pid)
            if passed > allowed or held > megabytes:
                kind = "memory" if held > megabytes else "hang"
                said = f"{held:.0f} MiB after {passed:.0f} s: {self._traces()}"
                self.close()
                return Outcome(case, kind, said, passed, held)
            if self._chosen.select(0.05):
                chunk = os.read(self.process.stdout.fileno(), 65536)
                if not chunk:
                    code = self.process.wait()
                    said = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                    said += f": {self._traces()}"
                    self.close()
                    return Outcome(case, "crash", said, time.monotonic() - began)
                self._told += chunk
        line, _, self._told = self._told.partition(b"\n")
        self.done += 1
        return replace(Outcome(**json.loads(line)), fresh=self.done < 20)

    def _traces(self) -> str:
        """Return the tracebacks that the process wrote before it was killed."""
        return (self.folder / "errors").read_text(errors="replace")[-3000:]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._chosen.close()
        self._errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _drive(
    module: str,
    target: str,
    seed: int,
    waiting: Queue[int | str],
    found: Queue[Outcome],
    seconds: float,
    megabytes: int,
) -> None:
    worker: _Worker | None = None
    while not waiting.empty():
        case = waiting.get()
        worker = worker or _Worker(module, target, seed, seconds)
        outcome = worker.ask(case, seconds, megabytes)
        found.put(outcome)
        if outcome.kind in ("hang", "memory", "crash"):
            worker = None
    if worker is not None:
        worker.close()


def resident(pid: int | str = "self") -> float:
    """Return the memory of a process in MiB, or 0 where the system does not report it."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError, ValueError):
        return 0.0


def main() -> None:
    """Run a worker: read one case per line, write one outcome per line."""
    from summdiff.errors import SummdiffError

    module, name, seed, place, seconds = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no answer
    target: Any = getattr(importlib.import_module(module), name)(int(seed))
    descriptors = Path("/proc/self/fd")
    known = {path.name for path in (Path(place) / "tmp").iterdir()}  # what the target has made for all cases
    for number, line in enumerate(sys.stdin, 1):
        case = json.loads(line)
        folder = Path(place) / "case"
        folder.mkdir()
        began = time.perf_counter()
        faulthandler.dump_traceback_later(0.9 * float(seconds))
        try:
            kind, said = "done", str(target(case, folder))
        except SummdiffError as error:
            kind, said = "sentence", str(error)
            if "\n" in said or len(said) > LONGEST_SENTENCE or not said.endswith((".", "?")):
                kind = "long sentence"
        except BaseException:
            kind, said = "traceback", traceback.format_exc()[-1500:]
        faulthandler.cancel_dump_traceback_later()
        took = time.perf_counter() - began
        left = [path.name for path in folder.rglob("*.tmp")]
        scratch = {path.name for path in (Path(place) / "tmp").iterdir()}
        left += sorted(scratch - known - _OF_LIBRARIES)
        if left and kind in GOOD:
            kind, said = "left files", ", ".join(left)
        shutil.rmtree(folder)
        if number % 25 == 0:  # it takes longer than most cases
            gc.collect()
        opened = len(list(descriptors.iterdir())) if descriptors.is_dir() else 0
        outcome = Outcome(case, kind, said[:1500], round(took, 4), round(resident(), 1), opened)
        print(json.dumps(asdict(outcome)), file=answers, flush=True)


if __name__ == "__main__":
    main()
