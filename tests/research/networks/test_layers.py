"""Small parts that networks share."""

import numpy as np
import pytest
import torch

from summdiff.research.networks._layers import sinusoid, to_scores, to_signal
from summdiff.scoring.space import ScoreSpace

SPACES = [ScoreSpace("linear"), ScoreSpace("linear", scale=2.0), ScoreSpace("logit"), ScoreSpace("logit", scale=0.5)]


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_maps_of_scores_are_those_of_the_space(space, kind):
    scores, signals = torch.linspace(0, 1, 101, dtype=kind), torch.linspace(-20, 20, 401, dtype=kind)
    for ours, theirs, values in ((to_signal, space.to_signal, scores), (to_scores, space.to_scores, signals)):
        found = ours(space, values)
        assert found.dtype == kind
        tolerance = 1e-5 if kind == torch.float32 else 1e-12
        assert np.allclose(found, theirs(values.numpy()), rtol=tolerance, atol=tolerance)


def test_linear_signals_may_come_from_scores_outside_0_and_1():
    """As those of a mean curve with departures."""
    space, scores = ScoreSpace("linear", scale=2.0), torch.tensor([-0.5, 1.5])
    assert to_signal(space, scores).tolist() == space.to_signal(scores.numpy()).tolist() == [-4.0, 4.0]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_gradients_pass_where_scores_are_certain(space):
    scores = torch.tensor([0.0, 0.5, 1.0], requires_grad=True)
    to_signal(space, scores).sum().backward()
    assert scores.grad.isfinite().all()


def test_sinusoids_tell_times_apart():
    codes = sinusoid(torch.arange(1000), 16).numpy()
    assert codes.shape == (1000, 16)
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1) + np.eye(1000)
    assert distances.min() > 0.1
