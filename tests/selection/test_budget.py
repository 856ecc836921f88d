import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.selection import best_window, choose_shots


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=30),
    share=st.floats(0.01, 1.0),
    value=st.sampled_from(["mean", "sum"]),
    seed=st.integers(0, 1000),
)
def test_never_over_the_budget(lengths, share, value, seed):
    edges = np.concatenate(([0], np.cumsum(lengths))) / 25.0
    scores = np.random.default_rng(seed).random(len(lengths))
    budget = share * edges[-1]
    chosen = choose_shots(edges[:-1], edges[1:], scores, budget=budget, fps=25.0, value=value)
    assert np.diff(edges)[chosen].sum() <= budget + 0.02 / 25.0 * len(lengths)
    if np.diff(edges).min() <= budget - 1 / 25.0:
        assert chosen.any()


def test_mean_prefers_short_shots_and_sum_the_best_seconds():
    starts, ends = np.array([0.0, 10.0, 12.0, 14.0]), np.array([10.0, 12.0, 14.0, 16.0])
    scores = np.array([0.9, 0.5, 0.5, 0.5])
    by_mean = choose_shots(starts, ends, scores, budget=10.0, fps=25.0, value="mean")
    by_sum = choose_shots(starts, ends, scores, budget=10.0, fps=25.0, value="sum")
    assert by_mean.tolist() == [False, True, True, True]
    assert by_sum.tolist() == [True, False, False, False]


@pytest.mark.parametrize("score", [0.0, 0.7])
@pytest.mark.parametrize("value", ["mean", "sum"])
def test_constant_scores_fill_the_budget(score, value):
    edges = np.arange(11) * 4.0
    chosen = choose_shots(edges[:-1], edges[1:], np.full(10, score), budget=12.0, fps=30.0, value=value)
    assert chosen.sum() == 3


def test_nothing_is_chosen_where_no_shot_fits():
    assert not choose_shots([0.0], [9.0], [1.0], budget=3.0, fps=25.0).any()


def test_long_videos_are_counted_in_coarser_ticks_and_stay_within_the_budget():
    rng = np.random.default_rng(0)
    edges = np.concatenate(([0.0], np.cumsum(rng.uniform(2, 30, size=2200))))
    budget = 0.15 * edges[-1]
    chosen = choose_shots(edges[:-1], edges[1:], rng.random(2200), budget=budget, fps=60.0)
    assert 0.99 * budget < np.diff(edges)[chosen].sum() <= budget


def test_best_window_holds_the_peak():
    times = np.arange(20.0)
    scores = np.zeros(20)
    scores[12:15] = 1.0
    assert best_window(0.0, 20.0, times, scores, length=3.0) == (12.0, 15.0)
    start, end = best_window(0.0, 20.0, times, scores, length=5.5)
    assert start <= 12.0
    assert end >= 15.0
    assert end - start == pytest.approx(5.5)


def test_best_window_of_equals_is_the_first_and_never_longer_than_the_shot():
    times = np.arange(20.0)
    assert best_window(3.3, 17.1, times, np.ones(20), length=4.0) == (3.3, 7.3)
    assert best_window(3.3, 5.0, times, np.ones(20), length=4.0) == (3.3, 5.0)
    assert best_window(0.0, 0.9, [0.0], [0.4], length=0.5) == (0.0, 0.5)
