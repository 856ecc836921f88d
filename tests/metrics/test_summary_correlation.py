"""Correlations from counts equal SciPy's on all frames."""

import numpy as np
import pytest
from scipy import stats

from summdiff.metrics.summary_correlation import RankedReference, phi


def summaries(count, n, seed):
    """(count, n) 0/1, of very different sizes."""
    rng = np.random.default_rng(seed)
    return (rng.random((count, n)) < rng.uniform(0.05, 0.9, (count, 1))).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_phi_is_tau_b_and_rho_of_two_summaries(seed):
    ours, theirs = summaries(4, 60, seed), summaries(3, 60, seed + 100)
    found = phi(ours.astype(int) @ theirs.T, ours.sum(axis=1), theirs.sum(axis=1), 60)
    assert found.shape == (4, 3)
    for one, row in zip(ours, found, strict=True):
        for other, value in zip(theirs, row, strict=True):
            assert value == pytest.approx(stats.kendalltau(one, other).statistic, abs=1e-12)
            assert value == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)


def test_phi_of_an_empty_or_whole_summary_is_0():
    assert phi([[0, 0], [3, 10]], [0, 10], [3, 10], 10).tolist() == [[0, 0], [0, 0]]


def test_phi_is_1_with_itself_and_minus_1_with_its_complement():
    assert phi([[4, 0]], [4], [4, 6], 10).tolist() == [[pytest.approx(1), pytest.approx(-1)]]
    assert phi([[1, 0]], [1], [1, 1], 2).tolist() == [[1, -1]]


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_correlation_with_a_reference_is_scipys(levels):
    rng = np.random.default_rng(levels)
    reference = rng.integers(0, levels, 80) / levels  # with ties, but for the last
    ranked = RankedReference.of(reference)
    assert ranked.ranks.tolist() == stats.rankdata(reference).tolist()
    chosen = summaries(5, 80, levels)
    taus, rhos = ranked.correlate(chosen @ ranked.ranks, chosen.sum(axis=1))
    for summary, tau, rho in zip(chosen, taus, rhos, strict=True):
        assert tau == pytest.approx(stats.kendalltau(summary, reference).statistic, abs=1e-12)
        assert rho == pytest.approx(stats.spearmanr(summary, reference).statistic, abs=1e-12)


def test_two_frames_in_order_correlate_fully():
    for correlations in RankedReference.of([0.1, 0.2]).correlate([2.0, 1.0], [1, 1]):
        assert correlations == pytest.approx([1, -1])


def test_correlation_is_0_where_it_is_undefined():
    ranked = RankedReference.of([0.1, 0.2, 0.3])
    empty_and_whole = ranked.correlate([0.0, 6.0], [0, 3])
    flat = RankedReference.of([0.5, 0.5, 0.5])
    assert flat.untied == 0
    assert [row.tolist() for row in empty_and_whole] == [[0, 0], [0, 0]]
    assert [row.tolist() for row in flat.correlate([2.0], [1])] == [[0], [0]]
