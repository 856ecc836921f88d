"""Pauses in speech as places to cut."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from summdiff.audio.sound import LEVEL_SECONDS, Sound
from summdiff.selection import INSIDE_SENTENCE, CutPlaces

NO_SENTENCES = np.zeros((0, 2))

_REACH_SECONDS = 1.5  # an edge is moved at most this far
_MARGIN_SECONDS = 0.08  # on both sides of a cut nobody speaks
_QUIET_DECIBELS = 20.0  # below loud speech nearby
_SAFE_DECIBELS = 3.0  # quieter than that, as levels of shorter times vary more
_LOUD_QUANTILE, _LOUD_BLOCKS = 0.95, 2  # of the levels within this many seconds
_LONG_PAUSE_SECONDS = 2.0  # a longer pause has a place after the words before it and one before the words after it
_NATURAL_PAUSE_SECONDS = 0.5  # a shorter one is less natural: it may separate words of one sentence
_SLACK_SECONDS = 0.5  # that a sentence's times may be off
_FRAME_SECONDS = 1e-3  # less than a frame
_CLOSEST_EDGES = 0.25  # of the length of a step
# In the unit of `CutPlaces`: between words without silence; inside speech; where no part is worth the cut.
_DOUBTFUL, _BORDERLINE, _DEAR, _FORBIDDEN = 1.0, 4.0, 8.0, 1000.0


def move_to_pauses(
    places: CutPlaces, sound: Sound, *, fps: float, sentences: NDArray[np.float64] = NO_SENTENCES
) -> CutPlaces:
    """Move edges to pauses in speech, and make cuts inside speech costly.

    Each pause takes the nearest edge within 1.5 s that is no hard cut. A cut near speech where it is not quiet is
    forbidden if a quiet moment is within 1.5 s; else it is dear while somebody speaks. Without speech nothing changes.

    Where sentences are known, pauses between them come first, and cuts inside sentences are forbidden.

    Args:
        places: edges and costs.
        sound: the sound of the video.
        fps: frame rate of the video; cuts lie on frames.
        sentences: (K, 2) start and end of each sentence in seconds, in order.
    """
    speech = sound.segments()
    if not len(speech):
        return move_to_sentences(places, sentences, fps=fps)
    talk = _Talk(sound, speech)
    pauses = list(talk.pauses(1 / fps))
    units = units_between_pauses(sentences, pauses)
    borders = set(units.ravel().tolist())
    pauses = [(time, max(length, _NATURAL_PAUSE_SECONDS) if time in borders else length) for time, length in pauses]
    moved = _moved(places, sorted(pauses, key=lambda pause: pause[0] not in borders))
    return _costly(moved, talk.costs(moved.edges), units)


def move_to_sentences(places: CutPlaces, sentences: NDArray[np.float64], *, fps: float) -> CutPlaces:
    """Move edges between sentences and forbid cuts inside them, where nothing is known of the sound.

    Args:
        places: edges and costs.
        sentences: (K, 2) start and end of each sentence in seconds, in order.
        fps: frame rate of the video; cuts lie on frames.
    """
    if not len(sentences):
        return places
    margin = _LONG_PAUSE_SECONDS / 4
    gaps = zip(np.append(-np.inf, sentences[:, 1]), np.append(sentences[:, 0], np.inf), strict=True)
    times = []
    for start, stop in gaps:
        short = stop - start <= _LONG_PAUSE_SECONDS
        times += [(start + stop) / 2] if short else [start + margin, stop - margin]
    on_frames = [(round(time * fps) / fps, _NATURAL_PAUSE_SECONDS) for time in times if np.isfinite(time)]
    moved = _moved(places, on_frames)
    return _costly(moved, np.zeros(len(moved.edges)), units_between_pauses(sentences, on_frames))


def units_between_pauses(sentences: NDArray[np.float64], pauses: Iterable[tuple[float, float]]) -> NDArray[np.float64]:
    """Return what may only be shown as a whole: sentences, from the pause before each to the pause after it.

    Sentences without a pause between them are one unit. Times of sentences may be off by half a second.

    Args:
        sentences: (K, 2) start and end of each sentence in seconds, in order.
        pauses: time of a cut in each pause and its length, in seconds.

    Returns:
        (U, 2) times of pauses, in order; the first start and the last end may be those of a sentence.
    """
    times, lengths = np.array(sorted(pauses)).reshape(-1, 2).T
    starts: list[float | None] = []
    ends: list[float | None] = []
    half = _LONG_PAUSE_SECONDS / 2
    for end, start in zip(np.append(-np.inf, sentences[:, 1]), np.append(sentences[:, 0], np.inf), strict=True):
        spans = [(end, start)] if start - end <= _LONG_PAUSE_SECONDS else [(end, end + half), (start - half, start)]
        nearest = [_nearest(times, lengths, *span) for span in spans]
        ends.append(nearest[0])
        starts.append(nearest[-1])
    units: list[list[float]] = []
    for (start, end), first, last in zip(sentences.tolist(), starts, ends[1:], strict=False):
        if units and (first is None or first < units[-1][1]):
            units[-1][1] = max(end, units[-1][1]) if last is None else last
        else:
            units.append([start if first is None else first, end if last is None else last])
    return np.array([unit for unit in units if unit[1] > unit[0]]).reshape(-1, 2)


def _nearest(times: NDArray[np.float64], lengths: NDArray[np.float64], end: float, start: float) -> float | None:
    """Return the pause that is nearest to the silence from `end` to `start`; a long one counts as nearer."""
    distance = np.maximum(0.0, np.maximum(end - times, times - start))
    near = np.flatnonzero(distance <= _SLACK_SECONDS)
    if not np.isfinite(end + start) or not len(near):
        return None
    return float(times[near[(distance - np.minimum(lengths, _LONG_PAUSE_SECONDS) / 2)[near].argmin()]])


def _moved(places: CutPlaces, pauses: Iterable[tuple[float, float]]) -> CutPlaces:
    """Move edges to pauses, given as time and length in seconds, the first ones first."""
    edges, natural = places.edges.copy(), places.naturalness.copy()
    movable = ~np.isin(edges, places.hard_cuts)
    movable[[0, -1]] = False
    closest = _CLOSEST_EDGES * float(np.median(np.diff(edges)))
    for time, length in pauses:
        after = int(np.searchsorted(edges, time))  # edges[after - 1] < time <= edges[after]
        beside = [i for i in (after - 1, after) if 0 <= i < len(edges) and movable[i]]
        for i in sorted(beside, key=lambda i: abs(edges[i] - time)):
            fits = edges[i - 1] + closest <= time <= edges[i + 1] - closest
            if fits and abs(edges[i] - time) <= _REACH_SECONDS:
                edges[i], movable[i] = time, False
                natural[i] = max(natural[i], min(1.0, length / _NATURAL_PAUSE_SECONDS))
                break
    return replace(places, edges=edges, naturalness=natural)


def _costly(places: CutPlaces, cost: NDArray[np.float64], units: NDArray[np.float64]) -> CutPlaces:
    """Add costs (N + 1,) of cuts inside speech, and those of cuts inside sentences."""
    edges = places.edges
    begun = np.searchsorted(units[:, 0], edges - _FRAME_SECONDS)  # how many units start before each edge
    within = edges < np.append(-np.inf, units[:, 1])[begun] - _FRAME_SECONDS
    cost = cost + INSIDE_SENTENCE * within
    cost[[0, -1]] = 0.0
    return replace(
        places,
        naturalness=np.where(cost > 0, 0.0, places.naturalness),
        start_cost=places.start_cost + cost,
        end_cost=places.end_cost + cost,
    )


class _Talk:
    """Segments of speech, and quiet moments.

    Args:
        sound: the sound of a video.
        speech: its segments of speech (K, 2), in seconds.
    """

    def __init__(self, sound: Sound, speech: NDArray[np.float64]) -> None:
        self._start, self._speech = sound.start, speech
        self._seconds = LEVEL_SECONDS
        reach = math.ceil(_MARGIN_SECONDS / self._seconds)
        decibels = sound.decibels()
        limit = float(np.quantile(decibels, _LOUD_QUANTILE)) - _QUIET_DECIBELS
        self._maybe_quiet = _loudest(decibels, reach) <= limit
        middles = self._start + (np.arange(len(decibels)) + 0.5) * self._seconds
        speaks = np.searchsorted(speech.ravel(), middles) % 2 == 1
        # A pause of a speaker who is quieter than others is quieter still.
        limits = np.where(speaks, np.minimum(_loud_nearby(decibels, self._seconds) - _QUIET_DECIBELS, limit), limit)
        self._above = _loudest(decibels, reach + 1) - limits + _SAFE_DECIBELS  # decibels
        self._quiet = self._above <= 0

    def pauses(self, frame_seconds: float) -> Iterator[tuple[float, float]]:
        """Yield times of frames in pauses and the lengths of the pauses, in seconds.

        Between segments of speech, a pause gives its quietest frame, and a long one that within 1 s of each segment.
        Within segments, quiet stretches are pauses too.
        """
        half = _LONG_PAUSE_SECONDS / 2
        for start, stop in zip(
            np.append(-np.inf, self._speech[:, 1]), np.append(self._speech[:, 0], np.inf), strict=True
        ):
            short = stop - start <= _LONG_PAUSE_SECONDS
            for first, last in [(start, stop)] if short else [(start, start + half), (stop - half, stop)]:
                if np.isfinite(first + last):
                    clear = max(first, start + _MARGIN_SECONDS), min(last, stop - _MARGIN_SECONDS)
                    yield from self._quietest_frame(*clear, frame_seconds, length=stop - start)
        edges = np.flatnonzero(np.diff(self._quiet, prepend=False, append=False)).reshape(-1, 2)
        for first, last in self._start + edges * self._seconds:
            at = int(np.searchsorted(self._speech[:, 0], first, side="right")) - 1
            if at >= 0 and last <= self._speech[at, 1]:
                yield from self._quietest_frame(first, last, frame_seconds, length=last - first + 2 * _MARGIN_SECONDS)

    def costs(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the costs of cuts at these times (n,)."""
        after = np.append(self._speech[:, 0], np.inf)[np.searchsorted(self._speech[:, 1], times)]
        before = np.append(-np.inf, self._speech[:, 1])[np.searchsorted(self._speech[:, 0], times)]
        distance = np.maximum(0.0, np.minimum(after - times, times - before))
        level = self._index(times)
        heard = (level >= 0) & (level < len(self._quiet))
        level = level.clip(0, len(self._quiet) - 1)
        loud = heard & ~self._quiet[level]
        near = loud & (distance < _LONG_PAUSE_SECONDS / 2)
        n_quiet = np.append(0, np.cumsum(self._maybe_quiet))
        reach = int(_REACH_SECONDS / self._seconds)
        last = np.minimum(level + reach + 1, len(self._quiet))
        pause_in_reach = n_quiet[last] > n_quiet[np.maximum(level - reach, 0)]
        gap = distance >= _MARGIN_SECONDS
        cost = np.where(gap, np.where(self._maybe_quiet[level], _BORDERLINE, _DOUBTFUL), _DEAR)
        cost[pause_in_reach & ~(gap & self._maybe_quiet[level])] = _FORBIDDEN
        return np.where(near, cost, 0.0)

    def _quietest_frame(
        self, first: float, last: float, frame_seconds: float, *, length: float
    ) -> Iterator[tuple[float, float]]:
        """Yield the time of the quietest frame in [first, last], of equally quiet ones that nearest to the middle."""
        frames = np.arange(math.ceil(first / frame_seconds), math.floor(last / frame_seconds) + 1) * frame_seconds
        if len(frames):
            above = np.maximum(self._above[self._index(frames).clip(0, len(self._above) - 1)], 0.0)
            from_middle = np.abs(frames - (first + last) / 2)
            yield float(frames[np.lexsort((from_middle, above))[0]]), length

    def _index(self, times: NDArray[np.floating]) -> NDArray[np.int64]:
        return np.asarray(np.floor((times - self._start) / self._seconds), dtype=np.int64)


def _loud_nearby(decibels: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Return how loud it is at times around each level, which lasts `seconds`: (L,) decibels."""
    block = round(1 / seconds)
    blocks = np.pad(decibels, (0, -len(decibels) % block), mode="edge").reshape(-1, block)
    of_blocks = np.quantile(blocks, _LOUD_QUANTILE, axis=1)
    return np.repeat(_loudest(of_blocks, _LOUD_BLOCKS), block)[: len(decibels)]


def _loudest(decibels: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return the loudest of each level and `reach` levels on either side: (L,)."""
    padded = np.pad(decibels, reach, constant_values=-np.inf)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1))
