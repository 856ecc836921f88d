import numpy as np
import pytest
import torch

from summdiff.diffusion.ddim import DDIM
from summdiff.models.denoising import Denoising, Draws, correlation_loss, expected_scores
from summdiff.models.sampling import Model, ModelConfig
from summdiff.models.summdiff import PRESETS, NetworkConfig, SummDiff


def small(preset="joint", **changes):
    torch.manual_seed(0)
    sizes = {"width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.0, "input_dropout": 0.0}
    return SummDiff(NetworkConfig.preset(preset, inputs=6, **{**sizes, **changes}))


def batch(videos=3, curves=2, steps=10, seed=0):
    """Inputs, targets, seconds, mask (the second video is shorter), and draws."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.ones(videos, steps, dtype=torch.bool)
    mask[1, 6:] = False
    draws = Draws(
        timestep=torch.randint(1000, (videos, curves), generator=rng),
        noise=torch.randn(videos, curves, steps, generator=rng),
        dropped=torch.zeros(videos, dtype=torch.bool),
    )
    targets = torch.rand(videos, 4, steps, generator=rng)
    return (
        torch.randn(videos, steps, 6, generator=rng),
        targets,
        torch.arange(steps).expand(videos, -1) * 2.0,
        mask,
        draws,
    )


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("expected", [False, True])
def test_a_video_costs_the_same_alone_as_in_a_padded_batch(preset, expected):
    learner = Denoising(small(preset), expected_targets=expected, rank_weight=0.3).eval()
    inputs, targets, seconds, mask, draws = batch()
    losses = learner(inputs, targets, seconds, mask, draws)
    alone = Draws(draws.timestep[1:2], draws.noise[1:2, :, :6], draws.dropped[1:2])
    own = learner(inputs[1:2, :6], targets[1:2, :, :6], seconds[1:2, :6], mask[1:2, :6], alone)
    assert losses.shape == (3,)
    assert torch.allclose(losses[1], own[0], atol=1e-5)


def test_is_the_mean_squared_error_of_the_prediction():
    """Eq. 3, written out for one video and one curve."""
    network = small("paper").eval()
    inputs, targets, seconds, mask, draws = batch(curves=1)
    losses = Denoising(network, expected_targets=False)(inputs, targets, seconds, mask, draws)
    left = DDIM().alphas_cumprod[draws.timestep[0, 0]]
    noisy = (left.sqrt() * (2 * targets[0, 0] - 1) + (1 - left).sqrt() * draws.noise[0, 0]).float()
    condition = network.prepare(network.encode(inputs[:1], seconds[0]), seconds[0])
    signal = left.sqrt().view(1, 1).float()
    predicted = network.denoise(noisy[None, None], draws.timestep[:1], signal, condition)
    wanted = ((predicted[0, 0] - targets[0, 0]) ** 2).mean()
    assert torch.allclose(losses[0], wanted, atol=1e-6)


def test_dropped_videos_are_not_seen():
    learner = Denoising(small("paper")).eval()
    inputs, targets, seconds, mask, draws = batch()
    unseen = Draws(draws.timestep, draws.noise, torch.tensor([True, False, False]))
    changed = inputs.clone()
    changed[0] += 1
    before, after = (learner(x, targets, seconds, mask, unseen) for x in (inputs, changed))
    assert torch.equal(before, after)
    assert not torch.allclose(learner(inputs, targets, seconds, mask, draws)[0], before[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_overfits_one_video(preset):
    """The loss comes under 1e-3 and samples agree with the truth (rho above 0.95)."""
    network = small(preset, width=64, heads=4, feed_forward=128, input_dropout=0.0)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(24, 6)).astype(np.float32)
    truth = rng.permutation(24) / 23 * 0.8 + 0.1
    learner = Denoising(network, expected_targets=False)
    optimizer = torch.optim.AdamW(learner.parameters(), weight_decay=0.0)
    updates = 600
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=updates)
    chance = torch.Generator().manual_seed(0)
    S = 16
    inputs, targets = torch.tensor(features)[None], torch.tensor(truth, dtype=torch.float32).expand(1, S, -1)
    seconds, mask = 2 * torch.arange(24.0)[None], torch.ones(1, 24, dtype=torch.bool)
    recent = []
    for _ in range(updates):
        draws = Draws(
            torch.randint(1000, (1, S), generator=chance),
            torch.randn(1, S, 24, generator=chance),
            torch.zeros(1, dtype=torch.bool),
        )
        loss = learner(inputs, targets, seconds, mask, draws).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(float(loss.detach()))
    assert np.mean(recent[-20:]) < 1e-3
    model = Model(ModelConfig(id="own", conditioning="features"), network)
    curves = model.sample(features, rate=0.5, samples=4, steps=10)
    for curve in curves:
        assert np.corrcoef(curve.argsort().argsort(), truth.argsort().argsort())[0, 1] > 0.95


def test_expected_scores_are_the_likely_curves():
    """At an early time the noised curve itself, where nothing is left the mean of all."""
    rng = torch.Generator().manual_seed(0)
    targets = torch.rand(1, 5, 20, generator=rng)
    everyone, mask = 2 * targets - 1, torch.ones(1, 20, dtype=torch.bool)
    left = torch.tensor([[0.9999, 1e-8]], dtype=torch.float64)
    noise = torch.randn(1, 2, 20, generator=rng)
    noisy = left.sqrt().float()[..., None] * everyone[:, :2] + (1 - left).sqrt().float()[..., None] * noise
    wanted = expected_scores(noisy, left, everyone, targets, mask)
    assert torch.allclose(wanted[0, 0], targets[0, 0], atol=1e-4)
    assert torch.allclose(wanted[0, 1], targets[0].mean(dim=0), atol=1e-2)


def test_correlation_loss_minds_order_but_not_level():
    rng = torch.Generator().manual_seed(0)
    wanted, mask = torch.rand(1, 1, 30, generator=rng), torch.ones(1, 30, dtype=torch.bool)
    mask[:, 20:] = False
    same = 0.2 + 0.3 * wanted
    same[..., 20:] = 7  # padding is not looked at
    other = torch.rand(1, 1, 30, generator=rng)
    reference = 1 - np.corrcoef(other[0, 0, :20], wanted[0, 0, :20])[0, 1]
    assert float(correlation_loss(same, wanted, mask)) == pytest.approx(0, abs=1e-4)
    assert float(correlation_loss(-same, wanted, mask)) == pytest.approx(2, abs=1e-4)
    assert float(correlation_loss(other, wanted, mask)) == pytest.approx(reference, abs=1e-4)
    flat = torch.full_like(wanted, 0.5).requires_grad_()
    correlation_loss(flat, wanted, mask).sum().backward()
    assert torch.isfinite(flat.grad).all()
