"""Views of the frames of a film, for sampling: from one decoder, or from several on stretches of the film."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from functools import partial
from itertools import chain, groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from summdiff.video._clock import in_seconds
from summdiff.video._container import OpenFile, pixel_aspect
from summdiff.video._decode import TimedFrame
from summdiff.video._index import FrameIndex, SeekingDecoder
from summdiff.video._picture import Luma, LumaSampler, Scaler
from summdiff.video._side_by_side import DecoderPool, in_order, threads_for

_STRETCH_SECONDS = 16.0
_LEAST_STRETCH_SECONDS = 2.0
_WAITING_SECONDS = 32  # of a stretch; where key frames are rare, they are longer
_MOST_DECODERS = 8  # more would wait for the backbone


class View(NamedTuple):
    """A frame, as far as sampling needs it.

    Attributes:
        time: seconds at which it appears.
        end: tick at which it ends, if no other one follows.
        luma: samples of its luma.
        image: (H, W, 3) uint8 RGB; None where no step can show it.
    """

    time: float
    end: int
    luma: Luma
    image: NDArray[np.uint8] | None


class Viewer:
    """Takes views of frames in display order; those on display at k / rate seconds, and the last one, have an image.

    Args:
        time_base: seconds per tick.
        rate: steps per second.
        scaler: makes the images.
    """

    def __init__(self, time_base: Fraction, rate: float, scaler: Scaler) -> None:
        self._time_base, self._rate, self._scaler = time_base, rate, scaler
        self._luma = LumaSampler()

    def views(self, frames: Iterable[TimedFrame]) -> Iterator[View]:
        """Yield the view of each frame, once the next one is known."""
        waiting: TimedFrame | None = None
        for timed in frames:
            if waiting is not None:
                yield self._view(waiting, until=in_seconds(timed.ticks, self._time_base))
            waiting = timed
        if waiting is not None:
            yield self._view(waiting, until=math.inf)

    def _view(self, timed: TimedFrame, *, until: float) -> View:
        time = in_seconds(timed.ticks, self._time_base)
        step = math.floor(time * self._rate)
        while step / self._rate < time:
            step += 1
        image = self._scaler(timed.frame) if step / self._rate < until else None
        return View(time, timed.ticks + timed.duration, self._luma(timed.frame), image)


class StretchReader(OpenFile):
    """Read the views of a film with several decoders of one thread, each on its own stretch.

    Frames are left out that no step shows and no other frame refers to, where the decoder can. On stretches, decoders
    of one thread do less work than one of several threads, and leave no core idle. Where key frames are too rare for
    stretches, one decoder has all threads.

    Args:
        path: a local video file.
        index: its frames.
        rate: steps per second.
        short_side: pixels of the shorter side of the images.
        pixels: of a picture of the film.
        threads: number of decoders; None for those of the machine, as far as memory allows.

    Attributes:
        times: (F,) seconds at which all frames of the film appear.
    """

    def __init__(
        self, path: str, index: FrameIndex, *, rate: float, short_side: int, pixels: int, threads: int | None = None
    ) -> None:
        self._index, self._rate, self._short_side = index, rate, short_side
        self.times = in_seconds(index.ticks, index.clock.time_base)
        steps = np.arange(math.ceil(self.times[-1] * rate) + 1) / rate
        shown = np.searchsorted(self.times, steps, side="right") - 1
        # The last frame gives the end of the film.
        needed = set(index.ticks[np.append(shown, len(index.ticks) - 1)].tolist())
        self._threads = threads or min(threads_for(index, pixels), _MOST_DECODERS)
        threads_each = 1 if self._threads > 1 else threads
        open_decoder = partial(SeekingDecoder, path, index, threads=threads_each, needed=needed.__contains__)
        self._decoders = DecoderPool(open_decoder, open_decoder())
        self._views: Generator[Iterator[list[View]]] | None = None
        self._missing = 0  # key frames at which a stretch should begin

    def close(self) -> None:
        if self._views is not None:
            self._views.close()
        self._decoders.close()

    @property
    def corrupt(self) -> int:
        """Number of damaged packets and frames skipped so far."""
        return self._missing + sum(decoder.corrupt for decoder in self._decoders)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about the frames so far, and about the sound."""
        return tuple(dict.fromkeys(note for decoder in self._decoders for note in decoder.notes))

    def __iter__(self) -> Iterator[View]:
        self._views = in_order(self._stretch, pairwise(self._borders()), threads=self._threads, most=_WAITING_SECONDS)
        for stretch in self._views:
            yield from chain.from_iterable(stretch)

    def _borders(self) -> list[int]:
        """Return the ticks at which stretches begin, at key frames, and the end of the last one."""
        share = self.times[-1] / (2 * self._threads)
        least = max(_LEAST_STRETCH_SECONDS, min(_STRETCH_SECONDS, share)) / float(self._index.clock.time_base)
        borders = [0]
        for tick in self._index.key_ticks.tolist():
            if tick - borders[-1] >= least:
                borders.append(tick)
        return [*borders, self._index.end]

    def _stretch(self, stretch: tuple[int, int]) -> Generator[list[View]]:
        """Yield the views of a stretch, a second at a time: waking another thread takes longer than viewing a frame."""
        with self._decoders.lend(1) as [decoder]:
            scaler = Scaler(short_side=self._short_side, pixel_aspect=pixel_aspect(decoder.stream), first=decoder.first)
            frames = decoder.frames(*stretch, with_current=False)
            first = next(frames, None)
            if first is None or first.ticks != stretch[0]:  # a decoder may need more than that to start from
                self._missing += 1
            frames = chain(() if first is None else (first,), frames)
            views = Viewer(self._index.clock.time_base, self._rate, scaler).views(frames)
            for _, second in groupby(views, key=lambda view: math.floor(view.time)):
                yield list(second)
