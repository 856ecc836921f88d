"""The relational network: what it sees, what it starts as, and what known scores do to its samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import annotated, descriptors, features, relational

from summdiff.errors import ModelError
from summdiff.research.networks.base import Prepared
from summdiff.research.networks.inference import in_torch
from summdiff.research.networks.relational import Relational, RelationalConfig, RelationalDenoising, known_steps
from summdiff.research.networks.relational_fit import (
    AnnotatedView,
    WeightedCurve,
    cross_fitted_means,
    fit_relational,
)
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.inputs import condition_of
from summdiff.scoring.sampling import SamplingConfig, SamplingModel

SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "n_bins": 20, "dropout": 0.0}


def model_of(network, **options):
    config = SamplingConfig("small", conditioning="gaussian_prior", step_seconds=2.0, **options)
    return SamplingModel(config, in_torch(network))


@pytest.fixture(scope="module")
def network():
    return relational()


@pytest.fixture(scope="module")
def model(network):
    return model_of(network, window=64)


def as_gaussian(network, *, narrower=0.0):
    """The network without D, its prior's variances divided by e to the power of `narrower`."""
    gaussian = Relational(replace(network.config, gaussian_only=True)).eval()
    gaussian.load_state_dict(network.state_dict())
    gaussian.prior_logs[:3] -= narrower
    return gaussian


NARROW = np.log(64)  # so that no sample is cut at 0 or 1


def test_untrained_it_is_a_gaussian(network):
    """D is 0 at first, so samples are those of the process that was fitted: their covariance is its."""
    x = features(12, seed=5)
    few = [model_of(each).sample(x, rate=0.5) for each in (network, as_gaussian(network))]
    assert np.allclose(*few, atol=1e-5)
    gaussian = as_gaussian(network, narrower=NARROW)
    curves = model_of(gaussian).score(x, rate=0.5, samples=2000, steps=100, seed=0)
    condition = condition_of(x, rate=0.5, conditioning="gaussian_prior")
    with torch.inference_mode():
        scale = gaussian.log_scale(torch.from_numpy(condition.inputs)).exp().numpy()
    wanted = gaussian.prior.covariance(condition.places, 2.0 * np.arange(12), scale)
    assert np.abs(np.cov(curves.samples.T) - wanted).max() < 0.15 * np.diagonal(wanted).max()
    assert np.allclose(curves.spread, np.sqrt(np.diagonal(wanted)), atol=1e-6)
    assert np.allclose(curves.samples.mean(axis=0), curves.mean, atol=5e-3)  # but for a few that are cut all the same


def test_its_mean_is_ridge_regression_in_which_similar_steps_agree(network):
    x = features(40, seed=5)
    condition, seconds = condition_of(x, rate=0.5, conditioning="gaussian_prior"), 2.0 * np.arange(40)
    facts = network.facts()
    with torch.inference_mode():
        encoded = network.encode(torch.from_numpy(condition.inputs[None]), torch.from_numpy(seconds).float())
        linear = network.standardise(torch.from_numpy(condition.inputs)) @ network.linear_weights
    assert torch.allclose(encoded.curves[0, :, 0], linear, atol=1e-4)
    agreed = facts.prior.smooth(linear.numpy(), condition.places, seconds, noise=facts.guess_noise)
    wanted = facts.mean.finalize(agreed[None].astype(np.float32))
    assert np.allclose(model_of(network).score(x, rate=0.5, samples=1, steps=1).mean, wanted, atol=1e-4)


