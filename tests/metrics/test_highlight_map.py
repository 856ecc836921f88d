import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score

from summdiff.errors import DataError
from summdiff.metrics.highlight_map import (
    average_precision,
    average_precision_rows,
    domain_map,
    highlight_map,
    highlight_map_rows,
)

ROWS = {
    "seed": st.integers(0, 10_000),
    "n": st.integers(1, 60),
    "levels": st.sampled_from([1, 4, 10**6]),  # of the scores: few levels, many ties
    "padded": st.booleans(),
}


def table(seed, n, levels, padded, rows=5):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, size=(rows, n)) / 8 - 3
    lengths = rng.integers(1, n + 1, size=rows) if padded else None
    return rng, scores, lengths


def spoil(values, lengths):
    """Values beyond the lengths must not matter."""
    spoiled = values.astype(float)
    if lengths is not None:
        spoiled[np.arange(values.shape[1]) >= lengths[:, None]] = np.nan
    return spoiled


@given(**ROWS)
def test_the_step_rule_equals_scikit_learn(seed, n, levels, padded):
    rng, scores, lengths = table(seed, n, levels, padded)
    labels = rng.random(scores.shape) < 0.4
    found = average_precision_rows(spoil(labels, lengths), spoil(scores, lengths), lengths)
    for row, value in enumerate(found):
        real = slice(None if lengths is None else lengths[row])
        expected = average_precision_score(labels[row, real], scores[row, real]) if labels[row, real].any() else 0.0
        assert value == pytest.approx(expected, abs=1e-12)
        assert value == pytest.approx(average_precision(labels[row, real], scores[row, real]), abs=1e-12)


@given(**ROWS)
def test_the_trapezoid_rule_is_the_area_under_the_curve(seed, n, levels, padded):
    rng, scores, lengths = table(seed, n, levels, padded)
    labels = rng.random(scores.shape) < 0.4
    found = average_precision_rows(spoil(labels, lengths), spoil(scores, lengths), lengths, "trapezoid")
    for row, value in enumerate(found):
        real = slice(None if lengths is None else lengths[row])
        hits = np.cumsum(labels[row, real][np.argsort(-scores[row, real], kind="stable")])
        recall, precision = hits / max(hits[-1], 1), hits / np.arange(1, len(hits) + 1)
        expected = auc(np.r_[0.0, recall], np.r_[1.0, precision]) if hits[-1] else 0.0
        assert value == pytest.approx(expected, abs=1e-12)


def test_average_precision_equals_a_calculation_by_hand():
    assert average_precision([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6]) == pytest.approx((1 / 2 + 2 / 4) / 2)
    # (0,1) (0,0) (1/2,1/2) (1/2,1/3) (1,1/2)
    assert average_precision([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6], "trapezoid") == pytest.approx(
        (0 + 1 / 2) / 4 + (1 / 3 + 1 / 2) / 4
    )
    assert average_precision([1, 0], [0.5, 0.5]) == 0.5  # together
    assert average_precision([1, 0], [0.5, 0.5], "trapezoid") == 1.0  # the earlier first
    assert average_precision([-1, 0], [0.2, 0.1]) == 0.0


def by_definition(scores, gtscore, rho, size):
    starts = range(0, len(scores), size)
    predicted = [np.mean(scores[i : i + size]) for i in starts]
    true = np.array([np.mean(gtscore[i : i + size]) for i in starts])
    labels = np.zeros(len(true), dtype=bool)
    labels[np.argsort(-true, kind="stable")[: int(rho * len(true))]] = True
    return average_precision_score(labels, predicted) if labels.any() else 0.0


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 90),
    padded=st.booleans(),
    rho=st.sampled_from([0.5, 0.15, 0.3]),
    rates=st.sampled_from([[1.0], [0.2, 0.5, 1.0, 1.998, 2.0], [0.05]]),
)
def test_map_follows_its_definition(seed, n, padded, rho, rates):
    rng, scores, lengths = table(seed, n, 10**6, padded)
    truth = rng.random(scores.shape)
    found = highlight_map_rows(spoil(scores, lengths), spoil(truth, lengths), lengths, rho, rate=np.resize(rates, 5))
    for row, value in enumerate(found):
        real, rate = slice(None if lengths is None else lengths[row]), np.resize(rates, 5)[row]
        size = max(1, int(5 * rate + 0.5))
        assert value == pytest.approx(by_definition(scores[row, real], truth[row, real], rho, size), abs=1e-12)
        alone = highlight_map(scores[row, real], truth[row, real], rho, rate=rate)
        assert value == pytest.approx(alone, abs=1e-12)


def test_the_earlier_of_equal_shots_is_positive():
    gtscore = np.repeat([0.3, 0.7, 0.7, 0.7], 5)
    assert highlight_map(np.repeat([0.0, 0.9, 0.8, 0.1], 5), gtscore) == 1.0
    assert highlight_map(np.repeat([0.0, 0.9, 0.1, 0.8], 5), gtscore) == pytest.approx((1 + 2 / 3) / 2)


