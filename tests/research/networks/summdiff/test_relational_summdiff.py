"""The relational network: what it sees, what it starts as, and what known scores do to its samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from summdiff.errors import ModelError, UsageError
from summdiff.features.relational import PLACES, describe_twice, places
from summdiff.research.networks.folder import write_model
from summdiff.research.networks.summdiff.denoising import RelationalDenoising, known_steps
from summdiff.research.networks.summdiff.relational import Relational, RelationalConfig
from summdiff.research.networks.summdiff.relational_fit import Annotated, fit_relational, foresee
from summdiff.scoring import load_model
from summdiff.scoring.inputs import condition_inputs
from summdiff.scoring.sampling import SamplingConfig, SamplingModel

SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "n_bins": 20, "dropout": 0.0}


def features(n, seed=0, kinds=4, dimension=24):
    """Scenes of a few kinds that come again."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (kinds, dimension))
    scenes = rng.integers(kinds, size=n // 5 + 1)
    return (centres[np.repeat(scenes, 5)[:n]] + rng.normal(0, 0.3, (n, dimension)) + 3).astype(np.float32)


def people(x, seed=0, count=12):
    """Curves (U, N) of people who find steps that stand out important, and each some kind of step as well."""
    rng = np.random.default_rng(seed)
    unusual = np.linalg.norm(x - x.mean(axis=0), axis=1)
    own = (x - x.mean(axis=0)) @ rng.normal(0, 1, (x.shape[1], count))
    raw = 0.7 * (unusual / unusual.std())[None] + (own / own.std(axis=0)).T + rng.normal(0, 0.3, (count, len(x)))
    return ((raw.argsort(axis=1).argsort(axis=1) + 0.5) / len(x)).astype(np.float32)


def annotated(videos=8):
    found = []
    for seed in range(videos):
        x = features(50 + seed, seed)
        inputs = condition_inputs(x, rate=0.5, conditioning="kinship")
        found.append(Annotated(seed, inputs, people(x, seed), 2.0 * np.arange(len(x))))
    return found


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    views = annotated()
    made = Relational(RelationalConfig(inputs=views[0].inputs.shape[1], **SMALL))
    fit_relational(made, views)
    return made.eval()


@pytest.fixture(scope="module")
def model(network):
    return SamplingModel(SamplingConfig("small", conditioning="kinship", step_seconds=2.0, window=64), network)


def test_places_keep_distances_and_know_no_rotation():
    x = features(40, dimension=12)
    found = places(x)
    assert found.shape == (40, PLACES)
    unit = x - x.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[:, None] - unit, axis=-1)
    assert np.allclose(np.linalg.norm(found[:, None] - found, axis=-1), apart, atol=1e-4)
    turned = x @ np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    again = places(turned.astype(np.float32))
    assert np.allclose(np.linalg.norm(again[:, None] - again, axis=-1), apart, atol=1e-3)
    assert not places(np.ones((7, 5))).any()
    assert places(np.ones((1, 5))).shape == (1, PLACES)


def test_features_of_length_one_are_described_alike_twice():
    x = features(40)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    both = describe_twice(unit, rate=1.0)
    half = both.shape[1] // 2
    assert np.allclose(both[:, :half], both[:, half:], atol=1e-5)
    assert np.allclose(describe_twice(x, rate=1.0)[:, half:], both[:, half:], atol=1e-4)
    assert not np.allclose(describe_twice(x, rate=1.0)[:, :half], both[:, half:], atol=0.1)