@torch.inference_mode()
def test_the_expected_departure_is_that_of_a_joint_gaussian(network):
    view = annotated(1)[0]
    places, seconds = view.places[:12], view.seconds[:12]
    K = network.prior.covariance(places, seconds, np.linspace(0.8, 1.2, 12))
    posterior = ScorePosterior.of(np.full(12, 0.5), K)
    directions, variances = (torch.from_numpy(each)[None] for each in (posterior.directions, posterior.variances))
    condition = Prepared(None, None, [], directions=directions, variances=variances)
    a, scale = torch.tensor([[0.3, 0.95]], dtype=torch.float64), 2 * network.config.score_scale
    apart = torch.randn(1, 2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected, uncertain = network.posterior_residual(apart, a, condition)
    k = scale**2 * K
    for sample, left in enumerate(a[0].tolist()):
        gain = left * k @ np.linalg.inv(left**2 * k + (1 - left**2) * np.eye(12))
        assert np.allclose(expected[0, sample], gain @ apart[0, sample].numpy() / scale, atol=1e-8)
        assert np.allclose(uncertain[0, sample] ** 2, np.diag(k - left * gain @ k) / scale**2, atol=1e-8)


@torch.inference_mode()
@pytest.mark.parametrize("t", [5, 500, 900])
def test_where_a_score_is_known_its_prediction_stays(t):
    """The posterior has no variance there, so neither G nor D moves it."""
    trained = relational(videos=3)
    torch.nn.init.normal_(trained.head.weight, std=0.3)
    view = annotated(1)[0]
    known = np.full(len(view.condition), np.nan)
    known[[3, 20]] = 0.9, 0.1
    K = trained.prior.covariance(view.places, view.seconds, np.ones(len(known)))
    posterior = ScorePosterior.of(np.full(len(known), 0.5), K, known)
    seconds = torch.from_numpy(view.seconds).float()
    given = {
        name: torch.from_numpy(getattr(posterior, name))[None].float() for name in ("mean", "directions", "variances")
    }
    tokens = trained.encode(torch.from_numpy(descriptors(view))[None], seconds).tokens
    prepared = trained.prepare(tokens, seconds, **given)
    noisy = torch.randn(1, 4, len(known), generator=torch.Generator().manual_seed(0))
    found = trained.denoise(noisy, torch.tensor([[t]]), torch.tensor([[1 - t / 1000]]), prepared)
    assert torch.allclose(found[0, :, [3, 20]], torch.tensor([0.9, 0.1]), atol=2e-3)
    assert (found[0] - given["mean"]).abs().max() > 0.01


def test_the_mean_of_a_mirrored_pair_is_the_mean_curve(model):
    x = features(90, seed=3)
    one, many = (model.score(x, rate=0.5, samples=samples, steps=4) for samples in (2, 16))
    assert np.array_equal(one.mean, many.mean)
    for curves in (one, many):
        inside = ((curves.samples > 0) & (curves.samples < 1)).all(axis=0)
        assert inside.sum() > 30
        assert np.allclose(curves.samples.mean(axis=0)[inside], curves.mean[inside], atol=1e-4)


def test_known_scores_are_kept_and_what_is_alike_follows(model):
    x = features(60, seed=7, kinds=2)
    far = np.linalg.norm(x[:, None] - x, axis=-1)
    here = 5
    likeness = far[here]
    steps = np.arange(60)
    alike = (likeness < np.median(likeness)) & (abs(steps - here) > 10)
    known = np.full(60, np.nan)
    known[here] = 0.99
    free = model.sample(x, rate=0.5, samples=16)
    asked = model.sample(x, rate=0.5, samples=16, known=known)
    assert np.allclose(asked[:, here], 0.99)
    moved = asked.mean(axis=0) - free.mean(axis=0)
    assert moved[alike].mean() > 0.03
    assert moved[alike].mean() > moved[(likeness > np.median(likeness)) & (abs(steps - here) > 10)].mean() + 0.03
    assert asked.std(axis=0)[alike].mean() < free.std(axis=0)[alike].mean()


def test_known_scores_at_another_rate_are_kept_at_their_own_steps(model):
    x = np.repeat(features(30), 8, axis=0)  # four steps a second for one of the model's
    known = np.full(240, np.nan)
    known[40:50] = 0.9
    curves = model.sample(x, rate=4.0, samples=4, known=known)
    assert np.allclose(curves[:, 40:50], 0.9)


def test_the_foreseen_spread_is_that_of_many_samples(network):
    model = model_of(as_gaussian(network, narrower=NARROW))
    x = features(40, seed=2)
    known = np.full(40, np.nan)
    known[[3, 20]] = 0.5
    for given in (None, known):
        curves = model.score(x, rate=0.5, samples=1000, steps=100, known=given)
        assert np.allclose(curves.spread, curves.samples.std(axis=0), rtol=0.2, atol=0.003)
    assert not curves.spread[[3, 20]].any()


def test_no_seam_shows_where_windows_meet(model):
    """A planted signal that comes again every 20 steps comes again in mean, spread and each sample's roughness."""
    period, n = 20, 400
    x = np.tile(features(period, seed=11), (n // period, 1))
    found = model.score(x, rate=0.5, samples=32, steps=4)
    curves, mean, spread = found.samples, found.mean, found.spread
    starts = np.linspace(0, n - 64, 1 + -(-(n - 64) // 48)).round()
    borders = np.concatenate([starts[1:], starts[:-1] + 64]).astype(int)
    near = np.abs(np.arange(n)[:, None] - borders).min(axis=1) < 3
    inside = (np.arange(n) >= 40) & (np.arange(n) < n - 40)
    for curve, small in ((mean, 0.05), (spread, 0.03)):
        typical = np.median(curve.reshape(-1, period)[2:-2], axis=0)
        off = np.abs(curve - np.tile(typical, n // period))
        assert off[near & inside].max() < small
        assert off[near & inside].mean() < off[~near & inside].mean() + 0.01
    steps = np.abs(np.diff(curves, axis=1)).mean(axis=0)
    assert 0.8 < steps[near[1:] & inside[1:]].mean() / steps[~near[1:] & inside[1:]].mean() < 1.25


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_any_number_of_steps(model, n):
    curves = model.sample(features(n), rate=0.5, samples=4, steps=2)
    assert curves.shape == (4, n)
    assert np.isfinite(curves).all()


def test_foreseen_curves_did_not_see_their_own_video():
    torch.manual_seed(0)
    views = annotated()
    network = Relational(RelationalConfig(inputs=views[0].descriptors.shape[1], **SMALL))
    before = fit_relational(network, views)
    assert all(np.array_equal(a, b) for a, b in zip(before, cross_fitted_means(network, views), strict=True))
    rng = np.random.default_rng(0)
    changed = [
        AnnotatedView(v.video, v.condition, rng.permuted(v.curves, axis=1) if v.video == 3 else v.curves, v.seconds)
        for v in views
    ]
    after = cross_fitted_means(network, changed)
    # The same up to how wide mean curves are on the whole
    assert np.corrcoef(after[3], before[3])[0, 1] > 1 - 1e-6
    assert min(np.corrcoef(a, b)[0, 1] for i, (a, b) in enumerate(zip(after, before, strict=True)) if i != 3) < 1 - 1e-6


def test_foreseen_curves_agree_with_people():
    torch.manual_seed(0)
    views = annotated()
    network = Relational(RelationalConfig(inputs=views[0].descriptors.shape[1], **SMALL))
    found = fit_relational(network, views)
    agreement = [np.corrcoef(mean, view.curves.mean(axis=0))[0, 1] for mean, view in zip(found, views, strict=True)]
    assert np.mean(agreement) > 0.5
    wide = np.mean([mean.std() for mean in found])
    assert 0.02 < wide < np.mean([view.curves.mean(axis=0).std() for view in views])


def test_other_sets_count_by_their_weight():
    torch.manual_seed(0)
    views = annotated(6)
    network = Relational(RelationalConfig(inputs=views[0].descriptors.shape[1], **SMALL))
    alone = fit_relational(network, views)
    backwards = [WeightedCurve(view.condition, -view.curves.mean(axis=0), 20.0) for view in views]
    beside = fit_relational(network, views, backwards)
    assert np.corrcoef(np.concatenate(alone), np.concatenate(beside))[0, 1] < 0


def test_every_weight_learns_and_padding_changes_no_loss(network):
    learner = RelationalDenoising(network, p_uncond=0.0, curves=3)
    views = annotated()[:3]
    longest = max(len(view.condition) for view in views)
    inputs = torch.zeros(3, longest, views[0].descriptors.shape[1])
    places = torch.zeros(3, longest, views[0].places.shape[1])
    targets, means, mask = torch.zeros(3, 3, longest), torch.zeros(3, longest), torch.zeros(3, longest, dtype=bool)
    for i, (view, mean) in enumerate(zip(views, cross_fitted_means(network, annotated()), strict=False)):
        n = len(view.condition)
        inputs[i, :n], targets[i, :, :n] = torch.from_numpy(descriptors(view)), torch.from_numpy(view.curves[:3])
        means[i, :n], places[i, :n], mask[i, :n] = torch.from_numpy(mean), torch.from_numpy(view.places), True
    seeds = torch.tensor([1, 2, 3])
    seconds = 2.0 * torch.arange(longest).expand(3, -1)
    torch.nn.init.normal_(network.head.weight, std=0.1)  # 0 lets no gradient through to what is below
    try:
        losses = learner(inputs, targets, seconds, mask, seeds, means, places)
        losses.sum().backward()
        silent = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
        assert silent == ["null"]  # no video is dropped here
        n = len(views[0].condition)
        # Noise is drawn step by step, so a shorter video gets the same; what is known is drawn by its length
        alone = learner(
            *(
                inputs[:1, :n],
                targets[:1, :, :n],
                seconds[:1, :n],
                mask[:1, :n],
                seeds[:1],
                means[:1, :n],
                places[:1, :n],
            )
        )
        assert torch.allclose(alone[0], losses[0], rtol=1e-3)
    finally:
        network.zero_grad(set_to_none=True)
        torch.nn.init.zeros_(network.head.weight)


def test_known_steps_leave_some_to_learn():
    lengths = [50, 50, 50, 3, 4] * 40
    there = known_steps(list(range(200)), lengths, steps=50).numpy()
    share = there.sum(axis=1) / np.array(lengths)
    assert 0.4 < (share[np.array(lengths) == 50] > 0).mean() < 0.6
    assert share.max() < 1
    for row, length in zip(there, lengths, strict=True):
        assert not row[length:].any()
    assert not there[np.array(lengths) == 3].any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"guess_noise": 0.0},
        {"kernel": 2},
        {"score_scale": 0.0},
        {"input_dropout": 1.0},
    ],
)
def test_what_makes_no_relational_network_is_refused(wrong):
    with pytest.raises(ModelError):
        RelationalConfig(inputs=50, **wrong)
