from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.stats import rankdata

from summdiff.data.datasets import open_dataset
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError
from summdiff.research.training.recipe_sections import TargetRecipe
from summdiff.research.training.targets import (
    count_noised,
    draw_targets,
    for_single_curves,
    panels,
    ranks,
    smooth,
    target_curves,
)

RNG = np.random.default_rng


@pytest.fixture
def video(data_file):
    return open_dataset(data_file, "tvsum")["video_5"]


def test_ranks_are_computed_for_each_annotator(video):
    n = video.user_scores.shape[1]
    found = ranks(video.user_scores)
    assert np.allclose(found, (rankdata(video.user_scores, axis=1) - 0.5) / n, atol=1e-6)
    assert (found > 0).all()
    assert (found < 1).all()


def test_panels_are_means_of_different_annotators(video):
    own = ranks(video.user_scores)
    pairs = panels(own, size=2, count=200, rng=RNG(0))
    expected = {tuple(((own[i] + own[j]) / 2).round(5)) for i in range(5) for j in range(i)}
    assert {tuple(curve.round(5)) for curve in pairs} == expected
    for size in (5, 9):
        assert np.allclose(panels(own, size=size, count=3, rng=RNG(0)), own.mean(axis=0), atol=1e-6)


def test_annotated_scores_and_their_mean_are_targets(video):
    how = TargetRecipe(scale="scores", people="mean", curves_per_video=3)
    every = target_curves(video, how)
    assert np.allclose(every, (video.user_scores - 1) / 4)
    drawn = draw_targets(every, how, annotator=None, rng=RNG(0))
    assert np.allclose(drawn, np.tile(video.gtscore, (3, 1)), atol=1e-6)
    assert count_noised(how) == 3


def test_each_annotator_is_an_item(video):
    every = target_curves(video, TargetRecipe(people="each"))
    alone = TargetRecipe(people="each", expected=False, clip=(0.2, 0.8))
    for annotator in range(5):
        found = draw_targets(every, alone, annotator=annotator, rng=RNG(0))
        assert np.array_equal(found, every[[annotator]].clip(0.2, 0.8))
    among = draw_targets(every, TargetRecipe(people="each", panels_per_video=6), annotator=2, rng=RNG(0))
    assert np.array_equal(among[0], every[2])
    assert {tuple(row) for row in among[1:]} <= {tuple(row) for row in every}
    assert among.shape == (6, every.shape[1])
    assert count_noised(alone) == 1


def test_every_noised_curve_is_drawn(video):
    how = TargetRecipe(panels_per_video=2, curves_per_video=7)
    assert count_noised(how) == len(draw_targets(target_curves(video, how), how, annotator=None, rng=RNG(0))) == 2


@given(st.integers(1, 60), st.floats(0.2, 8), st.integers(0, 10**6))
def test_smoothing_averages_neighboring_steps(n, deviation, seed):
    values = RNG(seed).random((3, n)).astype(np.float32)
    found = smooth(values, deviation)
    assert found.shape == values.shape
    ones = gaussian_filter1d(np.ones(n), deviation, mode="constant", truncate=4 + 1 / deviation)
    known = gaussian_filter1d(values.astype(float), deviation, mode="constant", truncate=4 + 1 / deviation) / ones
    assert np.allclose(found, known, atol=2e-3)
    assert np.allclose(smooth(np.full((1, n), 0.3, np.float32), deviation), 0.3, atol=1e-6)


def test_every_data_set_gives_curves_from_0_to_1(any_file):
    kind, path = any_file
    data = open_dataset(path, kind)
    for name in data.names:
        video = data.annotations(name)
        found = video.annotator_curves()
        people = {"tvsum": 20, "summe": 15}.get(kind, 1)
        assert found.shape == (people, len(video.picks))
        assert found.min() >= 0
        assert found.max() <= 1
        assert np.allclose(found.mean(axis=0), video.gtscore, atol=1e-6)
    assert for_single_curves(TargetRecipe(people="each")).people == "mean"


def test_minmax_scales_each_curve_from_0_to_1(video):
    """A constant curve becomes 0; each annotator has a range of their own."""
    found = target_curves(video, TargetRecipe(people="gtscore", scale="minmax"))
    low, high = video.gtscore.min(), video.gtscore.max()
    assert found.shape == (1, len(video.gtscore))
    assert np.allclose(found[0], (video.gtscore - low) / (high - low), atol=1e-6)
    as_it_is = target_curves(video, TargetRecipe(people="gtscore", scale="scores"))
    assert np.array_equal(as_it_is[0], video.gtscore)
    flat = replace(video, gtscore=np.full_like(video.gtscore, 0.4))
    assert not target_curves(flat, TargetRecipe(people="gtscore", scale="minmax")).any()
    each = target_curves(video, TargetRecipe(people="each", scale="minmax"))
    assert (each.min(axis=1) == 0).all()
    assert (each.max(axis=1) == 1).all()


def test_keyshots_fill_the_budget_best():
    """Against all subsets of six shots of different lengths: 1 at the steps of the best that fits in 15%."""
    rng = RNG(3)
    lengths = np.array([5, 3, 8, 2, 14, 9, 20, 4, 11, 6])
    ends = np.cumsum(lengths) * 15
    change_points = np.stack([np.r_[0, ends[:-1]], ends - 1], axis=1)
    steps = int(lengths.sum())
    scores = rng.random(steps).astype(np.float32)
    video = AnnotatedVideo(
        name="made",
        kind="tvsum",
        features=None,
        gtscore=scores,
        picks=np.arange(steps) * 15,
        n_frames=steps * 15,
        fps=30.0,
        change_points=change_points,
    )
    how = TargetRecipe(people="keyshots", scale="scores")
    found = target_curves(video, how)
    shot_of = np.repeat(np.arange(len(lengths)), lengths)
    worth = np.array([scores[shot_of == shot].mean() for shot in range(len(lengths))])
    best, chosen = -1.0, ()
    for count in range(len(lengths) + 1):
        for shots in combinations(range(len(lengths)), count):
            if lengths[list(shots)].sum() * 15 <= int(0.15 * steps * 15) and worth[list(shots)].sum() > best:
                best, chosen = worth[list(shots)].sum(), shots
    assert len(chosen) > 1
    assert found.dtype == np.float32
    assert np.array_equal(found[0], np.isin(shot_of, chosen).astype(np.float32))
    assert np.array_equal(draw_targets(found, how, annotator=None, rng=RNG(0))[0], found[0])
    with pytest.raises(DataError, match="made"):
        target_curves(replace(video, change_points=None), how)
