import numpy as np
import pytest
from scipy import stats

from summdiff.evaluation import differences, intervals, mean_over


def test_the_interval_equals_a_plain_bootstrap():
    values = np.random.default_rng(0).exponential(size=(40, 2))
    ours = intervals(values, resamples=20_000)
    rng = np.random.default_rng(1)
    plain = np.array([values[rng.integers(40, size=40)].mean(axis=0) for _ in range(20_000)])
    for column, mean in enumerate(ours):
        assert mean.value == pytest.approx(values[:, column].mean())
        assert [mean.low, mean.high] == pytest.approx(np.quantile(plain[:, column], [0.025, 0.975]), abs=0.01)


def test_the_interval_covers_the_truth_at_its_nominal_rate():
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(200):
        (mean,) = intervals(rng.normal(0.3, 1, size=(50, 1)), resamples=500, seed=trial)
        inside += mean.low <= 0.3 <= mean.high
    assert 0.88 <= inside / 200 <= 0.99


def test_groups_of_any_size_weigh_the_same():
    values = np.array([[1.0], [1.0], [1.0], [0.0]])
    groups = ["dog", "dog", "dog", "surfing"]
    assert mean_over(values, groups).tolist() == [0.5]
    (mean,) = intervals(values, groups, resamples=200)
    assert (mean.value, mean.low, mean.high) == (0.5, 0.5, 0.5)  # drawn within groups, where nothing varies


def test_blocks_limit_memory_and_do_not_change_the_means(monkeypatch):
    values = np.random.default_rng(3).normal(size=(30, 1))
    (whole,) = intervals(values, resamples=3000)
    monkeypatch.setattr("summdiff.evaluation._resampling._CELLS", 500)
    (parts,) = intervals(values, resamples=3000)
    assert [parts.low, parts.high] == pytest.approx([whole.low, whole.high], abs=0.05)


def test_one_video_has_no_interval():
    (mean,) = intervals(np.array([[0.4]]), resamples=100)
    assert (mean.value, mean.low, mean.high) == (0.4, 0.4, 0.4)


def test_the_permutation_test_agrees_with_scipy():
    rng = np.random.default_rng(4)
    first = rng.normal(size=(25, 2))
    second = first - np.array([0.25, 0.0]) + 0.5 * rng.normal(size=(25, 2))
    found = differences(first, second, resamples=20_000)
    for column, difference in enumerate(found):
        exact = stats.permutation_test(
            (first[:, column] - second[:, column],),
            lambda x, axis: x.mean(axis=axis),
            permutation_type="samples",
            n_resamples=20_000,
            vectorized=True,
            rng=5,
        )
        assert difference.p == pytest.approx(exact.pvalue, abs=0.02)
        apart = first[:, column] - second[:, column]
        assert (difference.better, difference.worse, difference.equal) == ((apart > 0).sum(), (apart < 0).sum(), 0)
        assert difference.mean.value == pytest.approx(apart.mean())


def test_a_system_does_not_differ_from_itself():
    values = np.random.default_rng(6).normal(size=(10, 1))
    (difference,) = differences(values, values, resamples=500)
    assert (difference.p, difference.equal, difference.mean.low, difference.mean.high) == (1.0, 10, 0.0, 0.0)
