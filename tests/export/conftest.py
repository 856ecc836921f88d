"""Summaries of generated videos whose names contain every character that a format must escape."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from caption_files import add_captions
from summdiff.summary import Interval, Scores, Shot, Summary, merge
from summdiff.video import probe

CHOSEN = [(0.4, 1.2), (2.0, 3.0)]
CUES = [(0.1, 0.3, "Gone"), (0.6, 0.9, "One & <two> --> 日本"), (1.0, 2.4, r"Over\Nthe gap")]
CHAPTERS = [(0.0, 0.8, "A = b; #1 \\ & <x>"), (0.8, 1.5, "日本"), (1.5, 1.9, "Lost"), (1.9, 4.0, "End")]
NASTY = "a & b \"q\" 's' <x> 100% #1 日本;=.mp4"


@pytest.fixture(scope="session")
def summary_of():
    """Return a function that makes a summary of a video from its chosen parts."""

    def make(path, chosen, *, shots=None, **changes):
        """Make a summary; `chosen` are (start, end) in seconds, `shots` the edges of all shots."""
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


@pytest.fixture(scope="session")
def nasty(make_video, tmp_path_factory):
    """Return a function that makes a video in a folder of its own, with special characters in its path."""

    def make(name=NASTY, **options):
        folder = tmp_path_factory.mktemp("films & <more>")
        video = make_video(folder / name, **{"scenes": [(2.0, "forest"), (2.0, "street")], "sound": True, **options})
        return video.path, video

    return make


@pytest.fixture(scope="session")
def film(nasty, summary_of):
    """Return a summary of two parts and five shots; its video must not be changed."""
    path, _ = nasty()
    return summary_of(path, CHOSEN)


@pytest.fixture(scope="session")
def captioned(nasty, summary_of):
    """Return a summary like `film` of a video with subtitles and chapters."""
    path, _ = nasty("plain.mkv")
    target = Path(path).with_name("captioned.mkv")
    source = add_captions(path, target, tracks=[("eng", CUES)], chapters=CHAPTERS, codec="ass")
    return summary_of(source, CHOSEN)
