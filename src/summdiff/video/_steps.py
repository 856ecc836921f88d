"""Steps of a video, made of the views of its frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.video._changes import Boundary, Change, find_boundary
from summdiff.video._transitions import TransitionDetector
from summdiff.video._views import View

_MIXED_SECONDS = 0.5  # frames that were left out in longer gaps are not taken as mixtures of their neighbors


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A sample of a video.

    Attributes:
        time: seconds from the first displayed frame, exactly k / rate for step k.
        boundary: seconds at which a shot that starts with this step should start: the presentation time of the frame
            in (time of step k-1, time of step k] that differs most from its predecessor, so that shots begin at the
            film's own cuts instead of at sampling times. Equal to `time` if there is no new frame; 0 for step 0.
        image: (H, W, 3) uint8 RGB, the frame on display at `time`, upright, with square pixels. Steps that show the
            same frame share one object.
        span: (after, until] seconds, times of frames between which the boundary lies, where frames that could be it
            were left out; None if `boundary` is exact.
    """

    time: float
    boundary: float
    image: NDArray[np.uint8]
    span: tuple[float, float] | None = None


class Sampler:
    """Turn the views of a film, in order, into steps at k / rate seconds.

    Attributes:
        frames: (F,) seconds at which each frame of the film appears, where some are left out; None if none is.
    """

    def __init__(self, rate: float) -> None:
        self.frames: NDArray[np.float64] | None = None
        self._rate = rate
        self._detector = TransitionDetector()
        self._current: View | None = None  # on display
        self._k = 0
        self._changes: list[Change] = []  # since the last step

    def show(self, view: View) -> None:
        """Put the next frame on display."""
        before = self._current
        if before is None:
            change = Change(0.0, 0.0, view.time)
        else:
            left_out = self._left_out(before.time, view.time)
            self._watch(before, view, left_out)
            change = Change(view.luma.change_from(before.luma), before.time, view.time, len(left_out) + 1)
        self._changes.append(change)
        self._current = view

    def until(self, time: float) -> Iterator[Step]:
        """Yield the steps before `time`, at which another frame appears."""
        while self._current is not None and self._k / self._rate < time:
            yield self._step(self._current)

    @property
    def transitions(self) -> NDArray[np.float64]:
        """Dissolves and fades so far: (K, 2) seconds."""
        return self._detector.transitions()

    def finish(self, end: float) -> Iterator[Step]:
        """Yield the remaining steps of a video that ends at `end` seconds."""
        if self._current is None:
            return
        luma = self._current.luma
        self._detector.until(end, luma.samples, white=luma.white)
        # A millionth of a step is rounding of the container's timestamps.
        count = max(1, math.ceil(round(end * self._rate, 6)))
        while self._k < count:
            yield self._step(self._current)

    def _watch(self, before: View, after: View, left_out: NDArray[np.float64]) -> None:
        """Tell the detector what was on display between two frames; those left out are mixtures of the two."""
        samples: NDArray[Any] = before.luma.samples
        white, lasted = before.luma.white, after.time - before.time
        if after.luma.samples.shape == samples.shape and lasted <= _MIXED_SECONDS:
            for at in left_out:
                self._detector.until(at, samples, white=white)
                share = (at - before.time) / lasted
                samples = before.luma.samples + (after.luma.samples - before.luma.samples) * share
        self._detector.until(after.time, samples, white=white)

    def _left_out(self, after: float, before: float) -> NDArray[np.float64]:
        """Return when the frames appear that were left out between two frames."""
        if self.frames is None:
            return np.empty(0)
        first, last = np.searchsorted(self.frames, (after, before))
        return self.frames[first + 1 : last]

    def _step(self, view: View) -> Step:
        if view.image is None:
            raise RuntimeError("a step shows a frame that was viewed without an image")
        time = self._k / self._rate
        boundary = find_boundary(self._changes) if self._changes else Boundary(time)
        self._k += 1
        self._changes.clear()
        return Step(time, boundary.at, view.image, boundary.span)
