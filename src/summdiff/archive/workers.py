"""What those who hand out work need of workers, be they processes of this machine or actors of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from summdiff.archive.serving import Order, Outcome


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded what it needs."""

    worker: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A worker's video stands at `done` of `total` in a stage; seconds of video while looking and cutting."""

    worker: int
    stage: str
    done: float
    total: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker has done with its video, one way or another."""

    worker: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is no more: how it ended. It was not told to."""

    worker: int
    how: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A worker cannot load what it needs."""

    worker: int
    error: str


Event = Ready | Moved | Finished | Died | Missing


class Workers(Protocol):
    """Workers that are started, given videos one at a time, and stopped at any time.

    Attributes:
        count: how many are to work side by side.
    """

    @property
    def count(self) -> int: ...

    def start(self) -> int:
        """Start one; its number, never used before."""

    def send(self, worker: int, order: Order) -> None:
        """Give a video to one that is `Ready` or has `Finished`."""

    def wait(self, seconds: float) -> list[Event]:
        """What happened; waits for the first thing to happen, but no longer than that."""

    def kill(self, worker: int) -> None:
        """Kill one; nothing more is heard of it. When this returns it writes no more."""

    def kill_all(self) -> None:
        """Kill all."""
