"""Training targets: the clean score curves of a video, from its annotators or its ground truth."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from summdiff.data.datasets import KINDS
from summdiff.data.video import AnnotatedVideo
from summdiff.metrics.rank import average_ranks
from summdiff.metrics.segments import ConventionName, summary_from_scores
from summdiff.research.training.recipe_sections import TargetRecipe

SINGLE_CURVE_KINDS = frozenset({"mr_hisum", "youtube_highlights"})  # data sets without individual annotators


def target_curves(video: AnnotatedVideo, recipe: TargetRecipe) -> NDArray[np.float32]:
    """Return the annotators' curves (U, N) in [0, 1], scaled and smoothed; U is 1 for `gtscore` and `keyshots`.

    Raises:
        DataError: key shots of a video without segments.
    """
    single = recipe.people in ("gtscore", "keyshots")
    curves = video.gtscore[None].astype(np.float32) if single else video.annotator_curves()
    if recipe.scale == "minmax":
        curves = min_max_scaled(curves)
    if recipe.people == "keyshots":
        return keyshots(video, curves[0])[None]
    if recipe.scale == "ranks":
        curves = ranks(curves)
    if recipe.smooth_seconds > 0:
        curves = smooth(curves, recipe.smooth_seconds * video.rate)
    return curves


def draw_targets(
    curves: NDArray[np.float32], recipe: TargetRecipe, *, annotator: int | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw the curves (K, N) of one item; the first `count_noised` of them are noised.

    Args:
        curves: (U, N) of all annotators, or a window of them.
        recipe: the recipe's section.
        annotator: index of the item's annotator; None if an item is a video.
        rng: for the members of panels.
    """
    if annotator is not None:
        drawn = curves[annotator : annotator + 1]
        if recipe.expected:
            drawn = np.concatenate([drawn, panels(curves, size=1, count=recipe.panels_per_video - 1, rng=rng)])
    elif recipe.people == "panels" and len(curves) > 1:
        drawn = panels(curves, size=recipe.panel, count=recipe.panels_per_video, rng=rng)
    else:
        count = recipe.panels_per_video if recipe.people == "panels" else count_noised(recipe)
        drawn = np.repeat(curves.mean(axis=0, keepdims=True), count, axis=0)
    return drawn if recipe.clip is None else drawn.clip(*recipe.clip)


def count_noised(recipe: TargetRecipe) -> int:
    """Return S, the number of noised curves per item."""
    if recipe.people == "each":
        return 1
    if recipe.people == "panels":
        return min(recipe.curves_per_video, recipe.panels_per_video)
    return recipe.curves_per_video


def for_single_curves(recipe: TargetRecipe) -> TargetRecipe:
    """Adapt the section to a data set with one curve per video."""
    if recipe.people in ("gtscore", "keyshots"):
        return recipe
    return recipe.model_copy(update={"people": "mean", "expected": False})


def ranks(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Convert each annotator's scores (U, N) to ranks in (0, 1); ties share their mean rank.

    Ranks remove differences in the annotators' use of the scale from 1 to 5. The mean of the ranks is the curve with
    the highest mean Spearman's rho with the annotators.
    """
    result: NDArray[np.float32] = ((average_ranks(scores) - 0.5) / scores.shape[1]).astype(np.float32)
    return result


def min_max_scaled(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row (U, N) to [0, 1]; a constant row becomes 0."""
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    result: NDArray[np.float32] = ((scores - low) / np.where(high > low, high - low, 1)).astype(np.float32)
    return result


def keyshots(video: AnnotatedVideo, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N,): 1 at the steps of the 15% summary selected by scores (N,), else 0."""
    convention = cast(ConventionName, KINDS[video.kind].convention)
    change_points = video.need_change_points()
    summary = summary_from_scores(scores, video.picks, video.n_frames, change_points, convention=convention)
    return summary[video.picks].astype(np.float32)


def panels(curves: NDArray[np.float32], *, size: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the means (count, N) of random panels of `size` different annotators, or of all if there are fewer."""
    members = rng.permuted(np.tile(np.arange(len(curves)), (count, 1)), axis=1)[:, :size]
    means: NDArray[np.float32] = curves[members].mean(axis=1)
    return means


def smooth(values: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Convolve each row (U, N) with a Gaussian; its deviation is in steps. At the ends it is cut and renormalized."""
    radius = max(1, int(np.ceil(4 * deviation)))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    inside = np.convolve(np.ones(values.shape[1]), kernel)[radius:-radius]
    return np.stack([np.convolve(row, kernel)[radius:-radius] / inside for row in values]).astype(np.float32)
