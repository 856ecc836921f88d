"""How good a model's samples are on videos that it did not learn from, by what their data set is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.data.video import AnnotatedVideo, Kind
from summdiff.metrics.highlight_map import average_precision, domain_map
from summdiff.metrics.rank import kendall_tau, spearman_rho
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import curves
from summdiff.scoring.model import Curves, Model

MAIN: dict[Kind, str] = {"tvsum": "tau", "summe": "tau", "mr_hisum": "tau", "youtube_highlights": "map"}
"""The measure that `select: best` goes by."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good curves are, on average over videos.

    Attributes:
        main: the measure that the data set goes by, one of `values`.
        values: `tau` and `rho` with each annotator's curve (TVSum: scores; SumMe: what was chosen, at the steps;
            Mr.HiSum: `gtscore`; YouTube Highlights: `match`), 0 where a curve is flat. YouTube Highlights: also `map`,
            the mean over domains, and `map_<domain>`. Of samples also `spread` and `coherence`, see `variety`.
    """

    main: float
    values: dict[str, float]


def validate(
    model: Model, videos: Iterable[AnnotatedVideo], recipe: Recipe, *, on_video: Callable[[], None] = lambda: None
) -> Quality:
    """Judge samples drawn as the recipe says; `on_video` is called before each video and may raise."""

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
    """Judge mean curves (N,), and the variety of samples (M, N), of at least one video."""
    rows, videos = [], []
    for mean, samples, video in predicted:
        spread, coherence = variety(samples)
        rows.append(agreement(mean, video) | {"spread": spread, "coherence": coherence})
        videos.append((video.kind, video.category))
    kind = videos[0][0]
    values = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    if kind == "youtube_highlights":
        by_domain = domain_map([row["map"] for row in rows], [domain for _, domain in videos])
        values |= {"map": by_domain.pop("mean")} | {f"map_{domain}": value for domain, value in by_domain.items()}
    return Quality(main=values[MAIN[kind]], values=values)


def agreement(scores: ArrayLike, video: AnnotatedVideo) -> dict[str, float]:
    """One curve (N,) with what people said of the video; see `Quality`."""
    said = curves(video) if video.match is None else video.match[None]
    found = {"tau": kendall_tau(scores, said), "rho": spearman_rho(scores, said)}
    if video.match is not None:
        found = {"map": average_precision(video.match > 0, scores)} | found
    return found


def variety(curves: NDArray[np.floating]) -> tuple[float, float]:
    """Spread and coherence of curves (M, N); 0 where they are undefined.

    Spread: deviation over the samples, relative to the mean curve's own deviation over time. Coherence: how alike a
    sample's departure from the mean is at neighbouring steps (correlation): near 0 where samples differ by noise only,
    higher where each is a view of its own.
    """
    mean = curves.mean(axis=0)
    apart = curves - mean
    spread = curves.std(axis=0).mean() / max(float(mean.std()), 1e-6)
    here, there = apart[:, :-1], apart[:, 1:]
    products, sizes = (here * there).sum(), np.sqrt((here**2).sum() * (there**2).sum())
    return float(spread), float(products / sizes) if sizes > 0 else 0.0
