"""Shared by the benchmarks: functions timed in turns, and rows that compare a ratio with a target.

A row compares ours with a named alternative in the same run. `benchmarks/suite.py` joins the rows of all scripts into
`benchmarks/results.json`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

MODEL_OF_CPU = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Row:
    """A measured ratio and its target.

    Attributes:
        name: what was measured.
        against: the alternative.
        ratio: the median of each round's ratio; None if it could not be measured here, as `bound` says.
        target: the value to reach; None without a target.
        at_most: whether the ratio should be at most the target instead of at least.
        bound: what limits the ratio, required where the target is missed.
        numbers: further measurements, by name with unit.
    """

    name: str
    against: str
    ratio: float | None
    target: float | None
    at_most: bool = False
    bound: str = ""
    numbers: Mapping[str, object] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        if self.target is None or self.ratio is None:
            return None
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


def turns(ways: Mapping[str, Callable[[], object]], rounds: int, *, warm: bool = False) -> dict[str, list[float]]:
    """Return the seconds of each way in each round, so that other load on the machine affects all of them.

    Every second round runs backwards; otherwise the same way would always find the caches that a slow one left.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + warm):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            ways[name]()
            if number >= warm:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median over rounds of `above` by `below`."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def peak_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return the peak MiB of this process during the work, and its increase over the start; on Linux.

    (`ru_maxrss` would include the process that started this one.)
    """
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    work()
    peak = _resident("VmHWM")
    return peak, peak - before


def _resident(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def machine() -> dict[str, object]:
    """Describe the machine of the measurements."""
    model = platform.machine()
    if MODEL_OF_CPU.exists():
        names = [line for line in MODEL_OF_CPU.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}


def write(path: Path | None, rows: list[Row]) -> None:
    """Print the rows, and write them as JSON if asked."""
    for row in rows:
        if row.ratio is None:
            print(f"{row.name}: unmeasured: {row.bound}")
            continue
        if row.target is None:
            print(f"{row.name}: {row.ratio:.2f} {row.bound}")
            continue
        sign = "at most" if row.at_most else "at least"
        print(f"{row.name}: {row.ratio:.2f} ({sign} {row.target:g}: {'met' if row.met else 'missed'}) {row.bound}")
    if path is not None:
        here = machine()
        document = [asdict(row) | {"met": row.met, "machine": here} for row in rows]
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
