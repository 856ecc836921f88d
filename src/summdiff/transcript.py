"""Transcripts: the words of a video with their times, and the sentences that they form."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

_PAUSE_SECONDS = 0.5  # between two words: a sentence ends
_LONGEST_SECONDS = 30.0  # a longer sentence, as of captions without punctuation, is divided at its longest pauses
_MARK_SECONDS = 0.3  # that a pause may be off to come after a mark of punctuation
_MARKS = ".,;:!?…—\"'()”’"
_ENDS = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*$")
_ABBREVIATIONS = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "e.g.", "i.e.", "fig.", "approx."})


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, with its punctuation, said during [start, end) seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence: the unit of cutting where there is a transcript.

    Attributes:
        words: its words, in order; never empty.
        score: how much it is worth by its words, in standard deviations from the mean sentence; None if unknown.
        match: how well it matches what was asked for, in [0, 1]; None if nothing was.
    """

    words: tuple[Word, ...]
    score: float | None = None
    match: float | None = None

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of a video.

    Attributes:
        source: where it comes from: "subtitles" of the file, the name of a text file, or the id of a speech engine.
        sentences: in order.
        language: language tag such as "en"; "" if unknown.
        confidence: probability that the engine gave its average token, in [0, 1]; None for written text.
    """

    source: str
    sentences: tuple[Sentence, ...]
    language: str = ""
    confidence: float | None = None

    @property
    def words(self) -> tuple[Word, ...]:
        """All words, in order."""
        return tuple(word for sentence in self.sentences for word in sentence.words)


def sentences_of(words: Iterable[Word]) -> tuple[Sentence, ...]:
    """Divide words, in order, into sentences: at punctuation, and at pauses of more than half a second."""
    groups: list[list[Word]] = []
    for word in words:
        if not groups or _ends_between(groups[-1][-1], word):
            groups.append([])
        groups[-1].append(word)
    return tuple(Sentence(tuple(part)) for group in groups for part in _divided(group))


def spread(text: Sequence[str], spans: Sequence[tuple[float, float]]) -> tuple[Word, ...]:
    """Give words times within spans of speech, in proportion to their letters.

    No word lies across a pause between two spans, and a comma or full stop is rather before a pause than elsewhere.

    Args:
        text: the words.
        spans: start and end of each stretch of speech in seconds, in order and apart.
    """
    if not text:
        return ()
    seconds = [end - start for start, end in spans]
    letters = [len(word.strip(_MARKS)) + 1 for word in text]  # and about one for what separates words
    scale = sum(seconds) / sum(letters)
    ends = list(accumulate((count * scale for count in letters), initial=0.0))
    marked = [False, *(word.endswith(tuple(_MARKS)) for word in text)]
    words: list[Word] = []
    first = 0
    for (start, end), last in zip(spans, _last_words(ends, marked, list(accumulate(seconds))), strict=True):
        if last > first:
            stretch = (end - start) / (ends[last] - ends[first])
            times = [start + (place - ends[first]) * stretch for place in ends[first:last]] + [end]
            times = [round(time, 3) for time in times]
            words += [Word(*pair, word) for pair, word in zip(pairwise(times), text[first:last], strict=True)]
        first = last
    return tuple(words)


def _last_words(ends: list[float], marked: list[bool], pauses: list[float]) -> list[int]:
    """Return how many words are spoken up to each pause, the last of which is the end.

    Args:
        ends: where each number of words would end, in seconds of speech.
        marked: whether the last of so many words has a mark of punctuation.
        pauses: after how many seconds of speech each pause comes.
    """
    best = [0.0] + [math.inf] * (len(ends) - 1)  # cost of a number of words up to the last pause
    sources: list[list[int]] = []  # for each pause and number: the best number up to the pause before
    for pause in pauses[:-1]:
        source = [0]
        for n in range(1, len(ends)):
            source.append(n if best[n] < best[source[-1]] else source[-1])
        sources.append(source)
        best = [best[source[n]] + abs(ends[n] - pause) - _MARK_SECONDS * marked[n] for n in range(len(ends))]
    counts = [len(ends) - 1]
    if sources:
        counts.append(best.index(min(best)))
        counts += [0] * (len(sources) - 1)
        for k, source in enumerate(reversed(sources[1:]), start=2):
            counts[k] = source[counts[k - 1]]
    return counts[::-1]


def _ends_between(word: Word, following: Word) -> bool:
    if following.start - word.end > _PAUSE_SECONDS:
        return True
    if not _ENDS.search(word.text) or word.text.lower() in _ABBREVIATIONS:
        return False
    return not (following.text[:1].islower() or re.fullmatch(r"[A-Z]\.", word.text))


def _divided(words: list[Word]) -> list[list[Word]]:
    if len(words) < 2 or words[-1].end - words[0].start <= _LONGEST_SECONDS:
        return [words]
    middle = (words[0].start + words[-1].end) / 2
    # The pause nearest to the middle among equal ones; all are equal where there are none.
    gaps = [(round(after.start - before.end, 2), -abs(before.end - middle)) for before, after in pairwise(words)]
    at = max(range(len(gaps)), key=gaps.__getitem__) + 1
    return _divided(words[:at]) + _divided(words[at:])
