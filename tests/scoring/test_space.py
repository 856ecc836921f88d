import math

import pytest
import torch

from summdiff.scoring.space import ScoreSpace

SPACES = [ScoreSpace("linear"), ScoreSpace("linear", scale=2.0), ScoreSpace("logit"), ScoreSpace("logit", scale=0.5)]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_there_and_back(space):
    scores = torch.linspace(0.001, 0.999, 101)
    assert torch.allclose(space.to_scores(space.to_signal(scores)), scores, atol=1e-5)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_any_signal_is_a_score_and_order_is_kept(space):
    scores = space.to_scores(torch.linspace(-20, 20, 400))
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert (scores.diff() >= 0).all()


def test_linear_is_the_papers():
    """S_0 = lambda (2 s - 1), and S_t = (S_t / lambda + 1) / 2 after clamping (§4.4)."""
    space = ScoreSpace("linear", scale=4.0)
    assert space.to_signal(torch.tensor([0.0, 0.5, 0.75, 1.0])).tolist() == [-4, 0, 2, 4]
    assert space.to_scores(torch.tensor([-9.0, -4.0, 0.0, 2.0, 5.0])).tolist() == [0, 0, 0.5, 0.75, 1]
    assert space.bounded(torch.tensor([-9.0, 1.0, 5.0])).tolist() == [-4, 1, 4]


def test_logit_is_half_the_logit_and_finite_at_the_ends():
    space = ScoreSpace("logit")
    assert space.to_signal(torch.tensor([0.5, 0.9])).tolist() == pytest.approx([0, math.log(9) / 2])
    ends = space.to_signal(torch.tensor([0.0, 1.0]))
    assert torch.isfinite(ends).all()
    assert space.bounded(ends * 3).equal(ends * 3)
