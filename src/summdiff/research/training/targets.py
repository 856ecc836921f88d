"""What clean scores a video gives to learn from: curves of its annotators, alone, in panels or as one."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from summdiff.data.registry import KINDS
from summdiff.data.video import AnnotatedVideo
from summdiff.metrics.rank import average_ranks
from summdiff.metrics.segments import ConventionName, summary_from_scores
from summdiff.research.training.recipe import TargetRecipe

ONE_CURVE = frozenset({"mr_hisum", "youtube_highlights"})  # kinds without single annotators


def targets(video: AnnotatedVideo, how: TargetRecipe) -> NDArray[np.float32]:
    """The annotators' curves (U, N) in [0, 1] as the recipe wants them; of `gtscore` and `keyshots` there is one.

    Raises:
        DataError: key-shots of a video without segments.
    """
    one = how.people in ("gtscore", "keyshots")
    wanted = video.gtscore[None].astype(np.float32) if one else video.annotator_curves()
    if how.scale == "minmax":
        wanted = stretched(wanted)
    if how.people == "keyshots":
        return keyshots(video, wanted[0])[None]
    if how.scale == "ranks":
        wanted = ranks(wanted)
    if how.smooth_seconds > 0:
        wanted = smooth(wanted, how.smooth_seconds * video.rate)
    return wanted


def draw(
    wanted: NDArray[np.float32], how: TargetRecipe, *, annotator: int | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The curves (K, N) of one item, those that are noised first (`count_noised` of them).

    Args:
        wanted: (U, N) the annotators' curves, or a window of them.
        how: the recipe's section.
        annotator: whose item it is; None where an item is a video.
        rng: for panels, and for the others that an annotator is weighed against.
    """
    if annotator is not None:
        drawn = wanted[annotator : annotator + 1]
        if how.expected:
            drawn = np.concatenate([drawn, panels(wanted, size=1, count=how.panels_per_video - 1, rng=rng)])
    elif how.people == "panels" and len(wanted) > 1:
        drawn = panels(wanted, size=how.panel, count=how.panels_per_video, rng=rng)
    else:
        count = how.panels_per_video if how.people == "panels" else count_noised(how)
        drawn = np.repeat(wanted.mean(axis=0, keepdims=True), count, axis=0)
    return drawn if how.clip is None else drawn.clip(*how.clip)


def count_noised(how: TargetRecipe) -> int:
    """S, how many curves of an item are noised."""
    if how.people == "each":
        return 1
    return min(how.curves_per_video, how.panels_per_video) if how.people == "panels" else how.curves_per_video


def one_curve(how: TargetRecipe) -> TargetRecipe:
    """The same for a data set with one curve a video: whatever people it asks for, they are that curve."""
    if how.people in ("gtscore", "keyshots"):
        return how
    return how.model_copy(update={"people": "mean", "expected": False})


def ranks(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Each annotator's scores (users, N) as ranks in (0, 1), ties sharing theirs.

    Annotators use the scale from 1 to 5 very differently, which ranks undo. Their mean is also what agrees best with
    all annotators in Spearman's rho.
    """
    found: NDArray[np.float32] = ((average_ranks(scores) - 0.5) / scores.shape[1]).astype(np.float32)
    return found


def stretched(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row (U, N) from 0 to 1, a flat one at 0."""
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    found: NDArray[np.float32] = ((scores - low) / np.where(high > low, high - low, 1)).astype(np.float32)
    return found


def keyshots(video: AnnotatedVideo, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) 1 at the steps that lie in the summary that scores (N,) give under a budget of 15 %, else 0."""
    rule = cast(ConventionName, KINDS[video.kind].convention)
    change_points = video.need_change_points()
    summary = summary_from_scores(scores, video.picks, video.n_frames, change_points, convention=rule)
    return summary[video.picks].astype(np.float32)


def panels(user_ranks: NDArray[np.float32], *, size: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Means of `count` random panels of `size` different annotators (all, if there are fewer), (count, N)."""
    members = rng.permuted(np.tile(np.arange(len(user_ranks)), (count, 1)), axis=1)[:, :size]
    means: NDArray[np.float32] = user_ranks[members].mean(axis=1)
    return means


def smooth(values: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Each row (U, N) convolved with a Gaussian of so many steps; at the ends with what of it lies inside."""
    reach = max(1, int(np.ceil(4 * deviation)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    inside = np.convolve(np.ones(values.shape[1]), kernel)[reach:-reach]
    return np.stack([np.convolve(row, kernel)[reach:-reach] / inside for row in values]).astype(np.float32)
