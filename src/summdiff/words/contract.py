"""What a speech recognition engine gives for a stretch of speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from summdiff.transcript import Word

INSTALL = "pip install 'summdiff[speech]'"


@dataclass(frozen=True, slots=True)
class Phrase:
    """What an engine heard in one stretch of speech.

    Attributes:
        text: the words as they are written, separated by spaces.
        confidence: mean probability of the tokens, in [0, 1].
        words: the words with times in seconds from the start of the stretch, where the engine knows them; else empty.
    """

    text: str
    confidence: float
    words: tuple[Word, ...] = ()


class SpeechEngine(Protocol):
    """Turns samples of speech into words.

    Attributes:
        id: name and version, since other versions hear other words.
        language: tag of the only language that it knows, such as "en"; "" if it finds the language itself.
    """

    id: str
    language: str

    def __call__(self, samples: NDArray[np.float32]) -> Phrase:
        """Return what is said in samples (n,) float32 at 16 kHz, at most about 20 seconds."""
        ...
