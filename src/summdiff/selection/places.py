"""Places where a chosen part of a video may start and end, and what a cut there costs.

`cut_places` knows only the pictures' features. Modules that know more (pauses in speech, dissolves and fades) return a
`dataclasses.replace` of its result: they move edges that are no hard cuts, raise `naturalness`, and raise costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.segmentation import Rows

_HARD_CUT = 0.5  # least change of the features at a hard cut
_OUTSTANDING = 3.0  # a hard cut's change relative to the median of the changes nearby
_NEARBY = 4  # steps on either side
_NATURAL_QUANTILE = 0.95  # of the changes: from here on a place is entirely natural
_CUT_COST = 0.15  # of a part's start or end at the least natural place, in the unit of z-scores × seconds
_NATURAL_DISCOUNT = 0.8  # share of this cost that an entirely natural place saves
_FLASH_COST = 2.0  # added where a hard cut follows a start, or precedes an end, within `_FLASH_SECONDS`
_FLASH_SECONDS = 1.0
INSIDE_SENTENCE = 200.0  # the cost of a cut in a pause inside a sentence: only where no sentence fits the budget
_NEVER = 1e3  # a cost that no part is worth
_REACH_SECONDS = 1.5  # an edge is moved less far than this
_SAME_SHOT = 0.3  # change of the features at fewer than 2% of the cuts of a film (scripts/measure_boundaries.py)
_FRAME_SHARE = 1e-3  # of a frame, by which times are rounded
_FRAME_SECONDS = 0.05  # an edge this close to a transition is at its end


@dataclass(frozen=True, eq=False)
class CutPlaces:
    """The N + 1 edges between N steps, where chosen parts may start and end.

    Attributes:
        edges: (N + 1,) seconds, ascending: the start of each step and the end of the last one. The distances may
            differ; an edge at a hard cut lies on the first frame after it.
        naturalness: (N + 1,) in [0, 1]: how natural a cut is here; 1 at hard cuts, pauses and the ends of the video.
        hard_cuts: (K,) seconds, ascending: times at which the picture cuts to another shot.
        start_cost, end_cost: (N + 1,) at least 0: costs of starting and of ending a part here, beyond those that
            follow from `naturalness` and `hard_cuts`, in the unit of z-scores × seconds. 0 where nothing is known.

    Raises:
        ValueError: an array has another shape, is not finite or is out of range.
    """

    edges: NDArray[np.float64]
    naturalness: NDArray[np.float64]
    hard_cuts: NDArray[np.float64]
    start_cost: NDArray[np.float64]
    end_cost: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.edges.ndim != 1 or len(self.edges) < 2 or not (np.diff(self.edges) > 0).all():
            raise ValueError(f"edges must be (N + 1,) and ascending, with N >= 1, got shape {self.edges.shape}")
        for name in ("naturalness", "start_cost", "end_cost"):
            values = getattr(self, name)
            if values.shape != self.edges.shape or not np.isfinite(values).all() or (values < 0).any():
                raise ValueError(f"{name} must be {self.edges.shape}, finite and at least 0")
        if (self.naturalness > 1).any():
            raise ValueError("naturalness must be at most 1")

    def costs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the full costs of starting and of ending a part at each edge: (N + 1,) and (N + 1,)."""
        plain = _CUT_COST * (1 - _NATURAL_DISCOUNT * self.naturalness)
        next_cut = np.append(self.hard_cuts, np.inf)[np.searchsorted(self.hard_cuts, self.edges, side="right")]
        last_cut = np.append(-np.inf, self.hard_cuts)[np.searchsorted(self.hard_cuts, self.edges, side="left")]
        start = self.start_cost + plain + _FLASH_COST * (next_cut - self.edges < _FLASH_SECONDS)
        end = self.end_cost + plain + _FLASH_COST * (self.edges - last_cut < _FLASH_SECONDS)
        start[0] = end[-1] = 0.0  # the video itself starts and ends there
        return start, end


def step_edges(
    features: ArrayLike, times: ArrayLike, boundaries: ArrayLike, *, duration: float, fps: float
) -> NDArray[np.float64]:
    """Return (N + 1,) seconds: the start of each step, and the end of the last one.

    A step starts at its boundary if its features differ from those of the step before, so that there may be a cut; else
    at the frame on display at its time, because where the picture changes most says nothing then.

    Args:
        features: (N, D).
        times: (N,) seconds, at which the steps were sampled.
        boundaries: (N,) seconds, at which the picture changes most since the step before.
        duration: seconds.
        fps: frame rate.
    """
    on_frames = np.floor(np.asarray(times) * fps + _FRAME_SHARE) / fps
    starts = np.asarray(boundaries, dtype=np.float64).copy()
    same = np.append(False, feature_changes(features) < _SAME_SHOT)
    # Frames that stand for longer than a step have their own times.
    fits = same & (on_frames >= starts)
    starts[fits] = on_frames[fits]
    return np.append(starts, duration)


