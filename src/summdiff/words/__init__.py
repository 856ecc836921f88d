"""The words of a video: where a transcript comes from, and what its sentences are worth.

- `check_words` refuses options before any work
- `find_words` reads subtitles and text files, or recognizes speech, and gives `FoundWords`
- `load_engine`, `speech_engines`: speech recognition, with `SpeechEngine` as the contract and `Phrase` as its result
- `weigh_words` scores sentences and matches them with what was asked for, as `WeighedWords`;
  `match_pictures` does the same for pictures, with a model that the user supplies
"""

from summdiff.words.contract import Phrase, SpeechEngine
from summdiff.words.engines import load_engine, speech_engines
from summdiff.words.finding import FoundWords, check_words, find_words
from summdiff.words.weighing import WeighedWords, match_pictures, weigh_words

__all__ = [
    "FoundWords",
    "Phrase",
    "SpeechEngine",
    "WeighedWords",
    "check_words",
    "find_words",
    "load_engine",
    "match_pictures",
    "speech_engines",
    "weigh_words",
]
