"""The choice fills the budget with the best shots, never exceeds it and is never empty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.selection import ShotKnapsack, best_window, mean_scores


def choose(edges, times, scores, **options):
    return ShotKnapsack(edges, times, **options).choose(scores)


def steps_of(edges, shot_scores):
    """One step in the middle of every shot, with the shot's score."""
    edges = np.asarray(edges, dtype=float)
    return (edges[:-1] + edges[1:]) / 2, np.asarray(shot_scores, dtype=float)


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=30),
    share=st.floats(1e-4, 1.0),
    value=st.sampled_from(["mean", "sum"]),
    seed=st.integers(0, 1000),
)
def test_a_choice_is_never_empty_and_exceeds_the_budget_by_less_than_a_frame(lengths, share, value, seed):
    edges = np.concatenate(([0], np.cumsum(lengths))) / 25.0
    times, scores = steps_of(edges, np.random.default_rng(seed).random(len(lengths)))
    budget = share * edges[-1]
    parts = choose(edges, times, scores, budget=budget, fps=25.0, value=value)
    assert len(parts)
    total = np.diff(parts, axis=1).sum()
    assert 0 < total <= max(budget, 1 / 25.0) + 0.02 / 25.0 * len(lengths)
    shots = np.searchsorted(edges, parts[:, 0] + 1e-9, side="right") - 1
    assert (np.diff(shots) > 0).all()
    assert (parts[:, 1] <= edges[shots + 1] + 1e-9).all()


def test_mean_prefers_short_shots_and_sum_the_best_seconds():
    edges = [0.0, 10.0, 12.0, 14.0, 16.0]
    times, scores = steps_of(edges, [0.9, 0.5, 0.5, 0.5])
    by_mean = choose(edges, times, scores, budget=10.0, fps=25.0, value="mean")
    by_sum = choose(edges, times, scores, budget=10.0, fps=25.0, value="sum")
    assert by_mean.tolist() == [[10, 12], [12, 14], [14, 16]]
    assert by_sum.tolist() == [[0, 10]]


@pytest.mark.parametrize("score", [0.0, 0.7])
@pytest.mark.parametrize("value", ["mean", "sum"])
def test_constant_scores_fill_the_budget(score, value):
    edges = np.arange(11) * 4.0
    assert len(choose(edges, *steps_of(edges, np.full(10, score)), budget=12.0, fps=30.0, value=value)) == 3


def test_the_best_window_of_the_best_shot_is_taken_if_no_shot_fits():
    times = np.arange(40.0)
    scores = np.full(40, 0.1)
    scores[27:30] = 0.9
    assert choose([0.0, 20.0, 40.0], times, scores, budget=3.0, fps=25.0).tolist() == [[27.0, 30.0]]


def test_the_best_part_of_a_long_shot_wins_over_a_dull_shot_that_fits():
    times = np.arange(40.0)
    scores = np.where(times < 36, 0.2, 0.1)
    scores[10:14] = 1.0
    assert choose([0.0, 36.0, 40.0], times, scores, budget=4.0, fps=25.0).tolist() == [[10.0, 14.0]]


def test_blank_steps_make_a_shot_worth_nothing():
    times = np.arange(12.0)
    scores = np.where(times < 4, 1.0, 0.3)
    found = choose([0.0, 4.0, 8.0, 12.0], times, scores, budget=8.0, fps=25.0, blank=[0, 1, 2, 3])
    assert found.tolist() == [[4.0, 8.0], [8.0, 12.0]]


def test_a_budget_below_one_frame_gives_one_frame():
    assert choose([0.0, 0.04], [0.0], [0.5], budget=0.006, fps=25.0).tolist() == [[0.0, 0.04]]


def test_shot_scores_are_means_over_steps():
    edges, scores = np.array([0.0, 2.0, 5.0]), np.array([0.2, 0.4, 0.0, 0.3, 0.9])
    assert mean_scores(edges, np.arange(5.0), scores) == pytest.approx([0.3, 0.4])


def test_a_shot_without_a_step_has_the_score_of_the_step_before():
    assert mean_scores(np.array([0, 3.25, 3.75, 20]), np.arange(20.0), np.arange(20.0))[1] == 3.0


def test_long_videos_are_counted_in_coarser_ticks_and_stay_within_the_budget():
    rng = np.random.default_rng(0)
    edges = np.concatenate(([0.0], np.cumsum(rng.uniform(2, 30, size=2200))))
    budget = 0.15 * edges[-1]
    parts = choose(edges, *steps_of(edges, rng.random(2200)), budget=budget, fps=60.0)
    assert 0.99 * budget < np.diff(parts, axis=1).sum() <= budget


def test_best_window_contains_the_peak():
    times = np.arange(20.0)
    scores = np.zeros(20)
    scores[12:15] = 1.0
    assert best_window(0.0, 20.0, times, scores, length=3.0) == (12.0, 15.0, 1.0)
    start, end, mean = best_window(0.0, 20.0, times, scores, length=6.0)
    assert start <= 12.0
    assert end >= 15.0
    assert mean == pytest.approx(0.5)


def test_best_window_is_the_first_of_equally_good_ones():
    assert best_window(3.3, 17.1, np.arange(20.0), np.ones(20), length=4.0)[:2] == pytest.approx((3.3, 7.3))


def test_worth_is_the_integral_of_the_scores():
    shots = ShotKnapsack([0, 5, 10], np.arange(10.0), budget=5.0, fps=25.0)
    assert shots.worth(np.array([[1.0, 3.0], [4.5, 5.0]]), np.arange(10.0)) == pytest.approx(1 + 2 + 0.5 * 4)
    by_mean = ShotKnapsack([0, 5, 10], np.arange(10.0), budget=5.0, fps=25.0, value="mean")
    assert by_mean.worth(np.array([[1.0, 3.0], [4.5, 5.0]]), np.arange(10.0)) == pytest.approx(1.5 + 4)