def cut_places(features: ArrayLike, edges: ArrayLike) -> CutPlaces:
    """Return where parts may start and end, by the features alone.

    A hard cut is a change of at least 0.5 that is three times as large as the median change nearby. A change is 1 minus
    the cosine of consecutive features, centered over the video.

    Args:
        features: (N, D), one row per step.
        edges: (N + 1,) seconds, ascending: the start of each step and the end of the last one.
    """
    edge = np.asarray(edges, dtype=np.float64)
    change = feature_changes(features)
    hard = np.zeros(len(change), dtype=np.bool_)
    if len(change):
        padded = np.pad(change, _NEARBY, constant_values=np.nan)
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEARBY + 1)
        others = np.delete(around, _NEARBY, axis=1)
        hard = (change >= _HARD_CUT) & (change >= _OUTSTANDING * _medians(others))
    scale = float(np.quantile(change, _NATURAL_QUANTILE)) if len(change) else 0.0
    natural = np.clip(change / scale, 0, 1) if scale > 0 else np.zeros(len(change))
    natural[hard] = 1.0
    return CutPlaces(
        edges=edge,
        naturalness=np.concatenate(([1.0], natural, [1.0])),
        hard_cuts=edge[1:-1][hard],
        start_cost=np.zeros(len(edge)),
        end_cost=np.zeros(len(edge)),
    )


def _medians(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each row of (N, K) without its NaNs, 0 where there are no others; as `nanmedian`, faster."""
    ascending = np.sort(rows, axis=1)  # NaNs last
    count = np.isfinite(rows).sum(axis=1)
    place, upper = np.arange(len(rows)), np.minimum(count // 2, rows.shape[1] - 1)
    middle = (ascending[place, np.maximum(count - 1, 0) // 2] + ascending[place, upper]) / 2
    return np.where(count > 0, middle, 0.0)


def feature_changes(features: ArrayLike) -> NDArray[np.float64]:
    """Return the change between consecutive steps: (N - 1,) in [0, 2], from features (N, D)."""
    last, cosines = np.empty((0, 0), dtype=np.float32), [np.empty(0)]
    for rows in Rows(features, center=True).blocks():
        unit = np.concatenate((last, rows)) if len(last) else rows
        cosines.append(np.einsum("nd,nd->n", unit[1:], unit[:-1], dtype=np.float64))
        last = rows[-1:]
    return np.asarray(np.clip(1.0 - np.concatenate(cosines), 0.0, 2.0))


def move_to_transitions(places: CutPlaces, transitions: ArrayLike, *, fps: float) -> CutPlaces:
    """Move edges to the starts of dissolves and fades, where parts may end, and to their ends, where parts may start.

    Of the edges around a transition one moves to its start and the next one to its end, unless they are hard cuts or
    would leave their order.

    Args:
        places: the places by what else is known.
        transitions: (K, 2) seconds: start and end of each, in order and apart.
        fps: frame rate of the video; cuts lie on frames.
    """
    edges, natural = places.edges.copy(), places.naturalness.copy()
    fixed = np.isin(edges, places.hard_cuts)
    fixed[[0, -1]] = True
    for start, end in np.asarray(transitions, dtype=np.float64).reshape(-1, 2):
        before = int(np.searchsorted(edges, (start + end) / 2, side="right")) - 1
        for i, to in ((before, math.floor(start * fps) / fps), (before + 1, math.ceil(end * fps) / fps)):
            fits = edges[i - 1] < to < edges[i + 1] if 0 < i < len(edges) - 1 else False
            if fits and not fixed[i] and abs(edges[i] - to) < _REACH_SECONDS:
                edges[i], natural[i], fixed[i] = to, 1.0, True
    return replace(places, edges=edges, naturalness=natural)


def avoid_transitions(places: CutPlaces, transitions: ArrayLike) -> CutPlaces:
    """Make starts and ends of parts within dissolves and fades so costly that none is chosen.

    A start less than a second before one, or an end less than a second after one, costs as much as next to a hard cut.

    Args:
        places: the places, with their final edges.
        transitions: (K, 2) seconds: start and end of each.
    """
    edges, start_cost, end_cost = places.edges, places.start_cost.copy(), places.end_cost.copy()
    for start, end in np.asarray(transitions, dtype=np.float64).reshape(-1, 2):
        start_cost[(edges >= start - _FRAME_SECONDS) & (edges < end)] += _NEVER
        end_cost[(edges > start) & (edges <= end + _FRAME_SECONDS)] += _NEVER
        start_cost[(edges > start - _FLASH_SECONDS) & (edges < start)] += _FLASH_COST
        end_cost[(edges > end) & (edges < end + _FLASH_SECONDS)] += _FLASH_COST
    return replace(places, start_cost=start_cost, end_cost=end_cost)