def test_untrained_it_is_a_gaussian(network):
    """D is 0 at first, so samples are those of the process that was fitted: their covariance is its."""
    x = features(12, seed=5)
    trained, network = network, Relational(replace(network.config, corrects=False)).eval()
    network.load_state_dict(trained.state_dict())
    few = [
        SamplingModel(SamplingConfig("g", conditioning="kinship", step_seconds=2.0), each).sample(x, rate=0.5)
        for each in (trained, network)
    ]
    assert np.allclose(*few, atol=1e-5)
    network.kinship.logs[:3] -= np.log(64)  # so that no sample is cut at 0 or 1
    model = SamplingModel(SamplingConfig("g", conditioning="kinship", step_seconds=2.0), network)
    curves = model.sample(x, rate=0.5, samples=2000, steps=100, seed=0)
    inputs = torch.from_numpy(condition_inputs(x, rate=0.5, conditioning="kinship"))[None]
    seconds = 2.0 * torch.arange(12)
    with torch.inference_mode():
        settled = network.settle(network.encode(inputs, seconds)[0])[None]
        log_scale, where = settled[..., network.config.width + 1], settled[..., network.config.width + 2 :]
        wanted = network.kinship.prior(where, seconds, log_scale.exp())[0]
        mean = settled[0, :, network.config.width]
    found = torch.from_numpy(np.cov(curves.T))
    assert float((found - wanted).abs().max()) < 0.15 * float(wanted.diagonal().max())
    assert np.allclose(curves.mean(axis=0), mean, atol=5e-3)  # but for a few that are cut all the same


def test_the_mean_of_a_mirrored_pair_is_the_mean_curve(model):
    x = features(90, seed=3)
    one, many = (model.sample(x, rate=0.5, samples=samples, steps=4) for samples in (2, 16))
    inside = ((one > 0) & (one < 1)).all(axis=0) & ((many > 0) & (many < 1)).all(axis=0)
    assert inside.sum() > 30
    assert np.allclose(one.mean(axis=0)[inside], many.mean(axis=0)[inside], atol=1e-4)


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


@pytest.mark.parametrize("known", [np.zeros(3), np.full(60, 2.0), np.full(60, -0.1)])
def test_known_scores_that_make_no_sense_are_refused(model, known):
    with pytest.raises(UsageError, match="Known scores must be 60 numbers from 0 to 1"):
        model.sample(features(60), rate=0.5, known=known)


def test_nothing_known_changes_nothing(model):
    x = features(60)
    free = model.sample(x, rate=0.5, samples=4)
    assert np.array_equal(model.sample(x, rate=0.5, samples=4, known=np.full(60, np.nan)), free)


def test_known_scores_at_another_rate_are_kept_at_their_own_steps(model):
    x = np.repeat(features(30), 8, axis=0)  # four steps a second for one of the model's
    known = np.full(240, np.nan)
    known[40:50] = 0.9
    curves = model.sample(x, rate=4.0, samples=4, known=known)
    assert np.allclose(curves[:, 40:50], 0.9)


def test_the_foreseen_spread_is_that_of_many_samples(network):
    gaussian = Relational(replace(network.config, corrects=False)).eval()
    gaussian.load_state_dict(network.state_dict())
    gaussian.kinship.logs[:3] -= np.log(64)
    model = SamplingModel(SamplingConfig("g", conditioning="kinship", step_seconds=2.0), gaussian)
    x = features(40, seed=2)
    known = np.full(40, np.nan)
    known[[3, 20]] = 0.5
    for given in (None, known):
        foreseen = model.spread(x, rate=0.5, known=given)
        drawn = model.sample(x, rate=0.5, samples=1000, steps=100, known=given).std(axis=0)
        assert np.allclose(foreseen, drawn, rtol=0.2, atol=0.003)
    assert not foreseen[[3, 20]].any()


