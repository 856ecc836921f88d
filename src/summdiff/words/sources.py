"""Transcripts that are already written: subtitles in the video, and text files beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from summdiff.errors import DataError, VideoError
from summdiff.transcript import Transcript, Word, sentences_of, spread
from summdiff.video import Cue, SubtitleTrack, names_a_place, read_subtitle_file, read_subtitles

_ENDINGS = (".srt", ".vtt")
_MOST_BYTES = 32 * 2**20
_TAGS = re.compile(r"<[^<>]*>")
_SOUNDS = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫#]+[^♪♫#\n]*[♪♫#]*")  # [door slams], (laughs), ♪ la la ♪
_LEAST_SHARE = 0.5  # of the cues of the largest track that the default one must have: others translate only signs


def find_transcript(path: str | os.PathLike[str]) -> Transcript | None:
    """Return the transcript of a video from its own text subtitles, else from a .srt or .vtt file of the same name.

    A file beside the video may have a language in its name: `talk.srt`, `talk.en.vtt`. One that cannot be read is
    passed over. None if there is no text.

    Raises:
        VideoError: the video cannot be read.
    """
    track = _spoken([track for track in read_subtitles(path) if not track.names_places])
    if track is not None:
        transcript = _of_cues(track.cues, "subtitles", track.language)
        if transcript.sentences:
            return transcript
    for file in _beside(Path(path)):
        try:
            transcript = read_transcript(file)
        except DataError:
            continue
        if not any(names_a_place(sentence.text) for sentence in transcript.sentences):  # as drones write it
            return transcript
    return None


def read_transcript(file: str | os.PathLike[str]) -> Transcript:
    """Read a transcript from a file of subtitles: SubRip, WebVTT or ASS.

    Raises:
        DataError: the file cannot be read, or has no text.
    """
    file = Path(file)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(f"'{file}' is too large for a transcript: it may have {_MOST_BYTES // 2**20} MB.")
        cues = read_subtitle_file(file)
    except (OSError, VideoError) as error:
        raise DataError(f"'{file}' cannot be read as a transcript: give subtitles in .srt or .vtt.") from error
    language = file.suffixes[-2][1:] if len(file.suffixes) > 1 and 2 <= len(file.suffixes[-2]) - 1 <= 3 else ""
    transcript = _of_cues(cues, file.name, language)
    if not transcript.sentences:
        raise DataError(f"'{file}' has no text with times: give subtitles in .srt or .vtt.")
    return transcript


def _spoken(tracks: Sequence[SubtitleTrack]) -> SubtitleTrack | None:
    """Return the default track, unless another one has far more text."""
    if not tracks:
        return None
    largest = max(tracks, key=lambda track: len(track.cues))
    default = next((track for track in tracks if track.default), largest)
    return default if len(default.cues) >= _LEAST_SHARE * len(largest.cues) else largest


def _beside(video: Path) -> list[Path]:
    """Return the .srt and .vtt files of a video's name, those without a language first."""
    try:
        files = [file for file in video.parent.iterdir() if file.suffix.lower() in _ENDINGS and file.is_file()]
    except OSError:
        return []
    named = [file for file in files if re.fullmatch(r"(\.[A-Za-z]{2,3}(-\w+)?)?", _rest(file, video))]
    return sorted(named, key=lambda file: (len(file.stem), file.name))


def _rest(file: Path, video: Path) -> str:
    """Return what a file's name has beyond the name of the video, or something that is no language."""
    return file.stem.removeprefix(video.stem) if file.stem.startswith(video.stem) else "/"


def _of_cues(cues: Iterable[Cue], source: str, language: str) -> Transcript:
    words: list[Word] = []
    last_line = ""
    for cue in cues:
        lines = [" ".join(_SOUNDS.sub(" ", _TAGS.sub("", line)).split()) for line in cue.text.split("\n")]
        lines = [re.sub(r"^[-–—>]+\s*", "", line) for line in lines if line]
        # Captions that roll repeat the line before.
        fresh = lines[1:] if lines and lines[0] == last_line else lines
        last_line = lines[-1] if lines else ""
        text = " ".join(fresh).split()
        start, end = float(cue.start), float(cue.end)
        if words:
            start = max(start, words[-1].end)
        if text and end > start >= 0:
            words += spread(text, [(start, end)])
    return Transcript(source=source, sentences=sentences_of(words), language=language)
