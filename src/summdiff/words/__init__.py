"""The words of a video: where a transcript comes from, and what its sentences are worth.

- `find_words` reads subtitles and text files, or recognizes speech, and gives `FoundWords`
- `load_engine`, `speech_engines`: speech recognition, with `SpeechEngine` as the contract and `Phrase` as its result
"""

from summdiff.words.contract import Phrase, SpeechEngine
from summdiff.words.engines import load_engine, speech_engines
from summdiff.words.finding import FoundWords, find_words

__all__ = ["FoundWords", "Phrase", "SpeechEngine", "find_words", "load_engine", "speech_engines"]
