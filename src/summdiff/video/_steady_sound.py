"""Decoded sound placed on the clock of its file: holes and overlaps are faded, and slow drift is resampled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_HOLE_SECONDS = 0.015  # less is jitter or drift of the timestamps; the packets of common codecs last longer
_FADE_SECONDS = 0.005  # on each side of a hole, and across an overlap
_AHEAD = 4  # frames that confirm a hole
_DRIFT_SECONDS, _IN_STEP_SECONDS = 0.003, 0.0005  # deviations that begin and end resampling
_REACTION_SECONDS = 0.75  # in which a deviation is made up
_SMOOTHING_SECONDS = 0.3  # over which deviations are averaged, as timestamps jitter
_MOST_STRETCH = 0.02
_AROUND = 8  # samples on each side of a place from which the value there is computed

Samples = NDArray[np.float32]


class _Frame(NamedTuple):
    stated: int
    samples: Samples


class SteadySound:
    """Takes the frames of a sound track in order and gives blocks of samples with the index of their first one.

    Samples are passed on as they are while timestamps agree with their number. Where packets are missing, the sound
    fades out and in again; where packets overlap, it crossfades; where the clock of the sound runs at another speed
    than that of the file, it is stretched by at most 2%.

    Args:
        rate: samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frames: deque[_Frame] = deque()  # not yet placed
        self._stated_end: int | None = None
        self._place = 0.0  # index of the next sample
        self._tail: Samples | None = None  # the last samples before it, held back for a fade
        self._before: Samples | None = None  # the last samples of the source, as long as nothing is missing
        self._deviation = 0.0  # samples by which timestamps are later than places, averaged
        self._correcting = False
        self._skipping = False  # frames that overlap those before

    @property
    def stated_end(self) -> int | None:
        """Index after the last frame by its timestamp; None before the first frame."""
        return self._stated_end

    def add(self, stated: int, samples: Samples) -> Iterator[tuple[int, Samples]]:
        """Take the samples (channels, n) of the next frame, whose timestamp states this index."""
        self._stated_end = stated + samples.shape[1]
        if samples.shape[1]:
            self._frames.append(_Frame(stated, samples))
        while len(self._frames) > _AHEAD:
            yield from self._next()

    def finish(self) -> Iterator[tuple[int, Samples]]:
        """Give the rest: the sound has ended."""
        while self._frames:
            yield from self._next()
        if self._tail is not None:
            yield ceil(self._place) - self._tail.shape[1], self._tail
            self._tail = None

    def _next(self) -> Iterator[tuple[int, Samples]]:
        stated, samples = self._frames.popleft()
        if self._tail is None:
            self._place = float(stated)
        step = self._step(stated, samples.shape[1])
        if step > 0 and self._tail is not None:
            tail, self._tail = self._tail, None
            yield ceil(self._place) - tail.shape[1], tail * _rise(tail.shape[1])[::-1]
            self._begin(ceil(self._place) + step)
            fade = min(round(_FADE_SECONDS * self._rate), samples.shape[1])
            samples = np.concatenate((samples[:, :fade] * _rise(fade), samples[:, fade:]), axis=1)
        elif step < 0 and self._tail is not None:
            fade = self._tail.shape[1]
            surplus = max(0, -step - fade)
            self._skipping = samples.shape[1] <= surplus + fade
            if self._skipping:
                return  # all of it was heard
            rise = _rise(fade)
            self._tail = self._tail * rise[::-1] + samples[:, surplus : surplus + fade] * rise
            self._begin(ceil(self._place))
            samples = samples[:, surplus + fade :]
        yield from self._append(*self._stretched(samples, stated - self._place if not step else 0.0))

    def _begin(self, place: int) -> None:
        """Go on at another place, where the samples are not those that follow the ones before."""
        self._place, self._before = float(place), None
        self._deviation, self._correcting = 0.0, False

    def _step(self, stated: int, count: int) -> int:
        """Return how many samples are missing before a frame (below 0: too many); 0 if only its timestamp jitters."""
        place, deviations = self._place, []
        for at, n in ((stated, count), *((frame.stated, frame.samples.shape[1]) for frame in self._frames)):
            deviations.append(at - place)
            place += n
        if self._skipping:
            return min(round(deviations[0]), -1)
        middle, least = float(np.median(deviations)), _HOLE_SECONDS * self._rate
        agree = min(abs(deviations[0]), abs(middle)) > least and middle * deviations[0] > 0
        return round(middle) if agree else 0

    def _stretched(self, samples: Samples, deviation: float) -> tuple[int, Samples]:
        """Place samples behind those before, and stretch them as far as their timestamps deviate lastingly."""
        count = samples.shape[1]
        self._deviation += (deviation - self._deviation) * min(1.0, count / (_SMOOTHING_SECONDS * self._rate))
        least = _IN_STEP_SECONDS if self._correcting else _DRIFT_SECONDS
        self._correcting = abs(self._deviation) > least * self._rate
        first, before = self._place, self._before
        if self._correcting:
            stretch = np.clip(self._deviation / (_REACTION_SECONDS * self._rate), -_MOST_STRETCH, _MOST_STRETCH)
            end = first + count * (1 + float(stretch))
        else:
            end = float(round(first + count))
        self._place, self._before = end, samples[:, -_AROUND:]
        if first.is_integer() and end == first + count:
            return int(first), samples
        after = self._frames[0].samples[:, :_AROUND] if self._frames else samples[:, :0]
        known = np.concatenate((_padded(before, samples[:, :1], left=True), samples), axis=1)
        known = np.concatenate((known, _padded(after, samples[:, -1:], left=False)), axis=1)
        places = np.arange(ceil(first), ceil(end))
        return ceil(first), _interpolated(known, _AROUND + (places - first) * count / (end - first))

    def _append(self, place: int, samples: Samples) -> Iterator[tuple[int, Samples]]:
        """Give samples but for the last ones, which are held back."""
        if self._tail is not None:
            place -= self._tail.shape[1]
            samples = np.concatenate((self._tail, samples), axis=1)
        ready = max(0, samples.shape[1] - round(_FADE_SECONDS * self._rate))
        self._tail = samples[:, ready:]
        if ready:
            yield place, samples[:, :ready]


def _rise(count: int) -> NDArray[np.float32]:
    """Return the gain of a fade-in (count,)."""
    return np.asarray((np.arange(count) + 0.5) / max(count, 1), dtype=np.float32)


def _padded(samples: Samples | None, edge: Samples, *, left: bool) -> Samples:
    """Extend samples that are fewer than needed around a place by their outermost one, or by that of their neighbor."""
    if samples is None or not samples.shape[1]:
        return np.repeat(edge, _AROUND, axis=1)
    missing = _AROUND - samples.shape[1]
    outer = np.repeat(samples[:, :1] if left else samples[:, -1:], missing, axis=1)
    return np.concatenate((outer, samples) if left else (samples, outer), axis=1)


def _interpolated(samples: Samples, places: NDArray[np.float64]) -> Samples:
    """Return the values (channels, n) between samples at fractional places (n,), by a windowed sinc."""
    whole = np.floor(places).astype(np.int64)
    taps = np.arange(1 - _AROUND, _AROUND + 1)
    away = taps - (places - whole)[:, None]
    weights = np.sinc(away) * np.cos(np.pi / 2 * away / _AROUND) ** 2
    near = samples[:, np.minimum(whole[:, None] + taps, samples.shape[1] - 1)]
    return np.asarray(np.einsum("cnt,nt->cn", near, weights), dtype=np.float32)
