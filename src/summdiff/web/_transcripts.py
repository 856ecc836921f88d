"""JSON of what is said in a video, and where to cut around each of its sentences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from summdiff.selection import INSIDE_SENTENCE
from summdiff.summary import Summary
from summdiff.summary_json import transcript_document
from summdiff.transcript import Sentence
from summdiff.web._edits import Span
from summdiff.words.embeddings import embeddings_installed

_SLACK_SECONDS = 0.5  # that the times of a sentence may be off
_LONG_PAUSE_SECONDS = 2.0  # in a longer one, sentences before and after are cut apart from each other
_MARGIN_SECONDS = 0.5  # of a sentence beside a long pause
_SHORTEST_SECONDS = 0.1  # of a span


class SentenceView(BaseModel):
    """A sentence that is said in a video."""

    start: float
    end: float
    text: str = Field(description="words separated by single spaces")
    times: list[float] = Field(description="start and end of each word")
    score: float | None = Field(description="in standard deviations from the mean sentence")
    match: float | None = Field(description="with what was asked for, in [0, 1]")
    cut: Span = Field(description="what to keep or to leave out for this sentence, from pause to pause")


class TranscriptView(BaseModel):
    """Transcript of a video."""

    source: str = Field(description="subtitles, the name of a text file, or a speech engine; empty if nothing is known")
    language: str
    confidence: float | None
    sentences: list[SentenceView]
    asks: bool = Field(description="whether versions can be asked to be `about` something")


def view_transcript(summary: Summary) -> TranscriptView:
    """Convert what is said to JSON."""
    asks = embeddings_installed()
    if summary.transcript is None:
        return TranscriptView(source="", language="", confidence=None, sentences=[], asks=asks)
    document = transcript_document(summary.transcript)
    spans = sentence_spans(summary.transcript.sentences, _free_edges(summary), summary.video.duration)
    document["sentences"] = [
        {**sentence, "cut": span} for sentence, span in zip(document["sentences"], spans, strict=True)
    ]
    return TranscriptView(**document, asks=asks)


def sentence_spans(
    sentences: tuple[Sentence, ...], free_edges: NDArray[np.float64], duration: float
) -> list[tuple[float, float]]:
    """Return what to show of a video to show each sentence: (start, end) in seconds, from pause to pause.

    Neighbors share the cut in a short pause between them. Where no free edge is near, the cut is halfway.

    Args:
        sentences: in order.
        free_edges: (E,) seconds, ascending: where a part may start and end, inside no sentence.
        duration: seconds of the video.
    """

    def cut(at: float, low: float, high: float) -> float:
        near = free_edges[(free_edges >= low) & (free_edges <= high)]
        found = float(near[np.abs(near - at).argmin()]) if len(near) else at
        return round(min(max(found, 0.0), duration), 3)

    def after(end: float) -> float:
        return cut(end + _MARGIN_SECONDS, end - _SLACK_SECONDS, end + _LONG_PAUSE_SECONDS / 2)

    def before(start: float) -> float:
        return cut(start - _MARGIN_SECONDS, start - _LONG_PAUSE_SECONDS / 2, start + _SLACK_SECONDS)

    if not sentences:
        return []
    starts, ends = [before(sentences[0].start)], []
    for sentence, following in pairwise(sentences):
        end, start = sentence.end, following.start
        if start - end > _LONG_PAUSE_SECONDS:
            ends.append(after(end))
            starts.append(before(start))
        else:
            shared = cut((end + start) / 2, min(end, start) - _SLACK_SECONDS, max(end, start) + _SLACK_SECONDS)
            ends.append(shared)
            starts.append(shared)
    ends.append(after(sentences[-1].end))
    return [
        (start, end) if end - start >= _SHORTEST_SECONDS else (sentence.start, sentence.end)
        for sentence, start, end in zip(sentences, starts, ends, strict=True)
    ]


def _free_edges(summary: Summary) -> NDArray[np.float64]:
    """Return the seconds at which parts of a summary may start and end without cutting a sentence."""
    if summary.places is None:
        return np.zeros(0)
    costs = np.maximum(summary.places.start_cost, summary.places.end_cost)
    return np.asarray(summary.places.edges)[costs < INSIDE_SENTENCE]
