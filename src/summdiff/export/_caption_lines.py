"""A transcript as captions: at most two lines of 42 characters, for at most six seconds."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from summdiff.export._strings import printable
from summdiff.transcript import Transcript, Word

if TYPE_CHECKING:
    from summdiff.video import Cue

_LINE = 42  # characters, as broadcasters have it
_LONGEST_SECONDS = 6.0
_MILLISECONDS = 1000


def captions_of(transcript: Transcript) -> tuple[Cue, ...]:
    """Return the captions of a transcript, in seconds of its video."""
    from summdiff.video import Cue

    def exact(seconds: float) -> Fraction:
        return Fraction(round(seconds * _MILLISECONDS), _MILLISECONDS)

    return tuple(
        Cue(
            exact(words[0].start),
            exact(max(words[-1].end, words[0].start + 0.001)),
            "\n".join(map(printable, _lines(words))),
        )
        for sentence in transcript.sentences
        for words in _groups(list(sentence.words))
    )


def _groups(words: list[Word]) -> Iterator[list[Word]]:
    """Divide the words of a sentence into captions of about the same length."""
    fits = max(map(len, _lines(words))) <= _LINE and words[-1].end - words[0].start <= _LONGEST_SECONDS
    if fits or len(words) == 1:
        yield words
        return
    letters = [len(word.text) + 1 for word in words]
    half = sum(letters) / 2
    # Near the middle, and rather after a comma.
    at = min(
        range(1, len(words)),
        key=lambda n: abs(sum(letters[:n]) - half) - (_LINE / 4) * words[n - 1].text.endswith((",", ";", ":")),
    )
    yield from _groups(words[:at])
    yield from _groups(words[at:])


def _lines(words: list[Word]) -> list[str]:
    """Return one line, or two that are about equally long."""
    text = [word.text for word in words]
    whole = " ".join(text)
    if len(whole) <= _LINE:
        return [whole]
    pairs = ([" ".join(text[:n]), " ".join(text[n:])] for n in range(1, len(text)))
    return min(pairs, key=lambda pair: max(map(len, pair)), default=[whole])
