import numpy as np
import pytest
from scipy.stats import rankdata

from summdiff.data.tvsum import TVSum
from summdiff.features.relational import describe
from summdiff.training.recipe import read_recipe
from summdiff.training.views import change_metric, crop, panels, ranks, views


@pytest.fixture
def video(data_file):
    return TVSum(data_file)["video_5"]


def test_the_first_view_is_the_video(video, recipe_file):
    recipe = read_recipe(recipe_file, ["augmentation.views=6"])
    made = views(video, recipe, np.random.default_rng(0))
    assert len(made) == 6
    assert np.array_equal(made[0].inputs, describe(video.features, rate=video.rate))
    assert np.array_equal(made[0].targets, ranks(video.user_scores))
    assert any(not np.array_equal(view.inputs, made[0].inputs) for view in made[1:])
    for view in made:
        assert view.targets.shape == (5, len(view.inputs))
        assert np.isfinite(view.inputs).all()


def test_ranks_are_each_annotators_own(video):
    n = video.user_scores.shape[1]
    found = ranks(video.user_scores)
    assert np.allclose(found, (rankdata(video.user_scores, axis=1) - 0.5) / n, atol=1e-6)
    assert (found > 0).all()
    assert (found < 1).all()


def test_panels_are_means_of_different_annotators(video):
    own = ranks(video.user_scores)
    pairs = panels(own, size=2, count=200, rng=np.random.default_rng(0))
    expected = {tuple(((own[i] + own[j]) / 2).round(5)) for i in range(5) for j in range(i)}
    assert {tuple(curve.round(5)) for curve in pairs} == expected
    for size in (5, 9):
        everyone = panels(own, size=size, count=3, rng=np.random.default_rng(0))
        assert np.allclose(everyone, own.mean(axis=0), atol=1e-6)


def test_crop_keeps_steps_and_scores_together(video):
    for length in (1, 30, 500):
        x, scores = crop(video.features, video.user_scores, length, np.random.default_rng(length))
        start = np.flatnonzero((video.features == x[0]).all(axis=1))[0]
        assert np.array_equal(scores, video.user_scores[:, start : start + len(x)])
        assert len(x) == min(len(video.features), max(length, 24))


def test_another_metric_keeps_what_the_video_is_like(video):
    rng = np.random.default_rng(0)
    before = describe(video.features, rate=0.5)
    similar = [
        np.corrcoef(describe(change_metric(video.features, rng), rate=0.5)[:, 0], before[:, 0])[0, 1] for _ in range(20)
    ]
    assert np.median(similar) > 0.5
    assert min(similar) < 0.999
