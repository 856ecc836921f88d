"""The Gaussian process over opinions, against textbook formulas and by drawing from it."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from summdiff.research.networks.summdiff.kinship import Kinship, Opinions, given, squared_distances


def video(n=12, seed=0, kinds=3):
    """Places (1, N, E) of steps of a few kinds, in runs, and their seconds (N,)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (kinds, 4))
    which = np.arange(n) // 3 % kinds
    places = centres[which] + rng.normal(0, 0.05, (n, 4))
    return torch.tensor(places, dtype=torch.float64)[None], 2.0 * torch.arange(n, dtype=torch.float64), which


def covariance(n=12, **how):
    places, seconds, _ = video(n, **how)
    return Kinship().double().prior(places, seconds, torch.ones(1, n, dtype=torch.float64))


def test_distances_are_one_on_average_whatever_their_scale():
    places, _, _ = video()
    for scale in (1e-3, 1.0, 1e3):
        found = squared_distances(scale * places)
        assert found.mean() == pytest.approx(1)
        assert torch.allclose(found, squared_distances(places))
    assert not squared_distances(torch.ones(1, 5, 3)).any()


def test_steps_that_are_alike_go_together_and_those_near_each_other_more():
    places, seconds, which = video()
    K = Kinship().double().shared(places, seconds)[0]
    alike, other = int(np.flatnonzero(which == 0)[-1]), int(np.flatnonzero(which == 1)[0])
    assert alike == 11 or which[alike] == 0
    assert K[0, alike] > 3 * K[0, other]
    assert K[0, 1] > K[0, alike]
    assert torch.linalg.eigvalsh(K).min() > -1e-9


def test_known_scores_change_the_others_as_the_textbook_says():
    K = covariance()
    mean = torch.linspace(0.3, 0.7, 12, dtype=torch.float64)[None]
    known = torch.full((1, 12), torch.nan, dtype=torch.float64)
    at = [1, 7]
    known[0, at] = torch.tensor([0.9, 0.2], dtype=torch.float64)
    moved, left = given(mean, K, known)
    k, m = K[0].numpy(), mean[0].numpy()
    gain = k[:, at] @ np.linalg.inv(k[np.ix_(at, at)])
    assert np.allclose(moved[0], m + gain @ (np.array([0.9, 0.2]) - m[at]), atol=1e-4)
    assert np.allclose(left[0], k - gain @ k[at], atol=1e-5)
    assert torch.equal(moved[0, at], known[0, at])
    assert not left[0, at].any()
    assert not left[0, :, at].any()


def test_each_sample_may_have_known_scores_of_its_own():
    K, mean = covariance(), torch.full((1, 12), 0.5, dtype=torch.float64)
    known = torch.full((1, 3, 12), torch.nan, dtype=torch.float64)
    known[0, :, 4] = torch.tensor([0.1, 0.5, 0.8])
    moved, left = given(mean, K, known)
    for sample in range(3):
        alone, left_alone = given(mean, K, known[:, sample])
        assert torch.allclose(moved[:, sample], alone)
        assert torch.allclose(left, left_alone)


