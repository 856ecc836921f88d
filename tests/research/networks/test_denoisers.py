"""Properties of all denoisers, and of each: the paper's network, the released one, the joint one."""

import pytest
import torch
from small_networks import DENOISERS

from summdiff.errors import ModelError
from summdiff.research.networks._layers import to_signal
from summdiff.research.networks.registry import architectures
from summdiff.research.networks.release import ReleaseConfig
from summdiff.research.networks.summdiff import SummDiffConfig
from summdiff.scoring.space import ScoreSpace

SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "denoiser_layers": 2, "n_bins": 10}


def small(name="joint", **changes):
    """A small network whose adaptive norms, zero at first, have learned something."""
    one = architectures()[name]
    torch.manual_seed(0)
    network = one.network(one.config(inputs=6, **SMALL, **changes)).eval()
    with torch.no_grad():
        for path, weight in network.named_parameters():
            if "modulate" in path:
                weight.normal_(0, 0.3)
    return network


@pytest.fixture
def network():
    return small()


@pytest.fixture(params=DENOISERS)
def denoiser(request):
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
def test_padding_changes_nothing(denoiser, video):
    inputs, seconds = video
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 7:] = False
    noisy, t = noise(2, 3, 12), torch.full((2, 3), 600)
    padded = denoised(denoiser, (inputs, seconds), noisy, t, mask)
    alone = denoised(denoiser, (inputs[1:, :7], seconds[:7]), noisy[1:, :, :7], t[1:])
    assert torch.allclose(padded[1:, :, :7], alone, atol=1e-5)
    assert torch.isfinite(padded).all()


@torch.inference_mode()
def test_the_order_of_the_videos_does_not_matter(denoiser, video):
    inputs, seconds = video
    noisy, t = noise(2, 3, 12), torch.tensor([[999, 500, 10], [0, 400, 999]])
    forward = denoised(denoiser, (inputs, seconds), noisy, t)
    backward = denoised(denoiser, (inputs.flip(0), seconds), noisy.flip(0), t.flip(0))
    assert torch.allclose(forward, backward.flip(0), atol=1e-5)


@torch.inference_mode()
def test_samples_of_one_video_are_independent(denoiser, video):
    noisy, t = noise(2, 3, 12), torch.tensor([[999, 500, 10], [0, 400, 999]])
    together = denoised(denoiser, video, noisy, t)
    alone = denoised(denoiser, video, noisy[:, 1:2], t[:, 1:2])
    assert torch.allclose(together[:, 1:2], alone, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "options", "sees"),
    [("summdiff", {}, False), ("release", {}, False), ("release", {"kernel": 7}, True), ("joint", {}, True)],
)
def test_whether_a_score_depends_on_the_noisy_scores_of_other_steps(name, options, sees, video):
    """Then a sample is coherent, and known scores change others; in eq. 2 each step is denoised by itself."""
    assert small(name, **options).facts().joint_denoising == sees
    noisy, t = noise(2, 1, 12), torch.full((2, 1), 600)
    changed = noisy.clone()
    changed[:, :, 0] = -noisy[:, :, 0]
    before, after = (denoised(small(name, **options), video, x, t) for x in (noisy, changed))
    assert (before - after)[:, :, 0].abs().max() > 1e-5
    assert ((before - after)[:, :, 1:].abs().max() > 1e-5) == sees


@torch.inference_mode()
def test_scores_are_clamped_and_quantised(denoiser, video):
    """Beyond lambda, and inside one of the K intervals, nothing changes (§4.3, §4.4)."""
    t = torch.full((2, 1), 500)
    condition = prepared(denoiser, *video)
    space = denoiser.space

    def predicted(score, beyond=0.0):
        noisy = to_signal(space, torch.full((2, 1, 12), score)) + beyond
        return denoiser.denoise(noisy, t, left(t), condition)

    low, high = 0.5 + 1e-5, 0.6 - 1e-5  # interval 5 of 10 is [0.5, 0.6)
    assert torch.equal(predicted(low), predicted(high))
    assert not torch.equal(predicted(high), predicted(0.6 + 1e-5))
    assert torch.equal(predicted(0.9 + 1e-5), predicted(1.0))  # the last one has both its ends
    assert torch.equal(predicted(1.0), predicted(1.0, beyond=7.0))
    assert torch.equal(predicted(0.0), predicted(0.0, beyond=-7.0))


