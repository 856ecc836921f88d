"""With a transcript, parts begin and end between sentences."""

import numpy as np
import pytest
from voices import RATE, speech

from summdiff.audio.pauses import move_to_sentences, units_between_pauses
from summdiff.features.cache import FeatureCache
from summdiff.pipeline import Summarizer
from summdiff.reselection import reselect
from summdiff.selection import INSIDE_SENTENCE, IntervalSelection, cut_places

# Nine phrases with pauses of half a second; sentences of one, two or three of them.
PHRASES = [
    (0.3, 2.3),
    (2.8, 5.1),
    (5.6, 7.0),
    (7.6, 10.2),
    (10.6, 12.4),
    (12.9, 15.1),
    (15.7, 17.6),
    (18.0, 20.3),
    (20.9, 23.6),
]
SENTENCES = [(0.3, 5.1), (5.6, 7.0), (7.6, 15.1), (15.7, 20.3), (20.9, 23.6)]
BORDERS = [0.0, 5.35, 7.3, 15.4, 20.6, 24.0]


@pytest.fixture(scope="module")
def summarizer(tmp_path_factory):
    return Summarizer(cache=FeatureCache(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def film(make_video, tmp_path_factory):
    """A film whose made voice speaks five sentences, with a text file that is off by a fifth of a second."""
    path = tmp_path_factory.mktemp("film") / "talk.mp4"
    scenes = [(4.0, "forest"), (5.5, "street"), (4.5, "beach"), (6.0, "night"), (4.0, "forest")]
    sound = speech(PHRASES, 24.0)
    make_video(path, scenes=scenes, sound=sound, sound_rate=RATE, sound_layout="mono", size=(64, 36))
    cues = [
        f"00:{start + 0.2:06.3f} --> 00:{end - 0.2:06.3f}\nSentence number {k}.\n"
        for k, (start, end) in enumerate(SENTENCES)
    ]
    path.with_suffix(".vtt").write_text("WEBVTT\n\n" + "\n".join(cues))
    return path


def ends(summary):
    return sorted({end for part in summary.selection for end in (part.start, part.end)})


@pytest.mark.parametrize("budget", [0.2, 0.35, 0.5, 0.8])
@pytest.mark.parametrize("sound", [True, False])
def test_parts_begin_and_end_between_sentences(budget, sound, film, summarizer):
    summary = summarizer.summarize(film, budget=budget, sound=sound)
    assert summary.selected_duration <= budget * 24 + 0.05
    for end in ends(summary):
        assert min(abs(end - border) for border in BORDERS) < 0.3, ends(summary)


def test_without_words_the_same_film_is_cut_inside_sentences(film, summarizer):
    found = ends(summarizer.summarize(film, budget=0.35, speech="off"))
    assert any(min(abs(end - border) for border in BORDERS) > 0.3 for end in found)


def test_choosing_again_keeps_to_sentences_without_the_words(film, summarizer):
    for end in ends(reselect(summarizer.summarize(film, budget=0.2), budget=0.6)):
        assert min(abs(end - border) for border in BORDERS) < 0.3


def test_where_no_sentence_fits_a_pause_inside_one_is_taken(film, summarizer):
    summary = summarizer.summarize(film, duration=4.0, keep=[], drop=[(5.5, 7.2), (15.5, 24.0)])
    assert 2.0 <= summary.selected_duration <= 4.0
    for end in ends(summary):
        assert not any(start + 0.05 < end < stop - 0.05 for start, stop in PHRASES)


def test_a_sentence_longer_than_the_longest_interval_is_chosen_as_a_whole():
    n = 60
    start = end = np.full(n + 1, INSIDE_SENTENCE)
    start, end = start.copy(), end.copy()
    start[[0, 30, 52]] = end[[30, 52, 60]] = 0.0
    scores = np.where((np.arange(n) >= 30) & (np.arange(n) < 52), 1.0, 0.0)
    choice = IntervalSelection(np.arange(n + 1.0), start, end, budget=24.0, fps=25).choose(scores)
    assert choice.tolist() == [[30.0, 52.0]]


def test_units_join_sentences_without_a_pause_between_them():
    sentences = np.array([[0.0, 4.0], [4.1, 8.0], [8.4, 12.0], [20.0, 24.0]])
    pauses = [(8.2, 0.4), (12.5, 8.0), (19.5, 8.0), (2.0, 0.3)]
    assert units_between_pauses(sentences, pauses).tolist() == [[0.0, 8.2], [8.2, 12.5], [19.5, 24.0]]


def test_cuts_away_from_all_sentences_stay_free():
    places = cut_places(np.random.default_rng(0).normal(size=(30, 8)), np.arange(31.0))
    moved = move_to_sentences(places, np.array([[2.2, 6.3], [6.9, 9.8], [20.0, 24.5]]), fps=25)
    cost = moved.start_cost
    assert set(cost.tolist()) == {0.0, INSIDE_SENTENCE}
    assert np.flatnonzero(cost > 0).tolist() == [3, 4, 5, 6, 8, 9, 21, 22, 23, 24]
    assert moved.edges[7] == pytest.approx(6.6)
    assert (cost[11:20] == 0).all()