def test_the_expected_departure_is_that_of_a_joint_gaussian():
    K, mean = covariance(), torch.full((1, 12), 0.5, dtype=torch.float64)
    opinions, scale = Opinions.of(mean, K), 4.0
    a = torch.tensor([[0.3, 0.95]], dtype=torch.float64)
    apart = torch.randn(1, 2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected, uncertain = opinions.expected(apart, a, scale)
    k = scale**2 * K[0].numpy()
    for sample, left in enumerate(a[0].tolist()):
        gain = left * k @ np.linalg.inv(left**2 * k + (1 - left**2) * np.eye(12))
        assert np.allclose(expected[0, sample], gain @ apart[0, sample].numpy() / scale, atol=1e-8)
        assert np.allclose(uncertain[0, sample] ** 2, np.diag(k - left * gain @ k) / scale**2, atol=1e-8)


def test_padding_changes_nothing():
    places, seconds, _ = video()
    kinship, ones = Kinship().double(), torch.ones(1, 12, dtype=torch.float64)
    alone = kinship.prior(places, seconds, ones)
    padded = torch.cat([places, torch.full((1, 5, 4), 7.0)], dim=1)
    mask = torch.arange(17)[None] < 12
    wide = kinship.prior(padded, 2.0 * torch.arange(17), torch.ones(1, 17), mask)
    assert torch.allclose(wide[:, :12, :12], alone)
    assert not wide[:, 12:].any()
    curve = torch.rand(1, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    agreed = kinship.agreed(curve, places, seconds, None, 6.0)
    longer = torch.cat([curve, torch.full((1, 5), 9.0)], dim=1)
    assert torch.allclose(kinship.agreed(longer, padded, 2.0 * torch.arange(17), mask, 6.0)[:, :12], agreed)


def test_steps_of_a_kind_come_to_agree():
    places, seconds, which = video(60)
    rng = np.random.default_rng(0)
    wanted = np.array([0.2, 0.5, 0.9])[which]
    guesses = torch.tensor(wanted + rng.normal(0, 0.3, 60))[None]
    agreed = Kinship().double().agreed(guesses, places, seconds, None, 6.0)[0].numpy()
    assert np.corrcoef(agreed, wanted)[0, 1] > np.corrcoef(guesses[0], wanted)[0, 1] + 0.1
    assert np.abs(agreed).max() < 1


def test_the_fit_finds_what_departures_were_drawn_from():
    rng = np.random.default_rng(0)
    truth = Kinship()
    truth.logs.copy_(torch.tensor([0.01, 0.05, 0.005, 0.2, 2.0, 60.0]).log())
    videos = []
    for seed in range(12):
        places, seconds, _ = video(60, seed=seed, kinds=6)
        K = truth.double().prior(places, seconds, torch.ones(1, 60, dtype=torch.float64))[0].numpy()
        videos.append((places[0], seconds, torch.tensor(rng.multivariate_normal(np.zeros(60), K, size=20))))
    found, start = Kinship(), Kinship()
    before = start.fit(videos, steps=1)
    after = found.fit(videos)
    best = truth.float().fit(videos, steps=1)
    assert after < before - 0.05
    assert after < best + 0.02
    assert found.logs.exp()[1] > found.logs.exp()[0], "what is near counts more than what is merely alike"


def test_a_single_step_and_a_video_that_never_changes():
    kinship = Kinship()
    for places in (torch.zeros(1, 1, 4), torch.zeros(1, 9, 4)):
        n = places.shape[1]
        K = kinship.prior(places, 2.0 * torch.arange(n), torch.ones(1, n))
        opinions = Opinions.of(torch.full((1, n), 0.5), K)
        expected, uncertain = opinions.expected(torch.randn(1, 2, n), torch.full((1, 2), 0.5), 4.0)
        assert expected.isfinite().all()
        assert (uncertain > 0).all()
        assert kinship.agreed(torch.rand(1, n), places, 2.0 * torch.arange(n), None, 6.0).isfinite().all()


def test_batches_are_right_with_several_threads():
    """In a process of its own: torch's batched LU then hangs, prints or is wrong."""
    program = """
import torch
torch.set_num_threads(2)
from summdiff.research.networks.summdiff.kinship import Kinship, given
torch.manual_seed(0)
kinship, places, seconds = Kinship(), torch.randn(4, 300, 3), 2.0 * torch.arange(300.0)
curves, known = torch.rand(4, 300), torch.full((4, 300), torch.nan)
known[:, ::7] = 0.5
covariance = kinship.prior(places, seconds, torch.ones(4, 300))
together = kinship.agreed(curves, places, seconds, None, 0.5), *given(curves, covariance, known)
for number in range(4):
    one = slice(number, number + 1)
    alone = kinship.agreed(curves[one], places[one], seconds, None, 0.5), *given(
        curves[one], covariance[one], known[one]
    )
    for a, b in zip(together, alone, strict=True):
        assert torch.allclose(a[one], b, atol=1e-5), (a[one] - b).abs().max()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
