"""The Gaussian prior and its posterior, against textbook formulas."""

from dataclasses import astuple

import numpy as np
import pytest

from summdiff.errors import ModelError
from summdiff.scoring.gaussian import GaussianPrior, ScorePosterior, condition_on, squared_distances


def video(n=12, seed=0, kinds=3):
    """Return places (N, E) of steps of a few kinds, in runs, their seconds (N,), and the kind (N,) of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (kinds, 4))
    which = np.arange(n) // 3 % kinds
    places = centres[which] + rng.normal(0, 0.05, (n, 4))
    return places, 2.0 * np.arange(n), which


def covariance(n=12, **how):
    places, seconds, _ = video(n, **how)
    return GaussianPrior().covariance(places, seconds, np.ones(n))


def test_distances_are_one_on_average_whatever_their_scale():
    places, _, _ = video()
    for scale in (1e-3, 1.0, 1e3):
        found = squared_distances(scale * places)
        assert found.mean() == pytest.approx(1)
        assert np.allclose(found, squared_distances(places))
    assert not squared_distances(np.ones((5, 3))).any()


def test_steps_that_are_alike_covary_and_near_ones_more():
    places, seconds, which = video()
    shared = GaussianPrior().shared(places, seconds)
    alike, other = int(np.flatnonzero(which == 0)[-1]), int(np.flatnonzero(which == 1)[0])
    assert alike > 3
    assert shared[0, alike] > 3 * shared[0, other]
    assert shared[0, 1] > shared[0, alike]
    assert np.linalg.eigvalsh(shared).min() > -1e-9


def test_the_covariance_is_its_formula():
    places, seconds, _ = video()
    prior = GaussianPrior(0.03, 0.02, 0.01, 0.5, 0.8, 20.0)
    scale = np.linspace(0.8, 1.3, 12)
    found = prior.covariance(places, seconds, scale)
    d = squared_distances(places)
    for i, j in ((0, 0), (0, 1), (2, 9)):
        lag = abs(seconds[i] - seconds[j])
        inside = 0.03 * np.exp(-d[i, j] / 0.5) + 0.02 * np.exp(-d[i, j] / 0.8 - lag / 20) + 0.01 * (i == j)
        assert found[i, j] == pytest.approx(scale[i] * scale[j] * inside)


def test_known_scores_change_the_others_as_the_textbook_says():
    k, m = covariance(), np.linspace(0.3, 0.7, 12)
    known, at = np.full(12, np.nan), [1, 7]
    known[at] = 0.9, 0.2
    moved, left = condition_on(m, k, known)
    gain = k[:, at] @ np.linalg.inv(k[np.ix_(at, at)])
    assert np.allclose(moved, m + gain @ (known[at] - m[at]), atol=1e-4)
    assert np.allclose(left, k - gain @ k[at], atol=1e-5)
    assert np.array_equal(moved[at], known[at])
    assert not left[at].any()
    assert not left[:, at].any()


def test_each_sample_may_have_known_scores_of_its_own():
    k, mean = covariance(), np.full(12, 0.5)
    known = np.full((3, 12), np.nan)
    known[:, 4] = 0.1, 0.5, 0.8
    moved, left = condition_on(mean, k, known)
    for sample in range(3):
        alone, left_alone = condition_on(mean, k, known[sample])
        assert np.allclose(moved[sample], alone)
        assert np.allclose(left, left_alone)


def test_conditioning_leaves_its_arguments_alone():
    k, mean, known = covariance(), np.full(12, 0.5), np.full(12, np.nan)
    known[3] = 0.9
    before = k.copy(), mean.copy(), known.copy()
    ScorePosterior.of(mean, k, known)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, (k, mean, known), strict=True))


@pytest.mark.parametrize("given", [None, np.full(12, np.nan)], ids=["none", "nan"])
def test_with_nothing_known_the_posterior_is_the_prior(given):
    k, mean = covariance(), np.linspace(0.3, 0.7, 12)
    posterior = ScorePosterior.of(mean, k, given)
    assert np.array_equal(posterior.mean, mean)
    assert np.allclose(posterior.directions * posterior.variances @ posterior.directions.T, k)
    assert np.allclose(posterior.deviation, np.sqrt(np.diagonal(k)))


def test_directions_and_variances_make_up_the_conditioned_covariance():
    k, known = covariance(), np.full(12, np.nan)
    known[[2, 8]] = 0.7, 0.1
    posterior = ScorePosterior.of(np.full(12, 0.5), k, known)
    _, left = condition_on(np.full(12, 0.5), k, known)
    assert np.allclose(posterior.directions * posterior.variances @ posterior.directions.T, left)
    assert (posterior.variances >= 0).all()
    assert np.allclose(posterior.deviation**2, np.diagonal(left).clip(0))
    assert not posterior.deviation[[2, 8]].any()


def test_all_scores_known_leave_nothing_open():
    known = np.linspace(0, 1, 12)
    posterior = ScorePosterior.of(np.full(12, 0.5), covariance(), known)
    assert np.array_equal(posterior.mean, known)
    assert not posterior.deviation.any()
    assert not posterior.variances.any()


def test_steps_of_a_kind_come_to_agree():
    places, seconds, which = video(60)
    rng = np.random.default_rng(0)
    wanted = np.array([0.2, 0.5, 0.9])[which]
    guesses = wanted + rng.normal(0, 0.3, 60)
    agreed = GaussianPrior().smooth(guesses, places, seconds, noise=6.0)
    assert np.corrcoef(agreed, wanted)[0, 1] > np.corrcoef(guesses, wanted)[0, 1] + 0.1
    assert np.abs(agreed).max() < 1


def test_smoothing_is_the_textbooks_regression():
    places, seconds, _ = video()
    curve = np.random.default_rng(1).random(12)
    k = GaussianPrior().shared(places, seconds)
    noisy = k + 2.0 * np.diag(np.diagonal(k))
    wanted = k @ np.linalg.inv(noisy) @ (curve - curve.mean())
    assert np.allclose(GaussianPrior().smooth(curve, places, seconds, noise=2.0), wanted)


@pytest.mark.parametrize("n", [1, 9])
def test_a_single_step_and_a_video_that_never_changes(n):
    prior, places, seconds = GaussianPrior(), np.zeros((n, 4)), 2.0 * np.arange(n)
    posterior = ScorePosterior.of(np.full(n, 0.5), prior.covariance(places, seconds, np.ones(n)))
    assert np.isfinite(posterior.directions).all()
    assert (posterior.deviation > 0).all()
    assert np.isfinite(prior.smooth(np.random.default_rng(0).random(n), places, seconds, noise=6.0)).all()


def test_parameters_by_their_logarithms():
    prior = GaussianPrior(0.03, 0.02, 0.01, 0.5, 0.8, 20.0)
    assert astuple(GaussianPrior.from_logs(np.log(astuple(prior)))) == pytest.approx(astuple(prior))
    assert GaussianPrior(**prior.to_dict()) == prior


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf"), "0.1", None])
def test_parameters_that_make_no_covariance_are_refused(wrong):
    with pytest.raises(ModelError, match="prior's near must be a positive number"):
        GaussianPrior(near=wrong)
