from dataclasses import replace

import numpy as np
import pytest
import torch

from summdiff.errors import ModelError
from summdiff.research.networks.summdiff import PRESETS, NetworkConfig, SummDiff
from summdiff.research.networks.summdiff.layers import (
    position_encoding,
    rotate,
    rotations,
    sinusoid,
    time_encoding,
    to_signal,
)
from summdiff.scoring.space import ScoreSpace

SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "denoiser_layers": 2, "n_bins": 10}


def small(preset="joint", **changes):
    """A small network whose adaptive norms, zero at first, have learned something."""
    torch.manual_seed(0)
    network = SummDiff(NetworkConfig.preset(preset, inputs=6, **SMALL, **changes)).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "modulate" in name:
                weight.normal_(0, 0.3)
    return network


@pytest.fixture
def network():
    return small()


@pytest.fixture(params=PRESETS)
def preset(request):
    return small(request.param)


@pytest.fixture
def video():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 12, 6, generator=generator), torch.arange(12) / 0.5


def noise(*shape, seed=2):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def left(timestep):
    """Share of the signal at a time, as a cosine schedule has it."""
    return torch.cos(timestep / 1000 * torch.pi / 2)


def prepared(network, inputs, seconds, mask=None):
    return network.prepare(network.encode(inputs, seconds, mask).tokens, seconds, mask)


def denoised(network, video, noisy, t, mask=None):
    return network.denoise(noisy, t, left(t), prepared(network, *video, mask))


@torch.inference_mode()
def test_padding_changes_nothing(preset, video):
    inputs, seconds = video
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 7:] = False
    noisy, t = noise(2, 3, 12), torch.full((2, 3), 600)
    padded = denoised(preset, (inputs, seconds), noisy, t, mask)
    alone = denoised(preset, (inputs[1:, :7], seconds[:7]), noisy[1:, :, :7], t[1:])
    assert torch.allclose(padded[1:, :, :7], alone, atol=1e-5)
    assert torch.isfinite(padded).all()


@torch.inference_mode()
def test_the_order_of_the_videos_does_not_matter(preset, video):
    inputs, seconds = video
    noisy, t = noise(2, 3, 12), torch.tensor([[999, 500, 10], [0, 400, 999]])
    forward = denoised(preset, (inputs, seconds), noisy, t)
    backward = denoised(preset, (inputs.flip(0), seconds), noisy.flip(0), t.flip(0))
    assert torch.allclose(forward, backward.flip(0), atol=1e-5)


