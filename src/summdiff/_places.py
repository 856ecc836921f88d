"""Where the parts and the shots of a video may start and end, by pictures, sound and words together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from summdiff.audio import Sound, move_to_pauses
from summdiff.features.files import VideoFeatures
from summdiff.options import Options
from summdiff.segmentation import kts
from summdiff.selection import CutPlaces, avoid_transitions, cut_places, move_to_transitions
from summdiff.transcript import Transcript


def part_places(extracted: VideoFeatures, transcript: Transcript | None) -> CutPlaces:
    """Return where parts may start and end: the one place that knows of all that speaks for or against a cut."""
    places = cut_places(extracted.features, np.append(extracted.boundaries, extracted.video.duration))
    fps = extracted.video.cuts_per_second
    places = move_to_transitions(places, extracted.transitions, fps=fps)
    spans = [(sentence.start, sentence.end) for sentence in transcript.sentences] if transcript else []
    sound = extracted.sound or Sound.none()
    places = move_to_pauses(
        places, sound, fps=extracted.video.cuts_per_second, sentences=np.array(spans).reshape(-1, 2)
    )
    return avoid_transitions(places, extracted.transitions)


def shot_edges(extracted: VideoFeatures, options: Options) -> NDArray[np.float64]:
    """Return (S + 1,) seconds: the start of each shot and the end of the video."""
    edges = np.append(extracted.boundaries, extracted.video.duration)
    change_points = kts(
        extracted.features, min_length=options.min_shot, max_length=options.max_shot, edges=edges, center=True
    )
    return edges[np.concatenate(([0], change_points, [len(extracted.times)]))]
