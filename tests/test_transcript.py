from itertools import pairwise

import pytest

from summdiff.transcript import Word, sentences_of, spread


def said(text, *, start=0.0, seconds=0.3, pauses=None):
    """Words of 0.3 s in a row, with pauses in seconds after words of these positions."""
    words, at = [], start
    for number, word in enumerate(text.split()):
        words.append(Word(round(at, 3), round(at + seconds, 3), word))
        at += seconds + (pauses or {}).get(number, 0.0)
    return words


def texts(words):
    return [sentence.text for sentence in sentences_of(words)]


def test_sentences_end_at_punctuation():
    assert texts(said("Good evening. Is it late? No! “Yes.” He left.")) == [
        "Good evening.",
        "Is it late?",
        "No!",
        "“Yes.”",
        "He left.",
    ]


@pytest.mark.parametrize("text", ["Dr. Smith met Mr. Jones.", "It costs 3.5 euros, i.e. little.", "Wait... what?"])
def test_other_full_stops_end_none(text):
    assert texts(said(text)) == [text]


def test_a_pause_of_more_than_half_a_second_ends_a_sentence():
    assert texts(said("one two three", pauses={0: 0.6, 1: 0.4})) == ["one", "two three"]


def test_a_sentence_without_end_is_divided_at_its_longest_pause():
    words = said("word " * 150, pauses={60: 0.4})
    parts = sentences_of(words)
    assert parts[0].end == words[60].end
    assert all(part.end - part.start <= 30 for part in parts)
    assert [word for part in parts for word in part.words] == words


def test_words_are_spread_by_their_letters():
    words = spread(["a", "bbb"], [(1.0, 7.0)])
    assert [(word.start, word.end) for word in words] == [(1.0, 3.0), (3.0, 7.0)]


def test_no_word_lies_across_a_pause_and_commas_come_before_pauses():
    text = ["When", "it", "rains,", "the", "match", "is", "played", "indoors"]
    words = spread(text, [(0.0, 1.2), (1.7, 4.0)])
    assert not [word for word in words if word.start < 1.2 and word.end > 1.7]
    assert [word.text for word in words if word.end <= 1.2][-1] == "rains,"
    assert words[0].start == 0.0
    assert words[-1].end == 4.0


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_any_number_of_words_fits_any_number_of_spans(count):
    spans = [(0.0, 1.0), (2.0, 2.5), (3.0, 5.0)]
    words = spread(["word"] * count, spans)
    assert len(words) == count
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert all(any(start <= word.start < word.end <= end for start, end in spans) for word in words)