@torch.inference_mode()
@pytest.mark.parametrize("name", DENOISERS)
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
    network, seconds = small("summdiff"), video[1]
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


def test_every_weight_learns(denoiser, video):
    inputs, seconds = video
    condition = denoiser.encode(inputs, seconds, None, torch.tensor([True, False])).tokens
    t = torch.full((2, 1), 500)
    noisy = to_signal(denoiser.space, torch.linspace(0, 1, 12).expand(2, 1, 12))
    denoiser.train().denoise(noisy, t, left(t), denoiser.prepare(condition, seconds)).square().mean().backward()
    silent = [
        name
        for name, weight in denoiser.named_parameters()
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
    network = small("summdiff", score_embedding=score_embedding)
    when = network.time_encoding(torch.arange(1000))
    where = network.positions(torch.arange(300.0)).encoding[0]
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


def test_sizes_are_the_papers():
    paper, release = SummDiffConfig(inputs=1024), ReleaseConfig(inputs=1024)
    for config in (paper, release):
        assert (config.width, config.heads, config.feed_forward) == (256, 8, 1024)
        assert (config.encoder_layers, config.denoiser_layers) == (2, 2)
    assert (small("summdiff").space.name, small("release").space.name) == ("linear", "logit")


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 60}, "`width` must be a multiple of twice"),
        ({"width": 20, "heads": 5}, "`width` must be a multiple of 8"),
        ({"heads": 0}, "`heads` must be at least 1, got 0"),
        ({"encoder_layers": -1}, "`encoder_layers` must be at least 0, got -1"),
        ({"n_bins": 1}, "`n_bins` must be at least 2, got 1"),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\), got 1.0"),
    ],
)
def test_sizes_out_of_range_are_refused(name, changes, said):
    with pytest.raises(ModelError, match=said):
        architectures()[name].config(inputs=8, **changes)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("joint", {"kernel": 4}, "`kernel` must be an odd number of steps, got 4"),
        ("joint", {"linear_share": 0.5}, "set mean_curve=true"),
        ("joint", {"linear_share": 1.5, "mean_curve": True}, r"`linear_share` must be in \[0, 1\], got 1.5"),
        ("joint", {"mean_gain": 0.0}, "`mean_gain` must be above 0, got 0.0"),
        ("joint", {"input_dropout": 1.0}, "`input_dropout` must be in"),
        ("release", {"kernel": 0}, "`kernel` must be an odd number of steps, got 0"),
        ("release", {"cross_attention": False}, "no score depends on the video"),
        ("summdiff", {"score_scale": 0.0}, "`score_scale` must be above 0, got 0.0"),
        ("summdiff", {"score_embedding": "one-hot"}, "`score_embedding` must be learnable or .*, got 'one-hot'"),
    ],
)
def test_options_out_of_range_are_refused(name, changes, said):
    with pytest.raises(ModelError, match=said):
        architectures()[name].config(inputs=8, **changes)


MEAN = {"mean_curve": True, "linear_share": 0.5}


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
    assert small(mean_curve=True).facts().mean.shares == (1.0,)


@torch.inference_mode()
def test_a_dropped_video_still_shows_its_mean_curves(video):
    """The null video is a condition, so that the mean can be learned from every video."""
    network, (inputs, seconds) = small(**MEAN), video
    network.linear_weights.normal_()
    dropped = network.encode(inputs, seconds, dropped=torch.ones(2, dtype=torch.bool))
    assert torch.equal(dropped.curves, network.encode(inputs, seconds).curves)


@torch.inference_mode()
def test_without_a_mean_head_there_are_no_curves(denoiser, video):
    encoded = denoiser.encode(*video)
    assert encoded.tokens.shape == (2, 12, 16)
    assert encoded.curves is None
    assert encoded.log_scale is None