def test_no_seam_shows_where_windows_meet(model):
    """A planted signal that comes again every 20 steps comes again in mean, spread and each sample's roughness."""
    period, n = 20, 400
    x = np.tile(features(period, seed=11), (n // period, 1))
    curves = model.sample(x, rate=0.5, samples=32, steps=4)
    mean, spread = curves.mean(axis=0), model.spread(x, rate=0.5)
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
    network = Relational(RelationalConfig(inputs=views[0].inputs.shape[1], **SMALL))
    before = fit_relational(network, views)
    assert all(np.array_equal(a, b) for a, b in zip(before, foresee(network, views), strict=True))
    rng = np.random.default_rng(0)
    changed = [
        Annotated(v.video, v.inputs, rng.permuted(v.curves, axis=1) if v.video == 3 else v.curves, v.seconds)
        for v in views
    ]
    after = foresee(network, changed)
    # The same up to how wide mean curves are on the whole
    assert np.corrcoef(after[3], before[3])[0, 1] > 1 - 1e-6
    assert min(np.corrcoef(a, b)[0, 1] for i, (a, b) in enumerate(zip(after, before, strict=True)) if i != 3) < 1 - 1e-6


def test_foreseen_curves_agree_with_people():
    torch.manual_seed(0)
    views = annotated()
    network = Relational(RelationalConfig(inputs=views[0].inputs.shape[1], **SMALL))
    found = fit_relational(network, views)
    agreement = [np.corrcoef(mean, view.curves.mean(axis=0))[0, 1] for mean, view in zip(found, views, strict=True)]
    assert np.mean(agreement) > 0.5
    wide = np.mean([mean.std() for mean in found])
    assert 0.02 < wide < np.mean([view.curves.mean(axis=0).std() for view in views])


def test_other_sets_count_by_their_weight():
    torch.manual_seed(0)
    views = annotated(6)
    network = Relational(RelationalConfig(inputs=views[0].inputs.shape[1], **SMALL))
    alone = fit_relational(network, views)
    backwards = [(view.inputs, -view.curves.mean(axis=0), 20.0) for view in views]
    beside = fit_relational(network, views, backwards)
    assert np.corrcoef(np.concatenate(alone), np.concatenate(beside))[0, 1] < 0


def test_every_weight_learns_and_padding_changes_no_loss(network):
    learner = RelationalDenoising(network, p_uncond=0.0, curves=3)
    views = annotated()[:3]
    longest = max(len(view.inputs) for view in views)
    inputs = torch.zeros(3, longest, views[0].inputs.shape[1])
    targets, means, mask = torch.zeros(3, 3, longest), torch.zeros(3, longest), torch.zeros(3, longest, dtype=bool)
    for i, (view, mean) in enumerate(zip(views, foresee(network, annotated()), strict=False)):
        n = len(view.inputs)
        inputs[i, :n], targets[i, :, :n] = torch.from_numpy(view.inputs), torch.from_numpy(view.curves[:3])
        means[i, :n], mask[i, :n] = torch.from_numpy(mean), True
    seeds = torch.tensor([1, 2, 3])
    seconds = 2.0 * torch.arange(longest).expand(3, -1)
    torch.nn.init.normal_(network.head.weight, std=0.1)  # 0 lets no gradient through to what is below
    try:
        losses = learner(inputs, targets, seconds, mask, seeds, means)
        losses.sum().backward()
        silent = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
        assert silent == ["null"]  # no video is dropped here
        n = len(views[0].inputs)
        # Noise is drawn step by step, so a shorter video gets the same; what is known is drawn by its length
        alone = learner(*(inputs[:1, :n], targets[:1, :, :n], seconds[:1, :n], mask[:1, :n], seeds[:1], means[:1, :n]))
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


def test_it_is_written_and_read_back(model, tmp_path):
    x = features(40)
    read = load_model(write_model(model, tmp_path / "small", provenance={}))
    assert np.array_equal(read.sample(x, rate=0.5), model.sample(x, rate=0.5))
    assert read.follows


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean_head": False, "linear_share": 0.0},
        {"linear_share": 0.5},
        {"components": 8},
        {"guess_noise": 0.0},
        {"deep_mlps": True},
    ],
)
def test_what_makes_no_relational_network_is_refused(wrong):
    with pytest.raises(ModelError):
        RelationalConfig(inputs=50, **wrong)
