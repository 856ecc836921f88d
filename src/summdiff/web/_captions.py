"""The words of a video as WebVTT for the page's player: its subtitles, or its transcript."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from fractions import Fraction

from summdiff.transcript import Word
from summdiff.video import read_subtitles
from summdiff.web._sessions import StudioVideo
from summdiff.web._uploads import VideoFile

_WORDS = 12  # of a line of captions


def captions(video: StudioVideo) -> str:
    """Return the cues of the default subtitle track, else of the first, else the sentences of the transcript.

    Their times are those of the player's clock.

    Raises:
        VideoError: the file cannot be read.
    """
    file = video.file
    blocks = [
        f"{_in_player(file, start)} --> {_in_player(file, end)}\n{html.escape(text, quote=False)}\n"
        for start, end, text in (_cues(file) if file.has_subtitles else _sentences(video))
        if end > 0
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _cues(file: VideoFile) -> list[tuple[Fraction, Fraction, str]]:
    tracks = sorted(read_subtitles(file.path), key=lambda track: not track.default)
    return [(cue.start, cue.end, cue.text) for cue in (tracks[0].cues if tracks else ())]


def _sentences(video: StudioVideo) -> list[tuple[Fraction, Fraction, str]]:
    """Return the words of the transcript in lines of a few words."""
    transcript = video.versions[0].summary.transcript if video.versions else None
    lines: list[tuple[Fraction, Fraction, str]] = []
    for sentence in transcript.sentences if transcript else ():
        for words in batched(sentence.words, _WORDS):
            text = " ".join(word.text for word in words)
            lines.append((Fraction(words[0].start), Fraction(words[-1].end), text))
    return lines


def batched(words: Sequence[Word], size: int) -> Iterator[Sequence[Word]]:
    """Yield the words in pieces of at most `size`."""
    for first in range(0, len(words), size):
        yield words[first : first + size]


def _in_player(file: VideoFile, seconds: Fraction) -> str:
    """Return a time of the film as one of the player's clock."""
    here, there = next((pair for pair in reversed(file.player_times) if pair[0] <= seconds), file.player_times[0])
    seconds += Fraction(there) - Fraction(here)
    whole = max(0, round(seconds * 1000))
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
