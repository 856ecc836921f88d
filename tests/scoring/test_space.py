import math

import numpy as np
import pytest

from summdiff.scoring.space import ScoreSpace

SPACES = [ScoreSpace("linear"), ScoreSpace("linear", scale=2.0), ScoreSpace("logit"), ScoreSpace("logit", scale=0.5)]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_there_and_back(space):
    scores = np.linspace(0.001, 0.999, 101)
    assert np.allclose(space.to_scores(space.to_signal(scores)), scores, atol=1e-5)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_any_signal_is_a_score_and_order_is_kept(space):
    scores = space.to_scores(np.linspace(-20, 20, 400))
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert (np.diff(scores) >= 0).all()


def test_linear_is_the_papers():
    """S_0 = lambda (2 s - 1), and S_t = (S_t / lambda + 1) / 2 after clamping (§4.4)."""
    space = ScoreSpace("linear", scale=4.0)
    assert space.to_signal(np.array([0.0, 0.5, 0.75, 1.0])).tolist() == [-4, 0, 2, 4]
    assert space.to_scores(np.array([-9.0, -4.0, 0.0, 2.0, 5.0])).tolist() == [0, 0, 0.5, 0.75, 1]
    assert space.bounded(np.array([-9.0, 1.0, 5.0])).tolist() == [-4, 1, 4]


def test_logit_is_half_the_logit_and_finite_at_the_ends():
    space = ScoreSpace("logit")
    assert space.to_signal(np.array([0.5, 0.9])).tolist() == pytest.approx([0, math.log(9) / 2])
    ends = space.to_signal(np.array([0.0, 1.0]))
    assert np.isfinite(ends).all()
    assert np.array_equal(space.bounded(ends * 3), ends * 3)


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_arrays_keep_their_type(space, kind):
    scores = np.linspace(0, 1, 5, dtype=kind)
    for mapped in (space.to_signal(scores), space.to_scores(scores), space.bounded(scores)):
        assert mapped.dtype == kind
