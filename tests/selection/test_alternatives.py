"""Alternatives are nearly as good as the best by the mean curve, within the budget, and differ."""

import numpy as np
import pytest

from summdiff.selection import ShotKnapsack, alternatives, overlap

EDGES = np.arange(0.0, 101.0, 5.0)  # twenty shots
TIMES = np.arange(0.0, 100.0, 1.0)


def viewer_curves(count=16, seed=0):
    """Curves of people who each like three shots of their own; all like the first two a little."""
    rng = np.random.default_rng(seed)
    curves = np.full((count, 20), 0.5) + rng.normal(0, 0.02, (count, 20))
    curves[:, :2] += 0.1
    for curve in curves:
        curve[rng.choice(20, 3, replace=False)] += 0.4
    return np.repeat(curves, 5, axis=1).clip(0, 1)


@pytest.fixture
def shots():
    return ShotKnapsack(EDGES, TIMES, budget=15.0, fps=25.0)


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.4])
def test_none_loses_more_than_is_allowed(shots, loss):
    curves = viewer_curves()
    mean = curves.mean(axis=0)
    best = shots.choose(mean)
    for other in alternatives(shots, best, curves.mean(axis=0), curves, count=5, loss=loss):
        assert other.expected >= 1 - loss
        assert other.expected == pytest.approx(shots.worth(other.parts, mean) / shots.worth(best, mean))
        assert np.diff(other.parts, axis=1).sum() <= 15.0 + 1e-6


def test_they_differ_from_the_best_and_from_each_other(shots):
    curves = viewer_curves()
    best = shots.choose(curves.mean(axis=0))
    found = alternatives(shots, best, curves.mean(axis=0), curves, count=4, loss=0.4)
    assert len(found) == 4
    everything = [best, *(other.parts for other in found)]
    overlaps = [overlap(a, b) for i, a in enumerate(everything) for b in everything[:i]]
    assert max(overlaps) <= 2 / 3
    assert np.mean(overlaps) < 0.4
    assert [other.overlap for other in found] == [overlap(other.parts, best) for other in found]


def test_a_choice_that_is_nearly_the_same_is_no_alternative(shots):
    """One of three shots is another, then one of ten."""
    mean = np.repeat(np.linspace(1.0, 0.4, 20), 5)
    curve = mean.copy()
    curve[10:15], curve[15:20] = mean[15:20], mean[10:15]  # the third and the fourth shot change places
    best = shots.choose(mean)
    assert overlap(shots.choose(curve), best) == pytest.approx(0.5)
    assert len(alternatives(shots, best, mean, curve[None], count=1, loss=0.5)) == 1
    wide = ShotKnapsack(EDGES, TIMES, budget=50.0, fps=25.0)
    curve = mean.copy()
    curve[45:50], curve[50:55] = mean[50:55], mean[45:50]
    best = wide.choose(mean)
    assert overlap(wide.choose(curve), best) == pytest.approx(9 / 11)
    assert alternatives(wide, best, mean, curve[None], count=1, loss=0.5) == []


def test_more_loss_gives_more_difference(shots):
    curves = viewer_curves()
    best = shots.choose(curves.mean(axis=0))
    strict, free = (alternatives(shots, best, curves.mean(axis=0), curves, count=3, loss=loss) for loss in (0.03, 0.5))
    assert np.mean([other.overlap for other in free]) < np.mean([other.overlap for other in strict])


def test_samples_that_all_agree_have_no_alternative(shots):
    curves = np.repeat(viewer_curves(1), 8, axis=0)
    assert alternatives(shots, shots.choose(curves[0]), curves[0], curves, count=3, loss=0.5) == []


def test_shared_is_the_intersection_over_the_union():
    a, b = np.array([[0.0, 10.0], [20.0, 24.0]]), np.array([[5.0, 12.0], [20.0, 22.0]])
    assert overlap(a, b) == pytest.approx(7 / 16)
    assert overlap(a, a) == 1
    assert overlap(a, np.array([[30.0, 31.0]])) == 0
