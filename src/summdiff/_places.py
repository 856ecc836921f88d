"""Edges of steps and shots, places of cuts and blank stretches, by pictures, sound and words together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from summdiff.audio import Sound, move_to_pauses
from summdiff.features.files import VideoFeatures
from summdiff.options import Options
from summdiff.reselection import rounded
from summdiff.segmentation import kts
from summdiff.selection import CutPlaces, avoid_transitions, cut_places, move_to_transitions, step_edges
from summdiff.summary import CoarseCut
from summdiff.transcript import Transcript

_BLANK = 3.0  # seconds


def edges_of(extracted: VideoFeatures) -> NDArray[np.float64]:
    """Return (N + 1,) seconds: the start of each step and the end of the video; see `step_edges`."""
    return step_edges(
        extracted.features,
        extracted.times,
        extracted.boundaries,
        duration=extracted.video.duration,
        fps=extracted.video.fps,
    )


def coarse_cuts(extracted: VideoFeatures, edges: NDArray[np.float64]) -> tuple[CoarseCut, ...]:
    """Return the boundaries of steps among some edges (E,), in seconds, that are known only coarsely."""
    rows = np.column_stack((extracted.boundaries, extracted.spans)) if len(extracted.spans) else np.empty((0, 3))
    rows = rows[(rows[:, 1] < rows[:, 2]) & np.isin(rows[:, 0].round(6), edges.round(6))]
    return tuple(CoarseCut(*rounded(row)) for row in rows)


def part_places(extracted: VideoFeatures, edges: NDArray[np.float64], transcript: Transcript | None) -> CutPlaces:
    """Return where parts may start and end: the one place that knows of all that speaks for or against a cut."""
    places = cut_places(extracted.features, edges)
    fps = extracted.video.cuts_per_second
    places = move_to_transitions(places, extracted.transitions, fps=fps)
    spans = [(sentence.start, sentence.end) for sentence in transcript.sentences] if transcript else []
    sound = extracted.sound or Sound.none()
    places = move_to_pauses(
        places, sound, fps=extracted.video.cuts_per_second, sentences=np.array(spans).reshape(-1, 2)
    )
    return avoid_transitions(places, extracted.transitions)


def shot_edges(extracted: VideoFeatures, edges: NDArray[np.float64], options: Options) -> NDArray[np.float64]:
    """Return (S + 1,) of the steps' edges: the start of each shot and the end of the video."""
    change_points = kts(
        extracted.features, min_length=options.min_shot, max_length=options.max_shot, edges=edges, center=True
    )
    return edges[np.concatenate(([0], change_points, [len(extracted.times)]))]


def blank_steps(extracted: VideoFeatures, edges: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the steps of stretches of 3 s or more that show nothing; none where these are most of the video.

    The model sees how steps differ from each other, and a black picture in a film of one scene differs most of all.
    A fade is shorter, and which of its pictures are plain depends on the encoder.

    Args:
        extracted: what was found in the video.
        edges: (N + 1,) seconds, the edges of its steps.
    """
    blank = np.concatenate(([False], extracted.blank, [False]))
    runs = np.flatnonzero(blank[1:] != blank[:-1]).reshape(-1, 2)
    steps = [
        step for first, last in runs.tolist() if edges[last] - edges[first] >= _BLANK for step in range(first, last)
    ]
    return tuple(steps) if 2 * len(steps) <= len(extracted.times) else ()
