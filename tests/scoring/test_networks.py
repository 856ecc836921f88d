"""The interface between scoring and a network: the mean curve, and valid facts."""

import numpy as np
import pytest

from summdiff.errors import ModelError
from summdiff.scoring.gaussian import GaussianPrior
from summdiff.scoring.networks import DenoiserFacts, MeanCurve, ScorerFacts, smoothed, standardized
from summdiff.scoring.space import ScoreSpace


def raw(n=200, k=2):
    return np.random.default_rng(0).standard_normal((k, n), dtype=np.float32)


@pytest.mark.parametrize("shares", [(1.0,), (0.3, 0.7)])
def test_a_mean_curve_has_its_width_around_the_middle(shares):
    mean = MeanCurve(shares, 0.07).finalize(raw(k=len(shares)))
    assert (mean.shape, mean.dtype) == ((200,), np.float32)
    assert mean.mean() == pytest.approx(0.5, abs=1e-5)
    assert mean.std() == pytest.approx(0.07, rel=1e-4)


def test_neither_level_nor_scale_of_raw_curves_counts():
    curves = raw()
    scaled = curves * np.array([[30], [0.01]], np.float32) + np.array([[5], [-2]], np.float32)
    kind = MeanCurve((0.3, 0.7), 0.1)
    assert np.allclose(kind.finalize(scaled), kind.finalize(curves), atol=1e-4)


def test_raw_curves_count_by_their_share():
    curves = raw()
    a, b, both = (
        MeanCurve(shares, 1.0).finalize(part)
        for shares, part in (((1.0,), curves[:1]), ((1.0,), curves[1:]), ((0.25, 0.75), curves))
    )
    sum_ = 0.25 * (a - 0.5) + 0.75 * (b - 0.5)
    assert np.allclose(both - 0.5, sum_ / sum_.std(), atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_flat_mean_curve_is_the_middle(n):
    assert np.allclose(MeanCurve((0.5, 0.5), 0.1).finalize(np.full((2, n), 3.0, np.float32)), 0.5)


def test_smoothing_is_a_gaussian_over_five_steps():
    curve = np.zeros((1, 11), np.float32)
    curve[0, 5] = 1
    weights = np.exp(-(np.arange(-2, 3) ** 2) / 2 / 0.7**2)
    assert np.allclose(smoothed(curve, 0.7)[0, 3:8], weights / weights.sum(), atol=1e-6)
    assert not smoothed(curve, 0.7)[0, [0, 1, 2, 8, 9, 10]].any()
    assert np.allclose(smoothed(np.full((2, 3), 4.0, np.float32), 0.7), 4)  # the ends continue


def test_standardized_curves():
    found = standardized(np.stack([np.arange(9.0), np.ones(9)]).astype(np.float32))
    assert found.mean(axis=1) == pytest.approx([0, 0], abs=1e-6)
    assert found.std(axis=1) == pytest.approx([1, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (DenoiserFacts, {"inputs": 0, "space": ScoreSpace()}, "at least one input"),
        (DenoiserFacts, {"inputs": 3, "space": ScoreSpace(scale=0.0)}, "score scale"),
        (DenoiserFacts, {"inputs": 3, "space": ScoreSpace(), "guess_noise": 0.0}, "guess noise"),
        (DenoiserFacts, {"inputs": 3, "space": ScoreSpace(), "prior": GaussianPrior()}, "needs a mean curve"),
        (ScorerFacts, {"inputs": 0}, "at least one input"),
        (ScorerFacts, {"inputs": 3, "threshold": 1.5}, "from 0 to 1"),
        (ScorerFacts, {"inputs": 3, "readouts": ("segments",)}, "no readouts 'segments'"),
        (ScorerFacts, {"inputs": 3, "readouts": ("scores", "words")}, "no readouts 'scores', 'words'"),
    ],
)
def test_facts_that_make_no_network_are_refused(kind, wrong, said):
    with pytest.raises(ModelError, match=said):
        kind(**wrong)
