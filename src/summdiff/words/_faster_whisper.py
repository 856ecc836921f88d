"""Whisper by the package `faster-whisper`, where it is installed and a model of it is on this computer."""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import threads_asked, usable_cores
from summdiff.errors import ModelError
from summdiff.transcript import Word
from summdiff.words.contract import Phrase

_DEFAULT_MODEL = "small"


class FasterWhisper:
    """Speech recognition with word times, in the language that it finds. Nothing is downloaded.

    Args:
        model: folder of a CTranslate2 model, or the name of one in the cache of Hugging Face; "" for "small".

    Raises:
        ModelError: the model is not on this computer, or damaged.
    """

    language = ""

    def __init__(self, model: str = "") -> None:
        from faster_whisper import WhisperModel

        model = model or _DEFAULT_MODEL
        self.id = f"faster-whisper {version('faster-whisper')} {Path(model).name}"
        try:
            self._model = WhisperModel(
                model,
                device="cpu",
                compute_type="int8",
                cpu_threads=threads_asked() or usable_cores(),
                local_files_only=True,
            )
        except Exception as error:  # of several libraries
            raise ModelError(
                f"The Whisper model '{model}' is not on this computer: name the folder of one that is, as "
                "--speech faster-whisper:DIR."
            ) from error

    def __call__(self, samples: NDArray[np.float32]) -> Phrase:
        """Return the words of samples (n,) at 16 kHz; see `SpeechEngine`."""
        segments, _ = self._model.transcribe(
            samples, beam_size=1, word_timestamps=True, condition_on_previous_text=False, vad_filter=False
        )
        found = list(segments)
        words = tuple(
            Word(float(word.start), float(word.end), word.word.strip())
            for segment in found
            for word in segment.words or ()
            if word.word.strip()
        )
        confidence = math.exp(np.mean([segment.avg_logprob for segment in found])) if found else 0.0
        return Phrase(" ".join(word.text for word in words), confidence, words)
