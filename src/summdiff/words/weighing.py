"""How the words of a video, and what was asked for, change its curve."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from summdiff.transcript import Transcript
from summdiff.video import stills
from summdiff.words._clip import PictureTextModel
from summdiff.words.about import matches, unmatched
from summdiff.words.embeddings import embed, embeddings_installed
from summdiff.words.score import at_steps, combined, looks_with_words, sentence_scores, with_scores, words_weight


@dataclass(frozen=True, eq=False)
class WeighedWords:
    """What the words of a video add to its N steps.

    Attributes:
        transcript: with the scores and matches of its sentences; None if there are no words.
        weight: of the words beside the pictures, in [0, 1].
        score: (N,) scores of the words, in standard deviations.
        match: (N,) in [0, 1], how well each step matches what was asked for.
        said: (N, D) embedding of the sentence at each step, zeros where nobody speaks; None without embeddings.
        warnings: sentences for the user.
    """

    transcript: Transcript | None
    weight: float
    score: NDArray[np.float64]
    match: NDArray[np.float64]
    said: NDArray[np.float64] | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def changes_nothing(self) -> bool:
        return self.weight == 0 and not self.match.any()

    def curve(self, mean: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the curve of pictures and words (N,) in [0, 1], from that of the pictures."""
        return np.asarray(mean) if self.changes_nothing else combined(mean, self.score, self.match, self.weight)

    def looks(self, looks: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return descriptors of what the steps show and say, from those of what they show (N, K)."""
        if self.said is None or self.weight == 0:
            return looks
        return looks_with_words(looks, self.said, self.weight)


def weigh_words(
    transcript: Transcript | None,
    edges: NDArray[np.float64],
    features: NDArray[np.float16],
    *,
    about: Sequence[str] = (),
    pictures: NDArray[np.float64] | None = None,
) -> WeighedWords:
    """Score the sentences of a video, and match them with what was asked for.

    Args:
        transcript: what is said; None if that is unknown.
        edges: (N + 1,) seconds, between and around the steps.
        features: (N, D) of the pictures.
        about: what was asked for.
        pictures: (Q, N) matches of the pictures with each of these, in [0, 1]; None where no model gives them.

    Raises:
        ModelError: the model of the words' meaning is damaged.
    """
    n = len(edges) - 1
    known = transcript if transcript is not None and transcript.sentences and embeddings_installed() else None
    found = [] if pictures is None else [pictures]
    match = np.zeros(n) if pictures is None or not len(about) else pictures.max(axis=0)
    if known is None:
        silent = about and pictures is None
        warnings = ("Nothing is known of what is said in this video, so nothing was found for --about.",) * bool(silent)
        warnings += _unmatched(about, found) if found else ()
        return WeighedWords(transcript, 0.0, np.zeros(n), match, warnings=warnings)
    vectors = embed([sentence.text for sentence in known.sentences])
    scores = sentence_scores(vectors, known.sentences)
    of_sentences = None
    if about:
        rows = matches(embed(about), vectors)
        found.append(rows)
        of_sentences = rows.max(axis=0)
        match = np.maximum(match, at_steps(of_sentences, known, edges))
    return WeighedWords(
        transcript=with_scores(known, scores, of_sentences),
        weight=words_weight(known, features, float(edges[-1])),
        score=at_steps(scores, known, edges),
        match=match,
        said=at_steps(vectors, known, edges),
        warnings=_unmatched(about, found),
    )


def match_pictures(
    path: str | os.PathLike[str], times: NDArray[np.float64], about: Sequence[str], model: str | None
) -> NDArray[np.float64] | None:
    """Return how well the pictures at N times match what was asked for: (Q, N) in [0, 1]; None without a model.

    Args:
        path: a local video file, which is decoded again.
        times: (N,) seconds, ascending.
        about: what was asked for.
        model: folder of a CLIP model, see `summdiff.words._clip`.

    Raises:
        ModelError: the model cannot be read.
        VideoError: the video cannot be read.
    """
    if model is None or not about:
        return None
    clip = PictureTextModel(model)
    pictures = clip.embed_pictures(stills(path, times.tolist(), short_side=clip.side))
    # The cosines of pictures and texts are small, and tell only which pictures match better than others.
    return matches(clip.embed_texts(about), pictures, least=-1.0)


def _unmatched(about: Sequence[str], found: Sequence[NDArray[np.float64]]) -> tuple[str, ...]:
    return tuple(f"Nothing in this video matches “{query}”." for query in unmatched(about, found))
