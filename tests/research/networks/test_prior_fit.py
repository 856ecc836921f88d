"""The fit of the Gaussian prior, on departures that are drawn from a known one."""

from dataclasses import astuple

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from summdiff.research.networks.relational_fit import _likelihood, fit_prior
from summdiff.scoring.gaussian import GaussianPrior, squared_distances

TRUTH = GaussianPrior(0.01, 0.05, 0.005, 0.2, 2.0, 60.0)


def video(n=60, seed=0, kinds=6, count=20):
    """Places (N, E) of steps of a few kinds, in runs, their seconds (N,), and departures (U, N) drawn from `TRUTH`."""
    rng = np.random.default_rng(seed)
    places = rng.normal(0, 1, (kinds, 4))[np.arange(n) // 3 % kinds] + rng.normal(0, 0.05, (n, 4))
    seconds = 2.0 * np.arange(n)
    K = TRUTH.covariance(places, seconds, np.ones(n))
    return places, seconds, rng.multivariate_normal(np.zeros(n), K, size=count)


def test_the_fit_finds_what_departures_were_drawn_from():
    videos = [video(seed=seed) for seed in range(12)]
    _, before = fit_prior(videos, steps=1)
    found, after = fit_prior(videos)
    _, best = fit_prior(videos, start=TRUTH, steps=1)
    assert after < before - 0.05
    assert after < best + 0.02
    assert found.near > found.alike, "what is near counts more than what is merely alike"


def test_a_likelihood_is_that_of_the_textbook():
    from scipy.stats import multivariate_normal

    places, seconds, residuals = video(n=12)
    K = TRUTH.covariance(places, seconds, np.ones(12))
    density = multivariate_normal(np.zeros(12), K).logpdf(residuals)
    lag = np.abs(seconds[:, None] - seconds)
    empirical = residuals.T @ residuals / len(residuals)
    value, _ = _likelihood(np.array(astuple(TRUTH)), squared_distances(places), lag, empirical)
    assert value == pytest.approx(-2 * density.mean() / 12 - np.log(2 * np.pi))


def test_its_gradient_is_that_of_its_value():
    places, seconds, residuals = video(n=12)
    fixed = (
        squared_distances(places),
        np.abs(seconds[:, None] - seconds),
        residuals.T @ residuals / len(residuals),
    )
    logs = np.log(astuple(GaussianPrior()))
    numeric = approx_fprime(logs, lambda x: _likelihood(np.exp(x), *fixed)[0], 1e-6)
    assert _likelihood(np.exp(logs), *fixed)[1] == pytest.approx(numeric, abs=1e-4)


def test_each_video_counts_the_same_whatever_its_length():
    few, many = video(n=24, seed=0), video(n=90, seed=1)
    values = [fit_prior([each], steps=1)[1] for each in (few, many)]
    _, both = fit_prior([few, many], steps=1)
    assert min(values) - 0.2 < both < max(values) + 0.2


@pytest.mark.parametrize("n", [1, 5])
def test_departures_that_never_change_give_finite_parameters(n):
    places, seconds = np.zeros((n, 4)), 2.0 * np.arange(n)
    found, value = fit_prior([(places, seconds, np.zeros((3, n)))])
    assert np.isfinite(astuple(found)).all()
    assert np.isfinite(value)


def test_departures_without_a_likelihood_leave_the_start():
    places, seconds, residuals = video(n=12)
    with np.errstate(all="ignore"):
        found, value = fit_prior([(places, seconds, 1e200 * residuals)])
    assert not np.isfinite(value)
    assert astuple(found) == pytest.approx(astuple(GaussianPrior()))
