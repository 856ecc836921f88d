"""Validation: a model's quality on videos that it was not trained on, by the measures of their data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.evaluation import MAIN_MEASURE, judge_steps_of
from summdiff.metrics.highlight_map import domain_map
from summdiff.metrics.variety import spread_and_coherence
from summdiff.research.training.recipe import Recipe
from summdiff.scoring.model import Curves, Model


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean quality of curves over videos.

    Attributes:
        main: the value of the data set's `MAIN_MEASURE`.
        values: see `judge_steps_of`; `map` is the mean over domains, with `map_<domain>` for each. Also `spread` and
            `coherence` of the samples, see `spread_and_coherence`.
    """

    main: float
    values: dict[str, float]


def validate(
    model: Model, videos: Iterable[AnnotatedVideo], recipe: Recipe, *, on_video: Callable[[], None] = lambda: None
) -> Quality:
    """Judge samples with the recipe's sampling; `on_video` is called before each video and may raise."""

    def drawn() -> Iterator[tuple[Curves, AnnotatedVideo]]:
        how = recipe.diffusion
        for video in videos:
            on_video()
            features = video.need_features()
            yield (
                model.score(features, rate=video.rate, samples=how.samples, steps=how.steps, seed=recipe.seed),
                video,
            )

    return quality((curves.mean, curves.samples, video) for curves, video in drawn())


def quality(predicted: Iterable[tuple[NDArray[np.floating], NDArray[np.floating], AnnotatedVideo]]) -> Quality:
    """Judge mean curves (N,) and the variety of samples (M, N), for at least one video."""
    rows, videos = [], []
    for mean, samples, video in predicted:
        spread, coherence = spread_and_coherence(samples)
        rows.append(judge_steps_of(video, mean) | {"spread": spread, "coherence": coherence})
        videos.append((video.kind, video.category))
    kind = videos[0][0]
    values = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    if kind == "youtube_highlights":
        by_domain = domain_map([row["map"] for row in rows], [domain for _, domain in videos])
        values |= {"map": by_domain.pop("mean")} | {f"map_{domain}": value for domain, value in by_domain.items()}
    return Quality(main=values[MAIN_MEASURE[kind]], values=values)
