import numpy as np
import pytest
import torch

from summdiff.models.summdiff import NetworkConfig, SummDiff, rotate, rotations, sinusoid


@pytest.fixture
def network():
    torch.manual_seed(0)
    config = NetworkConfig(inputs=6, width=16, heads=2, feed_forward=32, encoder_layers=1, denoiser_layers=2, n_bins=10)
    return SummDiff(config).eval()


@pytest.fixture
def video():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 12, 6, generator=generator), torch.arange(12) / 0.5


def noise(*shape, seed=2):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def left(timestep):
    """Share of the signal at a time, as a cosine schedule has it."""
    return torch.cos(timestep / 1000 * torch.pi / 2)


@torch.inference_mode()
def test_where_nothing_is_left_of_the_signal_noise_is_not_heard(network, video):
    inputs, seconds = video
    condition, t = network.encode(inputs, seconds), torch.full((2, 1), 999)
    a, b = (network.denoise(noise(2, 1, 12, seed=seed), t, torch.zeros(2, 1), condition, seconds) for seed in (1, 2))
    assert torch.equal(a, b)


@torch.inference_mode()
def test_padding_changes_nothing(network, video):
    inputs, seconds = video
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 7:] = False
    noisy, t = noise(2, 3, 12), torch.full((2, 3), 600)
    padded = network.denoise(noisy, t, left(t), network.encode(inputs, seconds, mask), seconds, mask)
    alone = network.denoise(
        noisy[1:, :, :7], t[1:], left(t[1:]), network.encode(inputs[1:, :7], seconds[:7]), seconds[:7]
    )
    assert torch.allclose(padded[1:, :, :7], alone, atol=1e-5)
    assert torch.isfinite(padded).all()


@torch.inference_mode()
def test_a_score_depends_on_the_noisy_scores_of_other_steps(network, video):
    """What makes a sample one coherent view; in the paper's eq. 2 it does not."""
    inputs, seconds = video
    condition = network.encode(inputs, seconds)
    noisy, t = noise(2, 1, 12), torch.full((2, 1), 600)
    changed = noisy.clone()
    changed[:, :, 0] = -noisy[:, :, 0]
    before, after = (network.denoise(x, t, left(t), condition, seconds) for x in (noisy, changed))
    assert (before - after)[:, :, 8:].abs().max() > 1e-5


@torch.inference_mode()
def test_only_differences_of_time_count(network, video):
    inputs, seconds = video
    noisy, t = noise(2, 2, 12), torch.full((2, 2), 300)
    now = network.denoise(noisy, t, left(t), network.encode(inputs, seconds), seconds)
    later = network.denoise(noisy, t, left(t), network.encode(inputs, seconds + 1000), seconds + 1000)
    slower = network.denoise(noisy, t, left(t), network.encode(inputs, 3 * seconds), 3 * seconds)
    assert torch.allclose(now, later, atol=1e-3)
    assert not torch.allclose(now, slower, atol=1e-3)


@torch.inference_mode()
def test_samples_of_one_video_are_independent(network, video):
    inputs, seconds = video
    condition = network.encode(inputs, seconds)
    noisy, t = noise(2, 3, 12), torch.tensor([[999, 500, 10], [0, 400, 999]])
    together = network.denoise(noisy, t, left(t), condition, seconds)
    alone = network.denoise(noisy[:, 1:2], t[:, 1:2], left(t[:, 1:2]), condition, seconds)
    assert torch.allclose(together[:, 1:2], alone, atol=1e-6)


@torch.inference_mode()
def test_scores_are_clamped_and_quantised(network, video):
    """Beyond lambda, and inside one of the K intervals, nothing changes (§4.3, §4.4)."""
    inputs, seconds = video
    condition = network.encode(inputs, seconds)
    t = torch.full((2, 1), 500)

    def predicted(value):
        return network.denoise(torch.full((2, 1, 12), value), t, left(t), condition, seconds)

    assert torch.equal(predicted(1.0), predicted(7.0))
    assert torch.equal(predicted(-1.0), predicted(-7.0))
    assert torch.equal(predicted(0.01), predicted(0.19))  # bin 5 of 10 is [0, 0.2)
    assert not torch.equal(predicted(0.19), predicted(0.21))


def test_every_weight_learns(network, video):
    inputs, seconds = video
    condition = network.encode(inputs, seconds)
    condition = torch.where(torch.tensor([True, False])[:, None, None], network.null, condition)
    t = torch.full((2, 1), 500)
    levels = torch.linspace(-1, 1, 12).expand(2, 1, 12)
    network.train().denoise(levels, t, left(t), condition, seconds).square().mean().backward()
    silent = [
        name
        for name, weight in network.named_parameters()
        # A key's bias moves all of a query's logits alike, so its half of `key_value.bias` may stay at 0.
        if weight.grad is None or not weight.grad.any()
    ]
    assert silent == []


def test_own_step_is_seen_without_cross_attention(video):
    torch.manual_seed(0)
    config = NetworkConfig(inputs=6, width=16, heads=2, feed_forward=32, denoiser_layers=1, cross_attention=False)
    network = SummDiff(config).eval()
    inputs, seconds = video
    t, noisy = torch.full((2, 1), 999), noise(2, 1, 12)
    with torch.inference_mode():
        a = network.denoise(noisy, t, left(t), network.encode(inputs, seconds), seconds)
        b = network.denoise(noisy, t, left(t), network.encode(inputs.flip(0), seconds), seconds)
    assert not torch.allclose(a, b, atol=1e-4)


def test_turning_keeps_lengths_and_depends_on_differences():
    q, k = noise(2, 1, 1, 1, 8)[0], noise(2, 1, 1, 1, 8, seed=3)[1]

    def product(t_q, t_k):
        a, b = (rotate(x, rotations(torch.tensor([t]), 8)) for x, t in ((q, t_q), (k, t_k)))
        return float((a * b).sum())

    assert product(5.0, 2.0) == pytest.approx(product(105.0, 102.0), abs=1e-4)
    assert product(5.0, 2.0) != pytest.approx(product(5.0, 3.0), abs=1e-3)
    turned = rotate(q, rotations(torch.tensor([17.0]), 8))
    assert float(turned.norm()) == pytest.approx(float(q.norm()), abs=1e-5)


def test_sinusoids_tell_times_apart():
    codes = sinusoid(torch.arange(1000), 16).numpy()
    assert codes.shape == (1000, 16)
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1) + np.eye(1000)
    assert distances.min() > 0.1
