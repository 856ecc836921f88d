import numpy as np
import pytest

from summdiff.errors import DataError
from summdiff.metrics.fscore import f1_score
from summdiff.metrics.variety import (
    coverage,
    coverage_of_annotators,
    diversity,
    spread_and_coherence,
    spread_coverage,
    spread_ratio,
)


def test_diversity_by_hand():
    assert diversity([[1, 1, 0, 0], [1, 1, 0, 0]]) == 0.0
    assert diversity([[1, 1, 0, 0], [0, 0, 1, 1]]) == 1.0
    assert diversity([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]) == pytest.approx(1 - (1 / 3 + 0 + 0) / 3)
    assert diversity([[0, 0], [0, 0]]) == 0.0
    assert diversity([[1, 0]]) == diversity([1, 0]) == 0.0
    assert diversity([[1, 0], [0, 0]]) == 1.0
    assert diversity([[7, 7, 0, 0], [0, 9, 9, 0]]) == pytest.approx(1 - 1 / 3)  # raw SumMe selections count segments


def test_annotators_cover_themselves():
    """The ends belong to the interval, and both sides are ranked alike."""
    scores = np.random.default_rng(3).random((2, 40))
    assert spread_coverage(scores, scores, level=1.0) == 1.0
    assert spread_ratio(scores, scores) == 1.0
    assert spread_coverage([[0, 0, 1]], [[0, 0, 5]], level=1.0) == 1.0


def test_diversity_is_the_mean_over_pairs():
    chosen = np.random.default_rng(0).random((6, 200)) < 0.2
    iou = [(a & b).sum() / (a | b).sum() for i, a in enumerate(chosen) for b in chosen[:i]]
    assert diversity(chosen) == pytest.approx(1 - np.mean(iou))
    assert diversity(np.random.default_rng(1).permutation(chosen)) == pytest.approx(diversity(chosen), abs=1e-15)


def test_coverage_is_the_best_sample_for_each_annotator():
    rng = np.random.default_rng(2)
    samples, users = rng.random((5, 100)) < 0.2, rng.random((3, 100)) < 0.2
    best = [f1_score(user, samples, "max") for user in users]
    assert coverage_of_annotators(samples, users) == pytest.approx(best)
    assert coverage(samples, users) == pytest.approx(np.mean(best))
    assert coverage(samples[:2], users) <= coverage(samples, users)
    assert coverage(users, users) == 1.0


def test_samples_as_varied_as_annotators_reach_the_level():
    rng = np.random.default_rng(3)
    taste = rng.normal(size=600)
    samples, users = (taste + rng.normal(size=(rows, 600)) for rows in (400, 200))
    for level in (0.5, 0.9):
        assert spread_coverage(samples, users, level) == pytest.approx(level, abs=0.02)
    assert spread_coverage(samples, users) == spread_coverage(samples, users, 0.9)
    assert spread_ratio(samples, users) == pytest.approx(1.0, abs=0.03)


def test_scales_do_not_matter_and_identical_samples_cover_nothing():
    rng = np.random.default_rng(4)
    samples, users = rng.random((20, 50)), rng.integers(1, 6, size=(9, 50))
    for measure in (spread_coverage, spread_ratio):
        assert measure(np.exp(9 * samples), 10 * users) == measure(samples, users)
    same = np.tile(samples[0], (20, 1))
    assert spread_coverage(same, rng.random((9, 50))) < 0.06
    assert spread_ratio(samples[:1], users) == 0.0
    assert spread_ratio(same, users) == pytest.approx(0.0, abs=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="3 steps cannot be compared with annotators' scores of 2"):
        spread_coverage(np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(DataError, match=r"^Samples must be finite"):
        spread_coverage([[np.nan, 1.0]], [[1.0, 2.0]])
    with pytest.raises(DataError, match=r"^Annotators' scores must be finite"):
        spread_coverage([[2.0, 1.0]], [[1.0, np.inf]])
    with pytest.raises(DataError, match=r"^Summaries must be a table of at least one"):
        diversity(np.zeros((0, 3)))
    with pytest.raises(DataError, match="no measure"):
        spread_ratio([[1.0, 2.0, 3.0], [2.0, 1.0, 0.0]], [[0.1, 0.7, 0.3]] * 7)


@pytest.mark.parametrize("samples", [4, 8, 20])
def test_few_samples_as_varied_as_annotators_span_less_than_the_level(samples):
    rng = np.random.default_rng(0)
    found = [spread_coverage(rng.normal(size=(samples, 60)), rng.normal(size=(20, 60))) for _ in range(50)]
    assert np.mean(found) == pytest.approx(0.9 * (samples - 1) / (samples + 1), abs=0.02)


def test_coherence_distinguishes_noise_from_lasting_differences():
    rng = np.random.default_rng(0)
    mean = np.sin(np.arange(400) / 20)
    noise = spread_and_coherence((mean + 0.1 * rng.normal(size=(50, 400))).astype(np.float32))
    assert noise == pytest.approx((0.1 / mean.std(), 0.0), abs=0.03)
    slow = np.repeat(rng.normal(size=(50, 40)), 10, axis=1)
    lasting = spread_and_coherence((mean + 0.1 * slow).astype(np.float32))
    assert lasting == pytest.approx((0.1 / mean.std(), 0.9), abs=0.05)


def test_spread_and_coherence_of_a_single_sample_or_step_are_zero():
    assert spread_and_coherence(np.ones((1, 5), dtype=np.float32)) == (0.0, 0.0)
    assert spread_and_coherence(np.ones((2, 1), dtype=np.float32)) == (0.0, 0.0)