def test_shots_have_the_requested_length_except_the_last():
    scores, gtscore = np.r_[np.zeros(8), 1.0, 1.0, 5.0], np.r_[1.0, np.zeros(9), 0.9]  # last shot is step 10 alone
    assert highlight_map(scores, gtscore, 0.4, shot_seconds=5) == 1.0
    assert highlight_map(scores, gtscore, 0.4, shot_seconds=2.5, rate=2.0) == 1.0


def test_too_few_shots_for_a_positive_give_0():
    scores = np.arange(30.0)
    assert highlight_map(scores, scores, 0.15) == 0.0  # 6 shots
    assert highlight_map(np.arange(35.0), np.arange(35.0), 0.15) == 1.0
    assert highlight_map([1.0], [1.0]) == 0.0


@given(st.integers(0, 1000))
def test_monotone_transforms_of_shot_scores_change_nothing(seed):
    rng = np.random.default_rng(seed)
    shots, gtscore = rng.integers(-30, 30, size=40), rng.random(200)
    scores = np.repeat(shots, 5)
    assert highlight_map(np.exp(scores / 8), gtscore) == highlight_map(scores, gtscore)
    assert highlight_map(3.0 * scores + 1, gtscore, 0.15) == highlight_map(scores, gtscore, 0.15)


def test_a_single_row_is_compared_with_all():
    rng = np.random.default_rng(0)
    scores, gtscore, lengths = rng.random((4, 50)), rng.random(50), np.array([50, 20, 35, 50])
    for some in (None, lengths):
        each = highlight_map_rows(scores, np.tile(gtscore, (4, 1)), some)
        assert np.array_equal(highlight_map_rows(scores, gtscore, some), each)


@pytest.mark.parametrize("interpolation", ["step", "trapezoid"])
def test_a_batch_of_labels_or_shares_equals_single_calls(interpolation):
    rng = np.random.default_rng(2)
    scores, gtscore, lengths = rng.integers(0, 9, size=(4, 60)) / 8, rng.random((4, 60)), np.array([60, 3, 41, 60])
    labels, rates = rng.random((3, 4, 60)) < 0.3, [1.0, 1.0, 0.4, 2.0]
    for some in (None, lengths):
        together = average_precision_rows(labels, scores, some, interpolation)
        each = [average_precision_rows(one, scores, some, interpolation) for one in labels]
        assert together == pytest.approx(np.array(each), abs=1e-15)
        maps = highlight_map_rows(scores, gtscore, some, [0.5, 0.15], rate=rates)
        each = [highlight_map_rows(scores, gtscore, some, rho, rate=rates) for rho in (0.5, 0.15)]
        assert maps == pytest.approx(np.array(each), abs=1e-15)


def test_random_scores_are_near_the_share_of_positives():
    rng = np.random.default_rng(1)
    scores, gtscore = rng.random((4000, 200)), rng.random((4000, 200))
    assert highlight_map_rows(scores, gtscore).mean() == pytest.approx(0.54, abs=0.02)
    assert highlight_map_rows(scores, gtscore, rho=0.15).mean() == pytest.approx(0.22, abs=0.02)


def test_the_mean_weighs_domains_equally():
    means = domain_map([0.2, 0.4, 0.9, 0.6], ["surfing", "surfing", "dog", "surfing"])
    assert means == pytest.approx({"dog": 0.9, "surfing": 0.4, "mean": 0.65})
    assert list(means) == ["dog", "surfing", "mean"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: average_precision([1, 0], [1.0]), "do not fit"),
        (lambda: average_precision([], []), "at least one entry"),
        (lambda: average_precision([1, 0], [1.0, np.nan]), "finite"),
        (lambda: average_precision_rows([[1, 0]], [[1.0, 2.0]], [3]), "lengths"),
        (lambda: average_precision_rows([[1, 0]], [[1.0, 2.0]], [1, 1]), "lengths"),
        (lambda: average_precision_rows(np.ones((1, 1, 1, 2)), [[1.0, 2.0]]), "do not fit"),
        (lambda: average_precision_rows([[1, 0]], [[1.0, np.nan]], [2]), "finite"),
        (lambda: highlight_map([1.0, 2.0], [1.0]), "do not fit"),
        (lambda: highlight_map([1.0, 2.0], [1.0, np.inf]), "gtscore must be finite"),
        (lambda: highlight_map([1.0, np.nan], [1.0, 2.0]), "finite"),
        (lambda: highlight_map([1.0, 2.0], [1.0, 2.0], rho=1.0), "between 0 and 1"),
        (lambda: highlight_map([1.0, 2.0], [1.0, 2.0], rho=0.0), "between 0 and 1"),
        (lambda: highlight_map_rows(np.ones((1, 2)), np.ones((1, 2)), rho=[[0.5]]), "between 0 and 1"),
        (lambda: highlight_map([1.0, 2.0], [1.0, 2.0], rate=0.0), "above 0"),
        (lambda: highlight_map_rows(np.ones((3, 2)), np.ones((3, 2)), rate=[1.0, 1.0]), "do not fit"),
        (lambda: highlight_map([], []), "do not fit"),
        (lambda: highlight_map_rows(np.ones((3, 2)), np.ones((2, 2))), "do not fit"),
        (lambda: domain_map([0.5], ["a", "b"]), "each video's domain"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(DataError, match=said):
        call()
