import numpy as np
import pytest
from scipy.stats import rankdata

from summdiff.data.tvsum import TVSum
from summdiff.features.relational import describe
from summdiff.training.recipe import read_recipe
from summdiff.training.views import change_metric, crop, targets, views


@pytest.fixture
def video(data_file):
    return TVSum(data_file)["video_5"]


def test_the_first_view_is_the_video(video, recipe_file):
    recipe = read_recipe(recipe_file, ["augmentation.views=6"])
    made = views(video, recipe, np.random.default_rng(0))
    assert len(made) == 6
    assert np.array_equal(made[0].inputs, describe(video.features, rate=video.rate))
    assert np.array_equal(made[0].targets, targets(video.user_scores, individual=1.0))
    assert any(not np.array_equal(view.inputs, made[0].inputs) for view in made[1:])
    for view in made:
        assert view.targets.shape == (5, len(view.inputs))
        assert np.isfinite(view.inputs).all()


def test_targets_are_ranks_mixed_with_their_mean(video):
    n = video.user_scores.shape[1]
    ranks = (rankdata(video.user_scores, axis=1) - 0.5) / n
    mean = ranks.mean(axis=0)
    assert np.allclose(targets(video.user_scores, individual=1.0), ranks, atol=1e-6)
    assert np.allclose(targets(video.user_scores, individual=0.0), mean, atol=1e-6)
    assert np.allclose(targets(video.user_scores, individual=0.25), 0.25 * ranks + 0.75 * mean, atol=1e-6)
    assert (ranks > 0).all()
    assert (ranks < 1).all()


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
