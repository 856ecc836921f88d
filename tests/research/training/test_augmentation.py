import numpy as np
import pytest

from summdiff.data.tvsum import TVSum
from summdiff.features.relations import describe
from summdiff.research.training.augmentation import augmented, change_metric, crop
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.targets import ranks


@pytest.fixture
def video(data_file):
    return TVSum(data_file)["video_5"]


def test_the_first_copy_is_unchanged(video, recipe_file):
    recipe = read_recipe(recipe_file, ["augmentation.views=6"])
    made = [augmented(video, recipe, number, np.random.default_rng(number)) for number in range(6)]
    assert np.array_equal(made[0].condition.inputs, describe(video.features, rate=video.rate))
    assert np.array_equal(made[0].targets, ranks(video.user_scores))
    assert any(not np.array_equal(copy.condition.inputs, made[0].condition.inputs) for copy in made[1:])
    for each in made:
        assert each.targets.shape == (5, len(each.condition))
        assert np.isfinite(each.condition.inputs).all()


def test_copies_in_named_spaces_follow_the_random_ones(video, recipe_file):
    recipe = read_recipe(recipe_file, ["augmentation={views: 2, spaces: [unit, roots]}"])
    assert recipe.augmentation.count == 4
    x = video.features
    unit, roots = (augmented(video, recipe, number, np.random.default_rng(0)) for number in (2, 3))
    assert np.allclose(
        unit.condition.inputs, describe(x / np.linalg.norm(x, axis=1, keepdims=True), rate=video.rate), atol=1e-5
    )
    assert np.allclose(roots.condition.inputs, describe(np.sign(x) * np.sqrt(np.abs(x)), rate=video.rate), atol=1e-5)
    assert np.array_equal(unit.targets, ranks(video.user_scores))


def test_crop_keeps_steps_and_scores_together(video):
    for length in (1, 30, 500):
        part = crop(video, length, np.random.default_rng(length))
        start = np.flatnonzero((video.features == part.features[0]).all(axis=1))[0]
        kept = slice(start, start + len(part.features))
        assert np.array_equal(part.user_scores, video.user_scores[:, kept])
        assert np.array_equal(part.picks, video.picks[kept])
        assert np.array_equal(part.gtscore, video.gtscore[kept])
        assert len(part.features) == min(len(video.features), max(length, 24))


def test_a_changed_metric_keeps_shape_and_most_of_the_relations(video):
    rng = np.random.default_rng(0)
    before = describe(video.features, rate=0.5)
    similar = []
    for _ in range(20):
        changed = change_metric(video.features, rng)
        assert changed.shape == video.features.shape
        similar.append(np.corrcoef(describe(changed, rate=0.5)[:, 0], before[:, 0])[0, 1])
    assert np.median(similar) > 0.5
