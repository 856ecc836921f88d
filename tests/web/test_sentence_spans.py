"""Spans that the studio cuts around sentences."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.transcript import Sentence, Word
from summdiff.web._transcripts import sentence_spans

gaps = st.floats(0.0, 6.0)
lengths = st.floats(0.6, 9.0)


def said(*spans):
    return tuple(Sentence((Word(start, end, "Word."),)) for start, end in spans)


@given(st.lists(st.tuples(gaps, lengths), min_size=1, max_size=20), st.lists(st.floats(0, 150), max_size=60))
def test_spans_are_in_order_and_hold_their_own_sentence_and_no_other(parts, free):
    spans, at = [], 0.0
    for gap, length in parts:
        spans.append((at + gap, at + gap + length))
        at += gap + length
    sentences = said(*spans)
    free = np.array([time for time in sorted(free) if not any(start < time < end for start, end in spans)])
    found = sentence_spans(sentences, free, at + 1)
    assert all(0 <= start < end <= at + 1 for start, end in found)
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(found))
    for (start, end), own in zip(found, spans, strict=True):
        assert start <= own[0] + 1e-3
        assert end >= own[1] - 1e-3


def test_cuts_are_where_the_summary_can_cut():
    sentences = said((1.0, 3.0), (3.4, 6.0), (12.0, 15.0))
    free = np.array([0.0, 0.9, 3.3, 6.4, 7.0, 9.0, 11.6, 15.2, 20.0])
    assert sentence_spans(sentences, free, 20.0) == [(0.9, 3.3), (3.3, 6.4), (11.6, 15.2)]


def test_without_places_cuts_are_halfway_and_beside_long_pauses():
    sentences = said((1.0, 3.0), (3.4, 6.0), (12.0, 15.0))
    assert sentence_spans(sentences, np.zeros(0), 15.3) == [
        (0.5, pytest.approx(3.2)),
        (pytest.approx(3.2), 6.5),
        (11.5, 15.3),
    ]


def test_nobody_says_anything():
    assert sentence_spans((), np.zeros(0), 5.0) == []