@torch.inference_mode()
def test_samples_of_one_video_are_independent(preset, video):
    noisy, t = noise(2, 3, 12), torch.tensor([[999, 500, 10], [0, 400, 999]])
    together = denoised(preset, video, noisy, t)
    alone = denoised(preset, video, noisy[:, 1:2], t[:, 1:2])
    assert torch.allclose(together[:, 1:2], alone, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize(("name", "sees"), [("paper", False), ("release", False), ("joint", True)])
def test_whether_a_score_depends_on_the_noisy_scores_of_other_steps(name, sees, video):
    """What makes a sample one coherent view; in eq. 2 each step is denoised by itself (summdiff-reading §3.4)."""
    noisy, t = noise(2, 1, 12), torch.full((2, 1), 600)
    changed = noisy.clone()
    changed[:, :, 0] = -noisy[:, :, 0]
    before, after = (denoised(small(name), video, x, t) for x in (noisy, changed))
    assert (before - after)[:, :, 0].abs().max() > 1e-5
    assert ((before - after)[:, :, 8:].abs().max() > 1e-5) == sees


@torch.inference_mode()
def test_scores_are_clamped_and_quantised(preset, video):
    """Beyond lambda, and inside one of the K intervals, nothing changes (§4.3, §4.4)."""
    t = torch.full((2, 1), 500)
    condition = prepared(preset, *video)
    space = preset.config.space

    def predicted(score, beyond=0.0):
        noisy = to_signal(space, torch.full((2, 1, 12), score)) + beyond
        return preset.denoise(noisy, t, left(t), condition)

    low, high = 0.5 + 1e-5, 0.6 - 1e-5  # interval 5 of 10 is [0.5, 0.6)
    assert torch.equal(predicted(low), predicted(high))
    assert not torch.equal(predicted(high), predicted(0.6 + 1e-5))
    assert torch.equal(predicted(0.9 + 1e-5), predicted(1.0))  # the last one has both its ends
    assert torch.equal(predicted(1.0), predicted(1.0, beyond=7.0))
    assert torch.equal(predicted(0.0), predicted(0.0, beyond=-7.0))


@torch.inference_mode()
@pytest.mark.parametrize("name", PRESETS)
def test_null_video_hides_the_video(name, video):
    network, (inputs, seconds) = small(name), video
    with torch.no_grad():
        network.null.normal_()
    dropped = torch.tensor([True, False])
    hidden, seen = network.encode(inputs, seconds, None, dropped).tokens, network.encode(inputs, seconds).tokens
    null = network.encode(torch.randn(1, 12, 6), seconds, dropped=torch.ones(1, dtype=torch.bool)).tokens
    assert torch.allclose(hidden[:1], null, atol=1e-6)
    assert torch.allclose(hidden[1:], seen[1:], atol=1e-6)
    assert not torch.allclose(hidden[:1], seen[:1], atol=1e-3)


@torch.inference_mode()
def test_a_stored_null_video_looks_like_one(video):
    network, seconds = small("paper"), video[1]
    network.input_mean.fill_(0.5)
    network.input_std.fill_(2.0)
    black = torch.linspace(-1, 1, 6)
    network.set_null_video(black)
    assert not network.null.requires_grad
    null = network.encode(torch.randn(1, 12, 6), seconds, dropped=torch.ones(1, dtype=torch.bool))
    seen = network.encode(black.expand(1, 12, 6).clone(), seconds)
    assert torch.allclose(null.tokens, seen.tokens, atol=1e-6)
    with pytest.raises(ModelError, match="does not fit"):
        network.set_null_video(torch.zeros(5))
    with pytest.raises(ModelError, match="does not fit"):
        small("joint").set_null_video(black)


def test_every_weight_learns(preset, video):
    inputs, seconds = video
    condition = preset.encode(inputs, seconds, None, torch.tensor([True, False])).tokens
    t = torch.full((2, 1), 500)
    noisy = to_signal(preset.config.space, torch.linspace(0, 1, 12).expand(2, 1, 12))
    preset.train().denoise(noisy, t, left(t), preset.prepare(condition, seconds)).square().mean().backward()
    silent = [
        name
        for name, weight in preset.named_parameters()
        # A key's bias moves all of a query's logits alike, unless keys are turned.
        if (weight.grad is None or not weight.grad.any()) and not name.endswith("key.bias")
    ]
    assert silent == []


@torch.inference_mode()
def test_where_nothing_is_left_of_the_signal_noise_is_not_heard(network, video):
    condition, t = prepared(network, *video), torch.full((2, 1), 999)
    a, b = (network.denoise(noise(2, 1, 12, seed=seed), t, torch.zeros(2, 1), condition) for seed in (1, 2))
    assert torch.equal(a, b)


@torch.inference_mode()
def test_only_differences_of_time_count_when_positions_are_rotations(network, video):
    inputs, seconds = video
    noisy, t = noise(2, 2, 12), torch.full((2, 2), 300)
    now, later, slower = (
        denoised(network, (inputs, when), noisy, t) for when in (seconds, seconds + 1000, 3 * seconds)
    )
    assert torch.allclose(now, later, atol=1e-3)
    assert not torch.allclose(now, slower, atol=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("score_embedding", ["learnable", "fixed_uniform", "fixed_fourier"])
def test_levels_time_and_positions_lie_in_orthogonal_dimensions(score_embedding):
    """§4.4: their vectors are kept orthogonal; of fixed Fourier levels, too (§6)."""
    network = small("paper", score_embedding=score_embedding)
    when = time_encoding(network.config, torch.arange(1000))
    where = position_encoding(network.config, torch.arange(300.0)[None], None)[0]
    assert (when @ where.T == 0).all()
    assert (when.norm(dim=1) > 1).all()
    assert (where.norm(dim=1) > 1).all()
    levels = network.levels.weight
    assert levels.requires_grad == (score_embedding == "learnable")
    assert ((levels @ when.T == 0).all() and (levels @ where.T == 0).all()) == (score_embedding == "fixed_fourier")
    assert (torch.cdist(levels, levels) + torch.eye(10) > 0.01).all()


@torch.inference_mode()
def test_own_step_is_seen_without_cross_attention(video):
    network, (inputs, seconds) = small(cross_attention=False), video
    t, noisy = torch.full((2, 1), 999), noise(2, 1, 12)
    a, b = (denoised(network, (x, seconds), noisy, t) for x in (inputs, inputs.flip(0)))
    assert not torch.allclose(a, b, atol=1e-4)


def test_turning_keeps_lengths_and_depends_on_differences():
    q, k = noise(1, 1, 1, 1, 8), noise(1, 1, 1, 1, 8, seed=3)

    def product(t_q, t_k):
        a, b = (rotate(x, rotations(torch.tensor([[t]]), 8)) for x, t in ((q, t_q), (k, t_k)))
        return float((a * b).sum())

    assert product(5.0, 2.0) == pytest.approx(product(105.0, 102.0), abs=1e-4)
    assert product(5.0, 2.0) != pytest.approx(product(5.0, 3.0), abs=1e-3)
    turned = rotate(q, rotations(torch.tensor([[17.0]]), 8))
    assert float(turned.norm()) == pytest.approx(float(q.norm()), abs=1e-5)


def test_sinusoids_tell_times_apart():
    codes = sinusoid(torch.arange(1000), 16).numpy()
    assert codes.shape == (1000, 16)
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1) + np.eye(1000)
    assert distances.min() > 0.1


def test_presets_differ_and_have_the_papers_sizes():
    paper, release, joint = (NetworkConfig.preset(name, inputs=1024) for name in ("paper", "release", "joint"))
    assert joint == NetworkConfig(inputs=1024)
    for config in (paper, release):
        assert (config.width, config.heads, config.feed_forward) == (256, 8, 1024)
        assert (config.encoder_layers, config.denoiser_layers) == (2, 2)
    assert (paper.score_space, release.score_space) == ("linear", "logit")
    assert (paper.norm, release.norm) == ("post", "adaptive")
    assert (paper.global_token, release.global_token) == (False, True)
    assert NetworkConfig.preset("paper", inputs=3, width=64) == replace(paper, inputs=3, width=64)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 60}, "Width 60 must be a multiple of twice"),
        ({"width": 20, "heads": 5}, "multiple of 8"),
        ({"kernel": 4}, "odd number of steps, not 4 or 1"),
        ({"encoder_kernel": 2}, "odd number of steps"),
        ({"components": -1}, "sizes"),
        ({"relations": 9}, "numbers"),
        ({"linear_share": 0.5}, "needs mean_head"),
        ({"mean_head": True}, "squash=false"),
        ({"n_bins": 1}, "sizes"),
        ({"score_scale": 0.0}, "numbers"),
        ({"dropout": 1.0}, "numbers"),
        ({"norm": "batch"}, "no option 'batch': use pre or post or adaptive"),
        ({"score_embedding": "one-hot"}, "no option 'one-hot'"),
        ({"score_space": "logit", "squash": False}, "squash"),
        ({"global_token": True}, "global token"),
        ({"depth": 3}, "no option 'depth'"),
    ],
)
def test_says_what_makes_no_network(changes, said):
    with pytest.raises(ModelError, match=said):
        NetworkConfig.preset("joint", inputs=8, **changes)
    with pytest.raises(ModelError, match="no preset 'ours': use paper, release, joint"):
        NetworkConfig.preset("ours", inputs=8)


