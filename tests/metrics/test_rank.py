import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from summdiff.data.tvsum import TVSum
from summdiff.errors import DataError
from summdiff.metrics.rank import average_ranks, kendall_tau, spearman_rho

few_values = st.integers(2, 40).flatmap(
    lambda n: st.tuples(*[arrays(np.int64, n, elements=st.integers(1, 5)) for _ in range(2)])  # many ties
)


@given(few_values)
def test_equals_scipy_with_ties(pair):
    a, b = pair
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert kendall_tau(a, b) == 0.0
        assert spearman_rho(a, b) == 0.0
    else:
        assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)
        assert spearman_rho(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_average_over_users_equals_scipy():
    rng = np.random.default_rng(0)
    scores, users = rng.normal(size=300), rng.integers(1, 6, size=(7, 300))
    assert kendall_tau(scores, users) == pytest.approx(np.mean([stats.kendalltau(scores, u).statistic for u in users]))
    assert spearman_rho(scores, users) == pytest.approx(np.mean([stats.spearmanr(scores, u).statistic for u in users]))


def test_blocks_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(1)
    scores, users = rng.normal(size=101), rng.integers(1, 6, size=(3, 101))
    whole = kendall_tau(scores, users)
    monkeypatch.setattr("summdiff.metrics.rank._BLOCK", 500)
    assert kendall_tau(scores, users) == pytest.approx(whole, abs=1e-12)


def test_monotone_transform_changes_nothing_and_reversal_changes_the_sign():
    rng = np.random.default_rng(2)
    scores, user = rng.normal(size=50), rng.integers(1, 6, size=50)
    assert kendall_tau(np.exp(scores), user) == pytest.approx(kendall_tau(scores, user))
    assert spearman_rho(-scores, user) == pytest.approx(-spearman_rho(scores, user))


def test_constant_annotator_counts_zero_in_the_mean():
    scores = np.arange(10.0)
    assert kendall_tau(scores, [scores, np.ones(10)]) == pytest.approx(0.5)
    assert spearman_rho(scores, [scores, np.ones(10)]) == pytest.approx(0.5)
    assert kendall_tau([1.0], [[3.0]]) == 0.0


def test_average_ranks_equals_scipy():
    values = np.random.default_rng(3).integers(0, 4, size=30)
    assert np.array_equal(average_ranks(values), stats.rankdata(values))


@pytest.mark.parametrize(
    ("scores", "references", "said"),
    [
        ([1.0, 2.0], [[1.0, 2.0, 3.0]], "shape"),
        ([], [], "at least one step"),
        ([1.0, np.nan], [1.0, 2.0], "finite"),
        ([1.0, 2.0], [1.0, np.inf], "finite"),
    ],
)
def test_says_what_is_wrong(scores, references, said):
    for measure in (kendall_tau, spearman_rho):
        with pytest.raises(DataError, match=said):
            measure(scores, references)


def test_published_human_agreement_on_tvsum(data_dir):
    """Otani et al.: 0.177 / 0.204; and the ceiling that the mean annotator sets."""
    tvsum = TVSum(data_dir / "tvsum_i3d.h5")
    pairwise, ceiling = [], []
    for name in tvsum.names:
        users = tvsum[name].user_scores
        for i, one in enumerate(users):
            others = np.delete(users, i, axis=0)
            pairwise.append((kendall_tau(one, others), spearman_rho(one, others)))
        mean = users.mean(axis=0)
        ceiling.append((kendall_tau(mean, users), spearman_rho(mean, users)))
    # The published values are on frames; here a step of two seconds counts once, even the shorter last one.
    assert np.mean(pairwise, axis=0) == pytest.approx([0.1774, 0.2042], abs=1e-4)
    assert np.mean(ceiling, axis=0) == pytest.approx([0.3782, 0.4731], abs=1e-4)
