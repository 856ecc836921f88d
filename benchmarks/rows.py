"""What the benchmarks share: ways timed in turns, and rows that say whether a target is met.

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
    """A measured ratio beside what it should reach.

    Attributes:
        name: of what is measured.
        against: the alternative, in words.
        ratio: of the two, the median of each round's; None where it could not be measured here, as `bound` says.
        target: what to reach; None where there is none.
        at_most: whether the ratio should be no more than the target; else it should be no less.
        bound: where the target is missed, what bounds it; may be said in any case.
        numbers: what else was measured, by name with unit.
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
    """Seconds of each way in each round; other work on the machine hits all of them alike.

    Every second round goes backwards, or the same one would always find the caches that a slow one left.
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
    """The median over rounds of `above` by `below`."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def peak_of(work: Callable[[], object]) -> tuple[float, float]:
    """MiB that this process has at most while it works, and how much more that is than just before; on Linux.

    (`ru_maxrss` would begin with that of the process which started this one.)
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
    """What the numbers were measured on."""
    model = platform.machine()
    if MODEL_OF_CPU.exists():
        names = [line for line in MODEL_OF_CPU.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}


def write(path: Path | None, rows: list[Row]) -> None:
    """Show the rows, and write them as JSON where asked to."""
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
