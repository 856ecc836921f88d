import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from summdiff.errors import ModelError
from summdiff.research.networks.statistics import Moments, favours, half_whitened, powered
from summdiff.research.networks.summdiff import NetworkConfig, SummDiff
from summdiff.research.networks.summdiff.closed_form import fit_closed_form


def videos(count=6, inputs=5, seed=0):
    """Inputs (N, P) and curves (N,) of videos of different length and level."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        x = rng.normal(number, 1 + number / 3, size=(20 + 5 * number, inputs))
        made.append((x, x @ np.arange(inputs) * 0.1 + rng.normal(size=len(x)) + number))
    return made


def moments_of(made):
    found = Moments(made[0][0].shape[1], pairs=True)
    for x, curve in made:
        found.add(x, curve)
    return found


def test_moments_are_those_of_all_steps_together():
    made = videos()
    whole = np.concatenate([x for x, _ in made])
    found = moments_of(made[:2]) + moments_of(made[2:])
    assert (found.videos, found.steps) == (6, len(whole))
    assert found.mean == pytest.approx(whole.mean(axis=0))
    assert found.std == pytest.approx(whole.std(axis=0))
    assert found.correlations() == pytest.approx(np.corrcoef(whole.T))
    alone = Moments(5, pairs=False)
    for x, curve in made:
        alone.add(x, curve)
    assert alone.mean == pytest.approx(found.mean)
    assert alone.std == pytest.approx(found.std)


def test_ridge_is_scikit_learns_on_what_departs_from_each_videos_level():
    made, penalty = videos(), 0.3
    found = moments_of(made)
    favour = favours(5, 2)
    assert favour.tolist() == [1, 1, 1, 3, 3]
    rows = [(x - x.mean(axis=0)) / found.std * favour / np.sqrt(len(x)) for x, _ in made]
    wanted = [(y - y.mean()) / np.sqrt(len(y)) for _, y in made]
    theirs = Ridge(alpha=penalty * len(made), fit_intercept=False).fit(np.concatenate(rows), np.concatenate(wanted))
    assert found.ridge(penalty, favour) == pytest.approx(theirs.coef_ * favour, abs=1e-8)


def test_components_are_those_of_pca_and_half_whitened():
    made = videos(inputs=8)
    found = moments_of(made)
    whole = np.concatenate([x for x, _ in made])
    standard = (whole - found.mean) / found.std
    ours = standard @ half_whitened(found.correlations(), 3)
    theirs = PCA(3).fit(standard)
    scores = theirs.transform(standard)
    for a, b in zip(ours.T, scores.T, strict=True):
        assert abs(np.corrcoef(a, b)[0, 1]) == pytest.approx(1, abs=1e-6)
    assert (ours**2).mean() == pytest.approx(1)
    deviations = ours.std(axis=0)
    assert deviations / deviations[0] == pytest.approx((scores.std(axis=0) / scores.std(axis=0)[0]) ** 0.5, rel=1e-6)


def test_the_network_computes_what_was_fitted():
    """Powers, units, components and the linear curve, in the network and in NumPy."""
    made = videos(inputs=7)
    config = NetworkConfig(
        inputs=7,
        relations=2,
        power=0.5,
        components=3,
        width=16,
        heads=2,
        mean_head=True,
        linear_share=1.0,
        squash=False,
    )
    network = SummDiff(config).eval()
    fit_closed_form(network, made, penalty=0.5)
    moments = moments_of([(powered(x, power=0.5, relations=2), y) for x, y in made])
    x = made[0][0]
    assert (powered(x, power=0.5, relations=2)[:, 5:] == x[:, 5:]).all()
    standard = (powered(x, power=0.5, relations=2) - moments.mean) / moments.std
    inputs = torch.tensor(x, dtype=torch.float32)
    assert network.standardise(inputs).numpy() == pytest.approx(standard, abs=1e-4)
    reduced = network.reduce(network.standardise(inputs)).numpy()
    assert reduced.shape[1] == config.seen == 5
    wanted = np.c_[standard[:, :5] @ half_whitened(moments.correlations()[:5, :5], 3), standard[:, 5:]]
    assert reduced == pytest.approx(wanted.clip(-5, 5), abs=1e-3)
    with torch.inference_mode():
        curves = network.encode(inputs[None], torch.arange(len(x)) * 2.0).curves[0].numpy()
    mean = network.facts().mean.finalize(curves.T)
    linear = standard @ moments.ridge(0.5, favours(7, 2))
    assert curves[:, -1] == pytest.approx(linear, abs=1e-3)
    assert np.corrcoef(mean, linear)[0, 1] > 0.9  # smoothed
    width = np.mean([curve.std() for _, curve in made])
    assert mean.mean() == pytest.approx(0.5, abs=1e-4)
    assert mean.std() == pytest.approx(0.7 * width, rel=1e-3)


def test_more_components_than_there_are_is_refused():
    network = SummDiff(NetworkConfig(inputs=5, components=6, width=16, heads=2))
    with pytest.raises(ModelError, match="6 components cannot be found in 5 features"):
        fit_closed_form(network, videos())
