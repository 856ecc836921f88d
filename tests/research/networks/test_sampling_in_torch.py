"""Sampling with a torch network inside, as in validation."""

import numpy as np
import pytest
import torch
from small_networks import DENOISERS, denoiser, features

from summdiff.errors import ModelError
from summdiff.features.relations import DESCRIPTORS
from summdiff.research.networks.inference import in_torch, module_of
from summdiff.scoring.sampling import SamplingConfig, SamplingModel


def model_of(network, **options):
    return SamplingModel(SamplingConfig(**{"id": "own", "conditioning": "features"} | options), in_torch(network))


@torch.no_grad()
def around_a_mean():
    """A network with a mean curve, whose departures from it leave scores within 0 and 1."""
    network = denoiser(inputs=24, mean_curve=True, mean_gain=0.1, n_bins=20)
    network.head.weight.mul_(0.1)
    return network


@pytest.mark.parametrize("name", DENOISERS)
def test_scores_that_are_no_numbers_are_refused(name):
    """Weights that are finite, each, and whose sums are not."""
    network = denoiser(name, inputs=4)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1e30)
    diverged = model_of(network, id="diverged")
    with pytest.raises(ModelError, match="'diverged' gives scores that are not finite numbers"):
        diverged.sample(np.random.default_rng(0).normal(size=(9, 4)), rate=1.0, samples=2, steps=3)


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize("w", [0.0, 0.2])
def test_every_denoiser_samples_and_encodes_once(name, w):
    """The condition is encoded once a video, not once a step or sample."""
    network = denoiser(name, inputs=24)
    calls = []
    for layer in network.encoder:
        layer.register_forward_hook(lambda *_: calls.append(1))
    curves = model_of(network, eta=1.0).sample(features(40), rate=1.0, samples=5, steps=7, guidance_scale=w)
    assert curves.shape == (5, 40)
    assert (curves >= 0).all()
    assert (curves <= 1).all()
    assert np.ptp(curves) > 0
    assert len(calls) == len(network.encoder) * (1 if w == 0 else 2)  # layers; the null video once more


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_torchs_random_state_is_neither_read_nor_changed(eta):
    model, x = model_of(denoiser(inputs=24), eta=eta), features(30)
    torch.manual_seed(1)
    first, after = model.sample(x, rate=1.0, samples=2), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    assert np.array_equal(model.sample(x, rate=1.0, samples=2), first)


def test_features_are_not_changed():
    x = features(30)
    before = x.copy()
    model_of(denoiser(inputs=24)).sample(x, rate=1.0, samples=2, steps=2)
    assert np.array_equal(x, before)


def test_both_features_and_relations():
    model = model_of(denoiser(inputs=24 + 2 * len(DESCRIPTORS)), conditioning="both")
    assert model.sample(features(10), rate=1.0, samples=2, steps=2).shape == (2, 10)
    with pytest.raises(ModelError, match="needs features of 24 dimensions, got 32"):
        model.sample(features(10, dimension=32), rate=1.0)


def test_the_network_in_a_model_can_be_had():
    network = denoiser()
    assert module_of(model_of(network)) is network


@pytest.mark.parametrize("name", DENOISERS)
def test_without_a_mean_curve_the_mean_is_that_of_the_samples(name):
    curves = model_of(denoiser(name, inputs=24)).score(features(60), rate=1.0, samples=6, steps=3)
    assert np.allclose(curves.mean, curves.samples.mean(axis=0), atol=1e-6)
    assert np.allclose(curves.spread, curves.samples.std(axis=0), atol=1e-6)


def test_samples_around_a_mean_curve_have_it_as_their_mean():
    """Whatever the seed: pairs from opposite noise are mirror images, so their mean has no noise of its own."""
    model = model_of(around_a_mean())
    x = features(300)  # more than a window
    one, other = (model.score(x, rate=1.0, samples=4, seed=seed) for seed in (0, 1))
    assert not np.allclose(one.samples[0], other.samples[0], atol=0.02)
    assert np.array_equal(one.mean, other.mean)
    assert np.ptp(one.mean) > 0.1
    for curves in (one, other):
        assert np.allclose(curves.samples.mean(axis=0), curves.mean, atol=1e-4)


def test_samples_that_are_each_denoised_mirror_each_other_too():
    """The network is odd around its mean curve; that only one of a pair is denoised changes nothing."""
    model = model_of(around_a_mean())
    x = features(60)
    quick = model.sample(x, rate=1.0, samples=4)
    each = model.sample(x, rate=1.0, samples=4, guidance_scale=np.finfo(float).tiny)
    # Rounding may put a score on the edge between two levels to either of them, in one of the two images.
    assert np.quantile(np.abs(quick - each), 0.9) < 1e-4
