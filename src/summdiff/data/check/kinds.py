"""What has to be looked at in a video of each data set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from summdiff.data.check.look import Look
from summdiff.data.h5 import VideoGroup
from summdiff.data.mr_hisum import half_open, segment_ends
from summdiff.data.video import DatasetKind
from summdiff.metrics.segments import ConventionName, Segments

_BUDGET = 0.15
# A stored summary counts as a best knapsack if no more than this share of the best value is missing: annotators scored
# frames, files have steps, so that segments' means differ a little and equally good choices are frequent. TVSum's shots
# of two seconds seen at every 15th frame cost up to 4.5 %.
_AS_GOOD = 0.05


def look_at_eccv16(look: Look, *, features: bool, summe: bool) -> None:
    """TVSum, which must have features, and SumMe, which must have segments and summaries."""
    group, found = look.group, look.found
    n_frames = look.get(group.n_frames)
    found.frames = n_frames or 0
    own_grid = summe and not look.get(lambda: "features" in group)
    key = "features_dino" if own_grid else "features"
    rows = None
    if not summe or look.get(lambda: key in group):
        rows = look.features(key, values=features)
    picks = None if n_frames is None else look.get(lambda: group.picks(n_frames, n=None if own_grid else rows))
    if own_grid and rows is not None and n_frames is not None:
        look.get(lambda: group.picks(n_frames, key="features_dino_picks", n=rows))
    n = None if picks is None else len(picks)
    found.steps = n or 0
    look.count("n_steps", n, "picks")
    look.rate(n_frames)
    gtscore = look.share("gtscore", n)
    gtsummary = look.optional("gtsummary", lambda: group.binary("gtsummary", ndim=1, n=n))
    user_scores = look.optional("user_scores", lambda: group.array("user_scores", ndim=2, n=n))
    if user_scores is not None and (user_scores.min() < 1 or user_scores.max() > 5):
        look.wrong("user_scores", f"goes from {user_scores.min():g} to {user_scores.max():g} where 1 to 5 is expected")
    users = None
    if n_frames is not None and (summe or look.get(lambda: "user_summary" in group)):
        users = look.get(lambda: _user_summary(group, n_frames, summe=summe))
    rated = user_scores if user_scores is not None else users
    found.annotators = None if rated is None else len(rated)
    if user_scores is not None and users is not None and len(user_scores) != len(users):
        look.wrong("user_summary", f"has {len(users)} annotators but 'user_scores' has {len(user_scores)}")
        users = None
    segments = None
    if n_frames is not None and (summe or look.get(lambda: "change_points" in group)):
        segments = look.inclusive_segments(n_frames)

    if picks is None:
        return
    if gtscore is not None and user_scores is not None:
        mean = (user_scores.mean(axis=0, dtype=np.float64) - 1) / 4
        look.rule("gtscore is (mean annotator - 1) / 4", np.allclose(gtscore, mean, atol=1e-4))
    elif summe and gtscore is not None and users is not None:
        look.rule(
            "gtscore is the share of annotators who chose the frame",
            np.allclose(gtscore, users[:, picks].mean(axis=0), atol=1e-4),
        )
    if segments is None or n_frames is None:
        return
    cut = Segments.of(picks, n_frames, segments, _BUDGET, "eccv16")
    if users is not None and user_scores is not None:
        kept, exactly = _best_choices(cut, user_scores, cut.counts(users))
        look.rule("user_summary is a best knapsack of each annotator's scores", kept, exactly)
    if gtsummary is not None and (gtscore is not None or user_scores is not None):
        # From the mean on the annotators' own scale: the 1 that (mean - 1) / 4 takes away decides between segments.
        if user_scores is not None:
            scores = user_scores.mean(axis=0, dtype=np.float64)
            text = "gtsummary is a best knapsack of the mean annotator, at the steps"
        else:
            scores = cast(NDArray[Any], gtscore).astype(np.float64)
            text = "gtsummary is a best knapsack of gtscore, at the steps"
        segment = np.searchsorted(cut.starts, picks, side="right") - 1
        shown = np.bincount(segment, minlength=len(cut.starts))
        share = np.bincount(segment, gtsummary, len(cut.starts)) / np.maximum(shown, 1)
        share = np.where(shown > 0, share, cut.choose(scores))  # no step falls into it: nothing to compare
        look.rule(text, *_best_choices(cut, scores[None], share[None] * cut.weights))


def look_at_mr_hisum(look: Look, *, features: bool) -> None:
    group, found = look.group, look.found
    gtscore = look.share("gtscore", None)
    n = None if gtscore is None else len(gtscore)
    found.steps = found.frames = n or 0
    found.seconds = n
    rows = look.optional("features", lambda: look.features("features", values=features))
    if rows is not None and n is not None and rows != n:
        look.wrong("features", f"has {rows} rows where {n} are expected, one a second")
    key = "gt_summary" if look.get(lambda: "gt_summary" in group) else "gtsummary"
    summary = look.get(lambda: group.binary(key, ndim=1, n=n))
    found.annotators = 1
    segments = look.get(lambda: group.integers("change_points", ndim=2, n=2))
    if segments is None or n is None or gtscore is None:
        return
    found.ends = segment_ends(segments, n)
    if found.ends is None:
        look.wrong("change_points", f"does not cut seconds 0 to {n} into contiguous segments")
        return
    if summary is None:
        return
    segments = half_open(segments, found.ends)
    conventions: tuple[ConventionName, ...] = ("mr_hisum", "half_open")
    for convention in conventions:
        cut = Segments.of(np.arange(n), n, segments, _BUDGET, convention)
        made = cut.summary(cut.choose(gtscore))
        exactly = bool(np.array_equal(made, summary))
        kept = exactly or (
            not summary[cut.ends[-1] :].any()
            and _best_choices(cut, gtscore[None], cut.counts(summary[None]), missing=1e-6)[0]
        )
        look.rule(f"gt_summary is a best knapsack of gtscore by the convention {convention}", kept, exactly)


def look_at_youtube_highlights(look: Look, *, features: bool) -> None:
    group, found = look.group, look.found
    match = look.get(lambda: group.integers("match", ndim=1))
    n = None if match is None else len(match)
    found.steps = n or 0
    if match is not None and np.abs(match).max() > 1:
        look.wrong("match", "has values other than -1, 0 and 1")
    n_frames = look.get(group.n_frames)
    found.frames = n_frames or 0
    picks = None if n_frames is None else look.get(lambda: group.picks(n_frames, n=n))
    clips = look.get(lambda: group.array("clips", ndim=2, n=2, rows=n))
    if clips is not None and (clips[:, 1] < clips[:, 0]).any():
        look.wrong("clips", "has clips that end before they start")
    rows = look.features("features", values=features)
    if rows is not None and n is not None and rows != n:
        look.wrong("features", f"has {rows} rows where {n} are expected")
    look.count("n_steps", n, "match")
    look.rate(n_frames)
    gtscore = look.optional("gtscore", lambda: look.share("gtscore", n))
    if gtscore is not None and match is not None:
        look.rule("gtscore is (match + 1) / 2", np.allclose(gtscore, (match + 1) / 2))
    if clips is not None and picks is not None and len(clips) == len(picks):
        look.rule("picks are the first frames of the clips", np.array_equal(clips[:, 0], picks))


LOOKS: dict[DatasetKind, Callable[..., None]] = {
    "tvsum": partial(look_at_eccv16, summe=False),
    "summe": partial(look_at_eccv16, summe=True),
    "mr_hisum": look_at_mr_hisum,
    "youtube_highlights": look_at_youtube_highlights,
}


def _user_summary(group: VideoGroup, n_frames: int, *, summe: bool) -> NDArray[np.uint8]:
    """Annotators' summaries; SumMe's are numbers of segments in the original, where any but 0 is a chosen frame."""
    if not summe:
        return group.binary("user_summary", ndim=2, n=n_frames)
    stored = group.integers("user_summary", ndim=2, n=n_frames)
    if stored.min() < 0:
        raise group.wrong("user_summary", "has values below 0")
    return (stored > 0).astype(np.uint8)


def _best_choices(
    cut: Segments, scores: NDArray[Any], counts: NDArray[Any], *, missing: float = _AS_GOOD
) -> tuple[bool, bool]:
    """Whether the frames that summaries (U, …) have in each segment, `counts` (U, S), are knapsacks of scores (U, N).

    Returns:
        Whether all are of whole segments, within the capacity and worth almost as much as the best; and whether all are
        the very choice of our knapsack.
    """
    lengths = cut.ends - cut.starts
    stored = counts > 0
    best = cut.choose(scores)
    exactly = bool((best == stored).all())
    whole = np.isclose(counts, stored * lengths).all()
    fits = ((stored * cut.weights).sum(axis=1) <= cut.capacity).all()
    values = cut.values(scores)
    worth, most = (values * stored).sum(axis=1), (values * best).sum(axis=1)
    return bool(exactly or (whole and fits and (worth >= most * (1 - missing) - 1e-9).all())), exactly
