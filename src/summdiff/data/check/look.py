"""One video looked at key by key: a problem is written down, and the next key is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import VideoGroup
from summdiff.data.mr_hisum import segment_ends
from summdiff.errors import DataError

_T = TypeVar("_T")


@dataclass(slots=True)
class Found:
    """What one video holds, filled key by key."""

    name: str
    steps: int = 0
    frames: int = 0
    seconds: float | None = None
    annotators: int | None = None
    dimension: int | None = None
    dtype: str | None = None
    ends: str | None = None
    rules: dict[str, tuple[bool, bool | None]] = field(default_factory=dict)  # kept, exactly
    problems: list[str] = field(default_factory=list)


class Look:
    """One video's group; a problem with a key is written down, and the next key can be looked at."""

    def __init__(self, group: VideoGroup, found: Found) -> None:
        self.group, self.found = group, found

    def get(self, read: Callable[[], _T]) -> _T | None:
        """What `read` gives, or None after it found a problem."""
        try:
            return read()
        except DataError as error:
            self.found.problems.append(str(error).removeprefix(f"'{self.group.path}', "))
            return None

    def optional(self, key: str, read: Callable[[], _T]) -> _T | None:
        """The same where there is such a key, else None."""
        return self.get(read) if self.get(lambda: key in self.group) else None

    def wrong(self, key: str, what: str) -> None:
        self.found.problems.append(f"{self.group.name}: '{key}' {what}.")

    def rule(self, text: str, kept: bool, exactly: bool | None = None) -> None:
        self.found.rules[text] = (bool(kept), exactly)

    def features(self, key: str, *, values: bool) -> int | None:
        """Number of rows of the features, of which dimension and type are written down."""
        shape = self.get(lambda: self.group.shape(key))
        if shape is None:
            return None
        if values:
            read = self.get(lambda: self.group.array(key, ndim=2))
            if read is None:
                return None
            self.found.dtype = str(read.dtype)
        elif len(shape) != 2 or 0 in shape:
            self.wrong(key, f"has shape {shape} where (steps, dimension) is expected")
            return None
        else:
            self.found.dtype = self.get(lambda: self.group.dtype(key))
        self.found.dimension = shape[1]
        return shape[0]

    def share(self, key: str, n: int | None) -> NDArray[Any] | None:
        """A list of numbers that must be from 0 to 1."""
        values = self.get(lambda: self.group.array(key, ndim=1, n=n))
        if values is not None and (values.min() < 0 or values.max() > 1):
            self.wrong(key, f"goes from {values.min():.3g} to {values.max():.3g} where 0 to 1 is expected")
        return values

    def count(self, key: str, expected: int | None, of: str) -> None:
        """A number that must be what another key says."""
        stored = self.optional(key, lambda: self.group.array(key, ndim=0))
        if stored is not None and expected is not None and stored != expected:
            self.wrong(key, f"is {stored} but '{of}' has {expected} entries")

    def rate(self, frames: int | None) -> None:
        """Frame rate and duration."""
        fps = self.get(self.group.fps)
        if fps is not None and frames is not None:
            self.found.seconds = frames / fps

    def inclusive_segments(self, n_frames: int) -> NDArray[np.int64] | None:
        """Segments with inclusive ends, and their lengths."""
        group = self.group
        rows = self.get(lambda: group.integers("change_points", ndim=2, n=2))
        segments = None
        if rows is not None:
            if len(rows) > 1 and segment_ends(rows, n_frames) == "half_open":
                self.found.ends = "half_open"
                self.wrong("change_points", "has half-open ends, rows touch each other; expected [first, last]")
            else:
                segments = self.get(lambda: group.segments(n_frames))
                self.found.ends = None if segments is None else "inclusive"
        lengths = self.optional("n_frame_per_seg", lambda: group.integers("n_frame_per_seg", ndim=1))
        if lengths is not None:
            if lengths.sum() != n_frames:
                self.wrong("n_frame_per_seg", f"adds up to {lengths.sum()} where n_frames is {n_frames}")
            elif segments is not None and not np.array_equal(lengths, segments[:, 1] - segments[:, 0] + 1):
                self.wrong("n_frame_per_seg", "is not the length of the 'change_points'")
        return segments
