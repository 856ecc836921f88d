"""Pauses in speech as places to cut."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from summdiff.audio.sound import FRAME_SECONDS, LEVELS_PER_FRAME, Sound
from summdiff.selection import CutPlaces

REACH_SECONDS = 1.5  # an edge is moved at most this far
_MARGIN_SECONDS = 0.08  # on both sides of a cut nobody speaks
_LONG_PAUSE_SECONDS = 2.0  # a longer pause has a place after the words before it and one before the words after it
_NATURAL_PAUSE_SECONDS = 0.5  # a shorter one is less natural: it may separate words of one sentence
_LOUD_QUANTILE, _QUIET_DECIBELS = 0.95, 26.0  # levels this far below the loud ones are equally quiet
_CLOSEST_EDGES = 0.25  # of the length of a step
# In the unit of `CutPlaces`. No part is worth a forbidden cut.
_DEAR, _FORBIDDEN = 8.0, 1000.0


def move_to_pauses(places: CutPlaces, sound: Sound, *, fps: float) -> CutPlaces:
    """Move edges to pauses in speech, and make cuts inside speech costly.

    Each pause takes the nearest edge within 1.5 s that is no hard cut. Inside speech a cut is forbidden where an edge
    in a pause is within 1.5 s, and dear elsewhere. Without speech nothing changes.

    Args:
        places: edges and costs.
        sound: the sound of the video.
        fps: frame rate of the video; cuts lie on frames.
    """
    speech = sound.segments()
    if not len(speech):
        return places
    times, lengths = _pauses(speech, sound, frame_seconds=1 / fps)
    edges, natural = places.edges.copy(), places.naturalness.copy()
    movable = ~np.isin(edges, places.hard_cuts)
    movable[[0, -1]] = False
    closest = _CLOSEST_EDGES * float(np.median(np.diff(edges)))
    moved = np.zeros(len(edges), dtype=np.bool_)
    for time, length in zip(times, lengths, strict=True):
        after = int(np.searchsorted(edges, time))  # edges[after - 1] < time <= edges[after]
        beside = [i for i in (after - 1, after) if 0 <= i < len(edges)]
        for i in sorted(beside, key=lambda i: abs(edges[i] - time)):
            fits = edges[i - 1] + closest <= time <= edges[i + 1] - closest if movable[i] else False
            if fits and not moved[i] and abs(edges[i] - time) <= REACH_SECONDS:
                edges[i], moved[i] = time, True
                natural[i] = max(natural[i], min(1.0, length / _NATURAL_PAUSE_SECONDS))
                break
    inside = _inside(edges, speech)
    inside[[0, -1]] = False
    clear = np.concatenate(([-np.inf], edges[1:-1][~inside[1:-1]], [np.inf]))
    at = np.searchsorted(clear, edges)
    near_pause = np.minimum(edges - clear[at - 1], clear[at] - edges) <= REACH_SECONDS
    cost = np.where(inside, np.where(near_pause, _FORBIDDEN, _DEAR), 0.0)
    natural[inside] = 0.0
    return replace(
        places,
        edges=edges,
        naturalness=natural,
        start_cost=places.start_cost + cost,
        end_cost=places.end_cost + cost,
    )


def _pauses(
    speech: NDArray[np.float64], sound: Sound, *, frame_seconds: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times of frames in pauses, ascending, and the lengths of the pauses: (P,) and (P,) seconds.

    A pause gives the quietest of its frames; a long one that within 1 s of each stretch of speech.
    """
    decibels = sound.decibels()
    quiet = float(np.quantile(decibels, _LOUD_QUANTILE)) - _QUIET_DECIBELS
    half = _LONG_PAUSE_SECONDS / 2
    times: list[float] = []
    lengths: list[float] = []
    for start, stop in zip(np.append(-np.inf, speech[:, 1]), np.append(speech[:, 0], np.inf), strict=True):
        short = stop - start <= _LONG_PAUSE_SECONDS
        for first, last in [(start, stop)] if short else [(start, start + half), (stop - half, stop)]:
            if not np.isfinite(first + last):
                continue
            frames = np.arange(np.ceil(first / frame_seconds), np.floor(last / frame_seconds) + 1) * frame_seconds
            frames = frames[(frames - start >= _MARGIN_SECONDS) & (stop - frames >= _MARGIN_SECONDS)]
            if len(frames):
                loudest = np.maximum(_loudest_near(frames, sound, decibels), quiet)
                from_middle = np.abs(frames - (first + last) / 2)
                times.append(float(frames[np.lexsort((from_middle, loudest))[0]]))
                lengths.append(float(stop - start))
    return np.array(times), np.array(lengths)


def _loudest_near(times: NDArray[np.float64], sound: Sound, decibels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the loudest level within 80 ms of each time: (n,) decibels."""
    half_frame = FRAME_SECONDS / LEVELS_PER_FRAME
    reach = math.ceil(_MARGIN_SECONDS / half_frame)
    near = np.floor((times - sound.start) / half_frame).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    heard = (near >= 0) & (near < len(decibels))
    return np.asarray(np.where(heard, decibels[near.clip(0, len(decibels) - 1)], -np.inf).max(axis=1))


def _inside(times: NDArray[np.float64], speech: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether each time is within 80 ms of speech."""
    at = np.searchsorted(speech[:, 0] - _MARGIN_SECONDS, times, side="right") - 1
    return np.asarray((at >= 0) & (times < speech[np.maximum(at, 0), 1] + _MARGIN_SECONDS))
