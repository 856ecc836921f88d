"""The subtitles of a video as WebVTT for the page's player."""

from __future__ import annotations

import html
from fractions import Fraction

from summdiff.video import read_subtitles
from summdiff.web._uploads import VideoFile


def captions(file: VideoFile) -> str:
    """Return the cues of the default subtitle track, else of the first, on the player's clock.

    Raises:
        VideoError: the file cannot be read.
    """
    tracks = sorted(read_subtitles(file.path), key=lambda track: not track.default)
    late = Fraction(file.start_in_player)
    blocks = [
        f"{_timestamp(cue.start + late)} --> {_timestamp(cue.end + late)}\n{html.escape(cue.text, quote=False)}\n"
        for cue in (tracks[0].cues if tracks else ())
        if cue.end > 0
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _timestamp(seconds: Fraction) -> str:
    whole = max(0, round(seconds * 1000))
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
