"""The ONNX graphs of every network score as the network does, for any number of steps, samples and windows."""

import copy

import numpy as np
import pytest
import torch
from small_networks import INPUTS, MEAN, SCORERS, awake, denoiser, features, relational, scorer

from summdiff.research.networks.export import export_graphs
from summdiff.research.networks.inference import in_torch
from summdiff.research.networks.ridge import Ridge, RidgeConfig
from summdiff.research.networks.storage import LARGEST_DIFFERENCE, beside_graphs
from summdiff.scoring.graphs import DENOISER_GRAPHS, SCORER_GRAPHS
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.scorer import ScoringModel

DENOISERS = {
    "summdiff": lambda: denoiser("summdiff"),
    "summdiff, projected": lambda: denoiser("summdiff", projected_attention=True),
    "release": lambda: denoiser("release"),
    "joint": denoiser,
    "release, as for TVSum": lambda: denoiser("release", own_step=True, cross_attention=False, kernel=3),
    "joint with a mean curve": lambda: denoiser(**MEAN),
    "joint with a mean curve of the head": lambda: denoiser(mean_curve=True),
    "joint, without cross-attention": lambda: denoiser(cross_attention=False),
    "release, own step without memory": lambda: denoiser("release", cross_attention=False, own_step=True, kernel=3),
    "relational": relational,
    "relational, Gaussian only": lambda: relational(gaussian_only=True),
}
VARIANTS = ("published", "corrected")
SCORED = {
    f"{name}, {variant}": lambda name=name, variant=variant: scorer(name, variant=variant)
    for name in SCORERS
    if name not in ("a2summ", "mlp")
    for variant in VARIANTS
}
SCORED |= {
    "a2summ": lambda: scorer("a2summ"),
    "a2summ, own layers": lambda: scorer("a2summ", shared_layers=False),
    "mlp": lambda: scorer("mlp"),
    "ridge": lambda: Ridge(RidgeConfig(inputs=INPUTS)),
}
STEPS = [1, 2, 13, 257, *(pytest.param(n, marks=pytest.mark.slow) for n in (600, 3600))]


@pytest.fixture(scope="module", params=DENOISERS)
def sampling(request):
    """A model around torch, its graphs, and the model with both."""
    network = awake(DENOISERS[request.param]())
    conditioning = "gaussian_prior" if request.param.startswith("relational") else "features"
    model = SamplingModel(SamplingConfig(id=request.param, conditioning=conditioning), in_torch(network))
    graphs = export_graphs(network)
    return model, graphs, beside_graphs(model, graphs)


@pytest.fixture(scope="module", params=SCORED)
def scoring(request):
    """The same of a scorer, which sees videos as a whole."""
    network = awake(SCORED[request.param]())
    model = ScoringModel(ModelConfig(id=request.param, conditioning="features", window=4000), in_torch(network))
    return model, beside_graphs(model, export_graphs(network))


def seen(model, n):
    if model.conditioning == "gaussian_prior":
        return features(n)
    return np.random.default_rng(n).standard_normal((n, INPUTS), dtype=np.float32)


# All four kinds at one length; at others the plainest and the fullest by default, the others as slow tests.
CASES = [(13, known, w) for known in (False, True) for w in (0.0, 0.3)]
CASES += [(n, known, w) for n in (1, 2, 257) for known, w in ((False, 0.0), (True, 0.3))]
CASES += [
    pytest.param(n, known, w, marks=pytest.mark.slow)
    for n in (1, 2, 257, 600, 3600)
    for known in (False, True)
    for w in (0.0, 0.3)
    if n > 257 or known != (w > 0)
]


@pytest.mark.parametrize(("n", "with_known", "w"), CASES)
def test_graphs_of_a_denoiser_score_as_it_does(sampling, n, with_known, w):
    model, _, both = sampling
    known = np.full(n, np.nan)
    known[:: max(2, n // 3)] = 0.9
    with_known = with_known and model.conditions_on_known
    how = {"rate": 1.0, "samples": 3, "steps": 3, "guidance_scale": w, "known": known if with_known else None}
    both.network.largest = 0.0
    curves = both.score(seen(model, n), **how)
    assert np.isfinite(curves.samples).all()
    assert both.network.largest <= LARGEST_DIFFERENCE
    if model.network.facts.mean is not None and w == 0 and (model.network.facts.prior is not None or not with_known):
        exported = SamplingModel(model.config, both.network.graphs)
        assert np.allclose(exported.score(seen(model, n), **how).mean, curves.mean, atol=LARGEST_DIFFERENCE, rtol=0)


@pytest.mark.parametrize("n", STEPS)
def test_graphs_of_a_scorer_score_as_it_does(scoring, n):
    model, both = scoring
    exported, x = ScoringModel(model.config, both.network.graphs), seen(model, n)
    both.network.largest = 0.0
    for readout in model.readouts:
        curve = both.score(x, rate=1.0, readout=readout).mean
        assert both.network.largest <= LARGEST_DIFFERENCE
        if readout == "scores":
            assert np.allclose(exported.score(x, rate=1.0).mean, curve, atol=LARGEST_DIFFERENCE, rtol=0)


def test_scores_depend_on_every_part_that_is_compared(sampling):
    """So that a graph that lost one would be noticed: on the video, the noise, the null video and known scores."""
    model, _, _ = sampling
    x = seen(model, 40)
    usual = model.sample(x, rate=1.0, steps=3)
    assert np.ptp(usual, axis=1).min() > 1e-3
    assert not np.allclose(model.sample(x[::-1].copy(), rate=1.0, steps=3), usual, atol=1e-3)
    assert not np.allclose(model.sample(x, rate=1.0, steps=3, seed=1), usual, atol=1e-3)
    assert not np.allclose(model.sample(x, rate=1.0, steps=3, guidance_scale=0.3), usual, atol=1e-3)
    if model.conditions_on_known:
        known = np.where(np.arange(40) == 20, 0.9, np.nan)
        assert not np.allclose(model.sample(x, rate=1.0, steps=3, known=known), usual, atol=1e-3)


def test_scores_of_a_scorer_depend_on_the_video(scoring):
    model, _ = scoring
    one, other = (model.score(seen(model, 40)[::sign].copy(), rate=1.0).mean for sign in (1, -1))
    assert np.ptp(one) > 1e-4
    assert not np.allclose(one, other, atol=1e-4)


def test_graphs_of_other_weights_are_told_apart(sampling):
    model, graphs, _ = sampling
    other = copy.deepcopy(model.network.module)
    with torch.no_grad():
        for weight in other.state_dict().values():
            weight.mul_(1.01)
    both = beside_graphs(SamplingModel(model.config, in_torch(other)), graphs)
    both.score(seen(model, 13), rate=1.0, samples=3, steps=3)
    assert both.network.largest > 3 * LARGEST_DIFFERENCE


def test_a_denoiser_has_three_graphs_and_a_scorer_one(sampling):
    assert tuple(sampling[1]) == DENOISER_GRAPHS
    assert tuple(export_graphs(scorer("mlp"))) == SCORER_GRAPHS


def test_export_leaves_the_network_as_it_was():
    network = denoiser(encoder_layers=1, denoiser_layers=1).train()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    export_graphs(network)
    assert network.training
    assert all(weight.requires_grad for weight in network.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())
