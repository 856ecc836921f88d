import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from small_networks import DENOISERS

from summdiff.research.networks.denoising import add_noise, correlation_loss, expected_scores
from summdiff.research.networks.inference import in_torch
from summdiff.research.networks.registry import architecture_of, architectures
from summdiff.research.networks.relational import posteriors
from summdiff.scoring.gaussian import GaussianPrior, ScorePosterior
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.schedule import alphas_cumprod


def small(name="joint", **changes):
    one = architectures()[name]
    sizes = {"width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.0}
    if name != "summdiff":
        sizes["input_dropout"] = 0.0
    torch.manual_seed(0)
    return one.network(one.config(inputs=6, **{**sizes, **changes}))


def learner_of(network, **how):
    return architecture_of(network).objective(network, **how)


def batch(videos=3, steps=10, seed=0):
    """Inputs, targets, seconds, mask (the second video is shorter), and seeds."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.ones(videos, steps, dtype=torch.bool)
    mask[1, 6:] = False
    targets = torch.rand(videos, 4, steps, generator=rng)
    return (
        torch.randn(videos, steps, 6, generator=rng),
        targets,
        torch.arange(steps).expand(videos, -1) * 2.0,
        mask,
        torch.arange(videos) + 7,
    )


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize("expected", [False, True])
def test_a_video_costs_the_same_alone_as_in_a_padded_batch(name, expected):
    learner = learner_of(small(name), curves=2, expected_targets=expected, rank_weight=0.3).eval()
    inputs, targets, seconds, mask, seeds = batch()
    losses = learner(inputs, targets, seconds, mask, seeds)
    own = learner(inputs[1:2, :6], targets[1:2, :, :6], seconds[1:2, :6], mask[1:2, :6], seeds[1:2])
    assert losses.shape == (3,)
    assert torch.allclose(losses[1], own[0], atol=1e-5)


def test_is_the_mean_squared_error_of_the_prediction():
    """Eq. 3, written out for one video and one curve."""
    network = small("summdiff").eval()
    inputs, targets, seconds, mask, seeds = batch()
    learner = learner_of(network, curves=1, p_uncond=0, expected_targets=False)
    losses = learner(inputs, targets, seconds, mask, seeds)
    timestep, noise, _ = learner.draw(seeds.tolist(), curves=1, steps=10)
    left = torch.from_numpy(alphas_cumprod())[timestep[0, 0]]
    noisy = (left.sqrt() * (2 * targets[0, 0] - 1) + (1 - left).sqrt() * noise[0, 0]).float()
    condition = network.prepare(network.encode(inputs[:1], seconds[0]).tokens, seconds[0])
    signal = left.sqrt().view(1, 1).float()
    predicted = network.denoise(noisy[None, None], timestep[:1], signal, condition)
    wanted = ((predicted[0, 0] - targets[0, 0]) ** 2).mean()
    assert torch.allclose(losses[0], wanted, atol=1e-6)


def test_dropped_videos_are_not_seen():
    """Half of them: which ones, their seeds say."""
    learner = learner_of(small("summdiff"), p_uncond=0.5).eval()
    inputs, targets, seconds, mask, seeds = batch(videos=8)
    _, _, dropped = learner.draw(seeds.tolist(), curves=4, steps=10)
    assert 0 < int(dropped.sum()) < 8
    before, after = (learner(x, targets, seconds, mask, seeds) for x in (inputs, inputs + 1))
    assert torch.equal(before == after, dropped)


def test_what_chance_decides_follows_the_schedule():
    """Times are even over T, noise is standard normal, and p_uncond of the videos are dropped; each seed draws anew."""
    learner = learner_of(small("summdiff"), p_uncond=0.3, num_train_timesteps=50)
    timestep, noise, dropped = learner.draw(range(400), curves=3, steps=20)
    assert timestep.shape == (400, 3)
    assert noise.shape == (400, 3, 20)
    assert (int(timestep.min()), int(timestep.max())) == (0, 49)
    assert float(timestep.float().mean()) == pytest.approx(24.5, abs=1.5)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    assert float(dropped.float().mean()) == pytest.approx(0.3, abs=0.08)
    assert not torch.equal(noise[0], noise[1])


@pytest.mark.parametrize("name", DENOISERS)
def test_overfits_one_video(name):
    """The loss comes under 1e-3 and samples agree with the truth (rho above 0.95)."""
    network = small(name, width=64, heads=4, feed_forward=128, encoder_layers=1, denoiser_layers=1)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(10, 6)).astype(np.float32)
    truth = rng.permutation(10) / 9 * 0.8 + 0.1
    learner = learner_of(network, p_uncond=0, expected_targets=False)
    optimizer = torch.optim.AdamW(learner.parameters(), weight_decay=0.0)
    updates = 600 if name == "summdiff" else 300
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=updates)
    S = 16
    inputs, targets = torch.tensor(features)[None], torch.tensor(truth, dtype=torch.float32).expand(1, S, -1)
    seconds, mask = 2 * torch.arange(10.0)[None], torch.ones(1, 10, dtype=torch.bool)
    recent = []
    for update in range(updates):
        loss = learner(inputs, targets, seconds, mask, torch.tensor([update])).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent = [*recent[-19:], float(loss.detach())]
        if np.mean(recent) < 1e-3 and len(recent) == 20:
            break
    assert np.mean(recent) < 1e-3
    model = SamplingModel(SamplingConfig(id="own", conditioning="features"), in_torch(network))
    curves = model.sample(features, rate=0.5, samples=4, steps=10)
    for curve in curves:
        assert np.corrcoef(curve.argsort().argsort(), truth.argsort().argsort())[0, 1] > 0.95


def test_forward_process_has_the_moments_of_its_formula():
    left = torch.from_numpy(alphas_cumprod())
    clean = torch.full((4, 200_000), 0.7)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([0, 300, 700, 999])
    noisy = add_noise(clean, noise, timesteps, left)
    assert noisy.dtype == clean.dtype
    assert torch.allclose(noisy.mean(dim=1), 0.7 * left[timesteps].sqrt().float(), atol=0.01)
    assert torch.allclose(noisy.var(dim=1), (1 - left[timesteps]).float(), atol=0.01)


def test_forward_process_equals_diffusers():
    left = torch.from_numpy(alphas_cumprod())
    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2")
    scheduler.alphas_cumprod = left  # theirs is a product in float32, which costs digits
    generator = torch.Generator().manual_seed(1)
    clean, noise = torch.randn(2, 5, 30, generator=generator, dtype=torch.float64)
    timesteps = torch.tensor([0, 10, 500, 900, 999])
    ours = add_noise(clean, noise, timesteps, left)
    assert torch.allclose(ours, scheduler.add_noise(clean, noise, timesteps), atol=1e-6)


def test_posteriors_of_a_padded_batch_are_those_of_single_videos():
    rng = np.random.default_rng(0)
    lengths, prior = (10, 6), GaussianPrior()
    mask = torch.arange(10) < torch.tensor(lengths)[:, None]
    mean, scale = (torch.from_numpy(rng.random((2, 10), dtype=np.float32)) for _ in range(2))
    places, seconds = torch.from_numpy(rng.standard_normal((2, 10, 4), dtype=np.float32)), 2.0 * torch.arange(10)
    known = torch.full((2, 3, 10), torch.nan)
    known[:, :, 4] = torch.from_numpy(rng.random((2, 3), dtype=np.float32))
    found = posteriors(prior, mean, scale, places, seconds.expand(2, -1), mask, known)
    for video, n in enumerate(lengths):
        m, s, where, at = (each[video, :n].numpy() for each in (mean, scale, places, seconds.expand(2, -1)))
        alone = ScorePosterior.of(m, prior.covariance(where, at, s), known[video, :, :n].numpy())
        assert np.allclose(found["mean"][video, :, :n], alone.mean, atol=1e-5)
        D, v = found["directions"][video].numpy(), found["variances"][video].numpy()
        whole = (D * v) @ D.T
        assert np.allclose(whole[:n, :n], alone.directions * alone.variances @ alone.directions.T, atol=1e-5)
        assert not whole[n:].any()
        assert not v[n:].any()


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
