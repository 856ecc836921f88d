"""What sentences are worth by their words, and how that is combined with the curve of the pictures.

This is a rule, not learned: there is no annotated set of videos with speech here. A sentence counts more the more

- central it is: its mean similarity to all other sentences, by their embeddings;
- dense it is: words of four letters or more per second;
- new it is: sentences are taken one after the other, each time the one that is most central and dense and least
  similar to those taken before. Its place in this order is its score.

Words weigh as much as the video is talk: its share of speech, times how little its pictures change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from summdiff.selection import descriptors
from summdiff.transcript import Sentence, Transcript

_DENSITY, _NOVELTY = 0.15, 0.5  # weights beside that of centrality; similarities are in units of their deviation
_LONG_WORD = 4  # letters
_ALL_SPEECH = 0.8  # share of speech from which on a video is all talk
_MOVING = 0.4  # mean change of the features from step to step from which on the pictures alone decide
_MATCH_BOOST = 20.0  # standard deviations that the best match gains: whatever matches comes before all else


def sentence_scores(embeddings: NDArray[np.float32], sentences: Sequence[Sentence]) -> NDArray[np.float64]:
    """Return the scores of sentences (K,), with mean 0 and deviation 1 over their seconds, from embeddings (K, D)."""
    seconds = np.array([max(sentence.end - sentence.start, 0.1) for sentence in sentences])
    n = len(seconds)
    if n < 2:
        return np.zeros(n)
    similarity = np.asarray(embeddings @ embeddings.T, dtype=np.float64)
    others = np.maximum(similarity, 0.0)
    np.fill_diagonal(others, 0.0)
    central = others @ seconds / (seconds.sum() - seconds)
    dense = np.array([sum(len(word.text) >= _LONG_WORD for word in sentence.words) for sentence in sentences]) / seconds
    worth = _standardized(central, seconds) + _DENSITY * _standardized(dense, seconds)
    unit = max(float(similarity[np.triu_indices(n, 1)].std()), 1e-6)
    shown = np.zeros(n)  # greatest similarity to a sentence taken before
    place = np.empty(n)
    left = np.ones(n, dtype=np.bool_)
    for k in range(n):
        best = int(np.argmax(np.where(left, worth - _NOVELTY * shown / unit, -np.inf)))
        place[best], left[best] = k, False
        np.maximum(shown, similarity[best], out=shown)
    return _standardized(-np.log((place + 0.5) / n), seconds)


def words_weight(transcript: Transcript, features: NDArray[np.float16], duration: float) -> float:
    """Return the weight of the words in [0, 1]: how much of a video is speech, times how little its pictures change.

    Args:
        transcript: gives the seconds of speech.
        features: (N, D), one row per step.
        duration: seconds of the video.
    """
    unit = features.astype(np.float32)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-6)
    change = float((1 - np.einsum("nd,nd->n", unit[1:], unit[:-1])).mean()) if len(unit) > 1 else 0.0
    speech = sum(sentence.end - sentence.start for sentence in transcript.sentences) / duration
    return min(1.0, speech / _ALL_SPEECH) * max(0.0, 1 - change / _MOVING)


def at_steps(values: NDArray[np.floating], transcript: Transcript, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of sentences (K, …) at the steps between edges (N + 1,): (N, …), 0 where nobody speaks.

    A step has the value of the sentence that takes most of it.
    """
    found = np.zeros((len(edges) - 1, *values.shape[1:]))
    taken = np.zeros(len(edges) - 1)
    for sentence, value in zip(transcript.sentences, values, strict=True):
        first = max(int(np.searchsorted(edges, sentence.start, side="right")) - 1, 0)
        last = int(np.searchsorted(edges, sentence.end))
        overlap = np.minimum(edges[first + 1 : last + 1], sentence.end) - np.maximum(edges[first:last], sentence.start)
        most = np.flatnonzero(overlap > taken[first:last]) + first
        found[most], taken[most] = value, overlap[most - first]
    return found


def combined(
    mean: NDArray[np.floating], words: NDArray[np.float64], match: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """Return the curve of pictures and words (N,) in [0, 1].

    Args:
        mean: (N,) the curve of the pictures, in [0, 1].
        words: (N,) scores of the words at the steps, in standard deviations.
        match: (N,) in [0, 1], how well each step matches what was asked for.
        weight: of the words, in [0, 1].
    """
    both = (1 - weight) * _standardized(mean, np.ones(len(mean))) + weight * words + _MATCH_BOOST * match
    span = np.ptp(both)
    lowest, highest = (float(mean.min()), float(mean.max())) if np.ptp(mean) > 1e-3 else (0.2, 0.8)
    return np.asarray(lowest + (highest - lowest) * (both - both.min()) / span if span > 0 else mean, dtype=np.float64)


def looks_with_words(looks: NDArray[np.int8], embeddings: NDArray[np.float64], weight: float) -> NDArray[np.int8]:
    """Return descriptors (N, K') of what steps show and say, whose products mix both similarities by the weight.

    Args:
        looks: (N, K) descriptors of the pictures.
        embeddings: (N, D) of the sentence at each step; zeros where nobody speaks.
        weight: of the words, in [0, 1].
    """
    said = descriptors(embeddings).astype(np.float64) * np.any(embeddings != 0, axis=1, keepdims=True)
    both = np.concatenate([np.sqrt(1 - weight) * looks, np.sqrt(weight) * said], axis=1)
    return np.asarray(np.round(both), dtype=np.int8)


def with_scores(
    transcript: Transcript, scores: NDArray[np.float64] | None, matches: NDArray[np.float64] | None
) -> Transcript:
    """Return the transcript with scores and matches of its sentences, where they are known."""
    rows = [None if values is None else values.tolist() for values in (scores, matches)]
    return replace(
        transcript,
        sentences=tuple(
            replace(
                sentence,
                score=None if rows[0] is None else round(rows[0][k], 4),
                match=None if rows[1] is None else round(rows[1][k], 4),
            )
            for k, sentence in enumerate(transcript.sentences)
        ),
    )


def _standardized(values: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    mean = np.average(values, weights=weights)
    deviation = np.sqrt(np.average((values - mean) ** 2, weights=weights))
    return np.asarray((values - mean) / deviation if deviation > 1e-6 else np.zeros(len(values)), dtype=np.float64)
