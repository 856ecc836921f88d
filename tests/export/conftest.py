"""Summaries of generated videos with names that break what is not escaped."""

from __future__ import annotations

import itertools

import pytest

from summdiff.summary import Interval, Scores, Shot, Summary, merge
from summdiff.video import probe

NASTY = "a & b \"q\" 's' <x> 100% #1 日本;=.mp4"


@pytest.fixture
def summary_of():
    """A function that makes a summary of a video from the shots that were chosen."""

    def make(path, chosen, *, shots=None, **changes):
        """`chosen` are (start, end) in seconds; `shots` all edges, by default those of the chosen ones."""
        video = probe(path)
        edges = shots or sorted({0.0, video.duration, *(edge for part in chosen for edge in part)})
        times = [float(second) for second in range(max(1, int(video.duration)))]
        fields = {
            "video": video,
            "model": {"id": "default", "conditioning": "relational", "backbone": "efficientnet_lite0", "version": "0"},
            "settings": {
                "rate": 1.0,
                "fast": False,
                "samples": 4,
                "steps": 10,
                "value": "sum",
                "min_shot": 1.0,
                "max_shot": 9.0,
            },
            "budget": 0.5,
            "seed": 0,
            "scores": Scores(
                tuple(times),
                tuple(0.4 + 0.3 * (n % 3) / 3 for n in range(len(times))),
                tuple(0.05 for _ in times),
            ),
            "shots": tuple(
                Shot(start, end, 0.5, any(a < end and b > start for a, b in chosen), 0.25)
                for start, end in itertools.pairwise(edges)
            ),
            "selection": merge(Interval(start, end) for start, end in chosen),
        }
        return Summary(**{**fields, **changes})

    return make


@pytest.fixture
def nasty(make_video, tmp_path):
    """A function that makes a video in a folder of its own, under a name with everything in it."""

    def make(name=NASTY, **options):
        folder = tmp_path / "films & <more>"
        folder.mkdir(exist_ok=True)
        film = make_video(folder / name, **{"scenes": [(2.0, "forest"), (2.0, "street")], "sound": True, **options})
        return film.path, film

    return make
