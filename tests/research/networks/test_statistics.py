"""Statistics of training videos, ridge regression in closed form, and what denoisers take from both."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as TheirRidge
from small_networks import DENOISERS, denoiser

from summdiff.research.networks._statistics import Statistics, relation_weights
from summdiff.research.networks.ridge import Ridge, RidgeConfig
from summdiff.scoring.inputs import Condition


def videos(count=6, inputs=5, seed=0, relations=2):
    """Conditions and curves (N,) of videos of different length and level."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        x = rng.normal(number, 1 + number / 3, size=(20 + 5 * number, inputs))
        condition = Condition(features=x[:, : inputs - relations], relations=x[:, inputs - relations :])
        made.append((condition, x @ np.arange(inputs) * 0.1 + rng.normal(size=len(x)) + number))
    return made


def test_statistics_are_those_of_all_steps_together():
    made = videos()
    whole = np.concatenate([condition.inputs for condition, _ in made])
    found = Statistics.of(made[:2]) + Statistics.of(made[2:])
    assert (found.videos, found.steps) == (6, len(whole))
    assert found.mean == pytest.approx(whole.mean(axis=0))
    assert found.std == pytest.approx(whole.std(axis=0))
    without_products = Statistics.of(made, products=False)
    assert without_products.mean == pytest.approx(found.mean)
    assert without_products.std == pytest.approx(found.std)
    with pytest.raises(ValueError, match="at least one video"):
        Statistics.of([])


def test_ridge_is_scikit_learns_on_departures_from_each_videos_level():
    made, penalty = videos(), 0.3
    found, weights = Statistics.of(made), relation_weights(made[0][0])
    assert weights.tolist() == [1, 1, 1, 3, 3]
    rows = [(one.inputs - one.inputs.mean(axis=0)) / found.std * weights / np.sqrt(len(one)) for one, _ in made]
    wanted = [(y - y.mean()) / np.sqrt(len(y)) for _, y in made]
    theirs = TheirRidge(alpha=penalty * len(made), fit_intercept=False).fit(
        np.concatenate(rows), np.concatenate(wanted)
    )
    assert found.ridge(penalty, weights) == pytest.approx(theirs.coef_ * weights, abs=1e-8)


def test_features_alone_or_relations_alone_are_all_shrunk_alike():
    x = np.ones((4, 3))
    assert relation_weights(Condition(features=x)).tolist() == [1, 1, 1]
    assert relation_weights(Condition(relations=x)).tolist() == [3, 3, 3]


def test_the_ridge_network_predicts_what_was_fitted():
    made = videos()
    condition, statistics, weights = made[0][0], Statistics.of(made), relation_weights(made[0][0])
    network = Ridge(RidgeConfig(inputs=5))
    network.fit(statistics, penalty=0.3, relation_weights=weights, level=0.4)
    x = torch.from_numpy(condition.inputs).float()[None]
    found = network.predict(x, torch.ones(x.shape[:2], dtype=torch.bool))[0].numpy()
    coefficients = statistics.ridge(0.3, weights) / statistics.std
    assert found == pytest.approx((0.4 + (condition.inputs - statistics.mean) @ coefficients).clip(0, 1), abs=1e-4)


@pytest.mark.parametrize("name", DENOISERS)
def test_a_denoiser_sees_inputs_in_the_units_of_the_training_videos(name):
    made = videos()
    network = denoiser(name, inputs=5)
    network.fit(made, penalty=0.5)
    whole = torch.from_numpy(np.concatenate([condition.inputs for condition, _ in made])).float()
    standard = network.standardise(whole)
    assert standard.mean(dim=0).tolist() == pytest.approx([0] * 5, abs=1e-4)
    assert standard.std(dim=0, correction=0).tolist() == pytest.approx([1] * 5, abs=1e-4)


def test_the_mean_curve_is_the_fitted_linear_one():
    made = videos(inputs=7)
    network = denoiser("joint", inputs=7, mean_curve=True, linear_share=1.0).eval()
    network.fit(made, penalty=0.5)
    statistics, condition = Statistics.of(made), made[0][0]
    x = condition.inputs
    inputs = torch.tensor(x, dtype=torch.float32)
    with torch.inference_mode():
        curves = network.encode(inputs[None], torch.arange(len(x)) * 2.0).curves[0].numpy()
    mean = network.facts().mean.finalize(curves.T)
    linear = (x - statistics.mean) / statistics.std @ statistics.ridge(0.5, relation_weights(condition))
    assert curves[:, -1] == pytest.approx(linear, abs=1e-3)
    assert np.corrcoef(mean, linear)[0, 1] > 0.8  # smoothed
    width = np.mean([curve.std() for _, curve in made])
    assert mean.mean() == pytest.approx(0.5, abs=1e-4)
    assert mean.std() == pytest.approx(0.7 * width, rel=1e-3)
