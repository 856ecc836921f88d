"""The transcript of a video from the first source that has one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from summdiff.audio import Sound
from summdiff.errors import UsageError
from summdiff.options import Options
from summdiff.transcript import Transcript
from summdiff.words._clip import PictureTextModel
from summdiff.words.contract import INSTALL, SpeechEngine
from summdiff.words.embeddings import embeddings_installed
from summdiff.words.engines import load_engine, speech_engines
from summdiff.words.recognition import recognize
from summdiff.words.sources import find_transcript, read_transcript


@dataclass(frozen=True, slots=True)
class FoundWords:
    """What was found out about the words of a video.

    Attributes:
        transcript: what is said; None if that is unknown.
        heard: what an engine made of the sound, to be kept with the features; None if none was asked.
        warning: sentence for the user; "" for none.
    """

    transcript: Transcript | None = None
    heard: Transcript | None = None
    warning: str = ""


def check_words(options: Options) -> None:
    """Check what options say of words before any work: engine, text file, and models of what is asked for.

    Raises:
        UsageError: an engine or a language model is unknown or not installed.
        ModelError: a model is missing or damaged.
        DataError: the text file cannot be read, or has no text.
    """
    if options.transcript is not None:
        read_transcript(options.transcript)
    elif options.speech not in ("auto", "off"):
        _engine(options.speech)
    if options.about and options.about_model is not None:
        PictureTextModel(options.about_model)
    elif options.about and not embeddings_installed():
        raise UsageError(f"To find what a summary is to be about, summdiff needs a language model: run `{INSTALL}`.")


def find_words(
    path: str | os.PathLike[str],
    sound: Sound | None,
    *,
    speech: str = "auto",
    file: str | os.PathLike[str] | None = None,
    heard: Transcript | None = None,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> FoundWords:
    """Find the words of a video: in `file`, in its subtitles, in a text file beside it, or by recognition.

    Args:
        path: a local video file.
        sound: what was heard in it; None if nobody listened, and then no speech is recognized.
        speech: "auto" for the first source that has words, "off" for none, or an engine's name for recognition alone.
        file: a file of subtitles, which takes the place of `speech`.
        heard: what an engine made of the sound before.
        on_progress: called with the seconds of the video that are recognized.

    Raises:
        UsageError: there is no such engine, or it is not installed.
        ModelError: its model is missing or damaged.
        DataError: `file` cannot be read, or has no text.
        VideoError: the video cannot be read.
    """
    if file is not None:
        return FoundWords(read_transcript(file))
    if speech == "off":
        return FoundWords()
    written = find_transcript(path) if speech == "auto" else None
    if written is not None:
        return FoundWords(written)
    names = speech_engines()[:1] if speech == "auto" else (speech,)
    if not names:
        return FoundWords()
    engine = _engine(names[0])
    if sound is None or not len(sound.segments()):
        return FoundWords()
    if heard is None or heard.source != engine.id:
        heard = recognize(path, sound, engine, on_progress=on_progress)
    if heard.sentences:
        return FoundWords(heard, heard)
    return FoundWords(None, heard, _not_understood(engine, heard.confidence or 0.0))


def _not_understood(engine: SpeechEngine, confidence: float) -> str:
    knows = " It knows English only: give a transcript of speech in other languages." if engine.language == "en" else ""
    return (
        f"The speech was not understood, so its words play no part: {engine.id} gave its words a mean probability of "
        f"{confidence:.2f}.{knows}"
    )


@cache
def _engine(name: str) -> SpeechEngine:
    return load_engine(name)
