"""The words of a video as WebVTT for the page's player: its subtitles, or its transcript."""

from __future__ import annotations

import html
from fractions import Fraction

from summdiff.export import captions_of
from summdiff.video import Cue, read_subtitles
from summdiff.web._studio_video import StudioVideo
from summdiff.web._uploads import VideoFile


def captions(video: StudioVideo) -> str:
    """Return the cues of the default subtitle track, else of the first, else the sentences of the transcript.

    Their times are those of the player's clock.

    Raises:
        VideoError: the file cannot be read.
    """
    file = video.file
    blocks = [
        f"{_in_player(file, cue.start)} --> {_in_player(file, cue.end)}\n{html.escape(cue.text, quote=False)}\n"
        for cue in _cues(video)
        if cue.end > 0
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _cues(video: StudioVideo) -> tuple[Cue, ...]:
    if video.file.has_subtitles:
        tracks = sorted(read_subtitles(video.file.path), key=lambda track: not track.default)
        return tracks[0].cues if tracks else ()
    transcript = video.versions[0].summary.transcript if video.versions else None
    return () if transcript is None else captions_of(transcript)


def _in_player(file: VideoFile, seconds: Fraction) -> str:
    """Return a time of the film as one of the player's clock."""
    here, there = next((pair for pair in reversed(file.player_times) if pair[0] <= seconds), file.player_times[0])
    seconds += Fraction(there) - Fraction(here)
    whole = max(0, round(seconds * 1000))
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