MEAN = {"mean_head": True, "linear_share": 0.5, "squash": False, "encoder_kernel": 3}


@torch.inference_mode()
def test_around_a_mean_curve_predictions_are_mirror_images(video):
    """f = mu + D with D odd: opposite noise gives opposite departures."""
    network, (inputs, seconds) = small(**MEAN), video
    network.linear_weights.normal_()
    encoded = network.encode(inputs, seconds)
    assert (encoded.tokens.shape, encoded.curves.shape) == ((2, 12, 16), (2, 12, 2))
    mean = torch.stack([torch.from_numpy(network.facts().mean.finalize(each.T.numpy())) for each in encoded.curves])
    ready = network.prepare(encoded.tokens, seconds, mean=mean)
    t = torch.full((2, 3), 600)
    center = left(t)[..., None] * (2 * mean[:, None] - 1)
    apart = noise(2, 3, 12)
    up, down = (network.denoise(center + sign * apart, t, left(t), ready) for sign in (1, -1))
    assert torch.allclose((up + down) / 2, mean[:, None].expand_as(up), atol=1e-5)
    assert (up - down).abs().max() > 1e-3
    assert torch.allclose(network.denoise(center, t, left(t), ready), mean[:, None].expand_as(up), atol=1e-5)


def test_what_the_sampler_has_to_know():
    plain, around = small("release").facts(), small(**MEAN)
    assert (plain.inputs, plain.space, plain.mean, plain.prior) == (6, ScoreSpace("logit"), None, None)
    around.curve_std.fill_(0.2)
    assert around.facts().mean.shares == (0.5, 0.5)
    assert around.facts().mean.width == pytest.approx(0.7 * 0.2)
    assert small(mean_head=True, squash=False).facts().mean.shares == (1.0,)


@torch.inference_mode()
def test_a_dropped_video_still_shows_its_mean_curves(video):
    """Where the null is a condition, so that the mean can be learned from every video."""
    network, (inputs, seconds) = small(**MEAN), video
    network.linear_weights.normal_()
    dropped = network.encode(inputs, seconds, dropped=torch.ones(2, dtype=torch.bool))
    assert torch.equal(dropped.curves, network.encode(inputs, seconds).curves)


@torch.inference_mode()
def test_without_a_mean_head_there_are_no_curves(preset, video):
    encoded = preset.encode(*video)
    assert encoded.tokens.shape == (2, 12, 16)
    assert encoded.curves is None
    assert encoded.log_scale is None
