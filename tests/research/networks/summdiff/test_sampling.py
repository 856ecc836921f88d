import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from summdiff.errors import ModelError, UsageError
from summdiff.features.relational import DESCRIPTORS, PLACES
from summdiff.research.networks.summdiff import PRESETS, NetworkConfig, SummDiff
from summdiff.scoring import load_model
from summdiff.scoring.inputs import Cells
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.windows import Windows


@pytest.fixture(scope="module")
def model():
    """The shipped model: what users get."""
    return load_model("default")


def scenes(n, d=32, seed=0):
    """Features of a video that cuts every 20 steps between five places."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(5, d))
    return (places[rng.integers(5, size=n // 20 + 1)].repeat(20, axis=0)[:n] + 0.3 * rng.normal(size=(n, d))).astype(
        np.float32
    )


def test_shape_range_and_type(model):
    progress = []
    curves = model.sample(scenes(75), rate=1.0, samples=5, on_progress=progress.append)
    assert curves.shape == (5, 75)
    assert curves.dtype == np.float32
    assert (curves >= 0).all()
    assert (curves <= 1).all()
    assert progress == pytest.approx(np.arange(1, 11) / 10)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["random", "zeros", "constant"])
def test_shortest_and_emptiest_videos(model, n, kind):
    x = {"random": scenes(n), "zeros": np.zeros((n, 32)), "constant": np.full((n, 32), 0.4)}[kind]
    curves = model.sample(x, rate=1.0, samples=2, steps=3)
    assert curves.shape == (2, n)
    assert np.isfinite(curves).all()


@pytest.mark.parametrize("preset", ["paper", "release", "joint"])
def test_scores_that_are_no_numbers_are_refused(preset):
    """Weights that are finite, each, and whose sums are not."""
    torch.manual_seed(0)
    network = SummDiff(NetworkConfig.preset(preset, inputs=4, width=16, heads=2, feed_forward=16))
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1e30)
    diverged = SamplingModel(SamplingConfig(id="diverged", conditioning="features"), network)
    with pytest.raises(ModelError, match="'diverged' gives scores that are not finite numbers"):
        diverged.sample(np.random.default_rng(0).normal(size=(9, 4)), rate=1.0, samples=2, steps=3)


def test_the_seed_alone_decides(model):
    x = scenes(60)
    assert np.array_equal(model.sample(x, rate=1.0, seed=3), model.sample(x, rate=1.0, seed=3))
    assert not np.allclose(model.sample(x, rate=1.0, seed=3), model.sample(x, rate=1.0, seed=4), atol=0.01)


def test_global_random_state_is_neither_read_nor_changed(model):
    x = scenes(30)
    torch.manual_seed(1)
    first, after = model.sample(x, rate=1.0, samples=2), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    assert np.array_equal(model.sample(x, rate=1.0, samples=2), first)


def test_a_sample_does_not_depend_on_how_many_are_drawn(model):
    x = scenes(90)
    many = model.sample(x, rate=1.0, samples=7)
    assert np.allclose(model.sample(x, rate=1.0, samples=3), many[:3], atol=0.02)


def test_float_types_agree(model):
    x = scenes(40).astype(np.float16)
    a, b = (model.sample(x.astype(kind), rate=1.0, samples=2) for kind in (np.float16, np.float64))
    assert np.allclose(a, b, atol=0.02)


@pytest.mark.parametrize("rate", [1.0, 2.0, 4.0])
def test_higher_rates_say_what_the_trained_rate_says(model, rate):
    """A step of two seconds given as several shorter ones gets the same scores, drawn from the same noise."""
    x = scenes(50)
    times = round(rate / 0.5)
    long = model.sample(x, rate=0.5, samples=2)
    short = model.sample(np.repeat(x, times, axis=0), rate=rate, samples=2)
    assert short.shape == (2, 50 * times)
    cells = short.reshape(2, 50, times).mean(axis=2)
    assert np.corrcoef(cells.ravel(), long.ravel())[0, 1] > 0.95
    if times % 2 == 0:  # half-way between the two middle steps lies the cell's centre; elsewhere it is interpolated
        middle = short.reshape(2, 50, times)[:, :, times // 2 - 1 : times // 2 + 1].mean(axis=2)
        assert np.allclose(middle[:, 1:-1], cells[:, 1:-1], atol=0.1)


@pytest.mark.parametrize(
    ("steps", "rate", "seconds", "expected"),
    [
        (7, 1.0, 2.0, [2, 2, 2, 1]),
        (1, 4.0, 2.0, [1]),
        (9, 4.0, 2.0, [8, 1]),
        (6, 0.75, 2.0, [2, 1, 2, 1]),
        (4, 0.7, 2.0, [1, 1, 1, 1]),
        (4, 0.25, 2.0, [1, 1, 1, 1]),
        (4, 4.0, None, [1, 1, 1, 1]),
    ],
)
def test_cells(steps, rate, seconds, expected):
    cells = Cells.over(steps, rate=rate, seconds=seconds)
    assert cells.size.tolist() == expected
    x = np.arange(steps, dtype=np.float16)[:, None]
    means = cells.average(x)[:, 0]
    assert means.tolist() == [chunk.mean() for chunk in np.split(np.arange(steps), cells.first[1:])]
    inside = slice(math.ceil((expected[0] - 1) / 2), steps - math.ceil((expected[-1] - 1) / 2))
    assert np.allclose(cells.interpolate(means.astype(np.float32))[inside], x[inside, 0])


def test_samples_differ_as_views_of_one_video(model):
    curves = model.sample(scenes(120), rate=0.5, samples=8)
    mean = curves.mean(axis=0)
    assert curves.std(axis=0).mean() > 0.3 * mean.std()
    # Coherent: what one sample says of neighbouring steps goes together more than between samples.
    residual = curves - mean
    neighbours = np.mean([np.corrcoef(r[1:], r[:-1])[0, 1] for r in residual])
    assert neighbours > 0.25  # of noise, it would be 0


def test_guidance_reaches_the_output(model):
    x = scenes(60)
    plain, guided = (model.sample(x, rate=1.0, samples=2, steps=1, guidance_scale=w) for w in (0.0, 1.0))
    assert not np.allclose(plain, guided, atol=1e-3)
    again = model.sample(x, rate=1.0, samples=2, steps=1, guidance_scale=0.0)
    assert np.array_equal(plain, again)


def test_guidance_may_only_steer(model):
    """As in the later code: with one step there is nothing to steer, with more there is."""
    steered = SamplingModel(replace(model.config, guide_final=False), model.network)
    x = scenes(60)

    def distance(steps):
        plain, guided = (steered.sample(x, rate=1.0, samples=2, steps=steps, guidance_scale=w) for w in (0.0, 5.0))
        return np.abs(plain - guided).max()

    assert distance(1) < 1e-6
    assert distance(10) > 1e-2


def untrained(preset, inputs=24, **changes):
    torch.manual_seed(0)
    small = {"width": 16, "heads": 2, "feed_forward": 32}
    return SummDiff(NetworkConfig.preset(preset, inputs=inputs, **small, **changes))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("w", [0.0, 0.2])
def test_every_preset_samples_and_encodes_once(preset, w):
    """The condition is encoded once a video, not once a step or sample."""
    network = untrained(preset)
    calls = []
    for layer in network.encoder:
        layer.register_forward_hook(lambda *_: calls.append(1))
    model = SamplingModel(SamplingConfig(id="own", conditioning="features", eta=1.0), network)
    curves = model.sample(scenes(40, d=24), rate=1.0, samples=5, steps=7, guidance_scale=w)
    assert curves.shape == (5, 40)
    assert (curves >= 0).all()
    assert (curves <= 1).all()
    assert np.ptp(curves) > 0
    assert len(calls) == 2 * (1 if w == 0 else 2)  # layers; the null video once more


def test_both_features_and_relations():
    config = SamplingConfig(id="own", conditioning="both")
    model = SamplingModel(config, untrained("joint", inputs=24 + 2 * len(DESCRIPTORS)))
    assert model.sample(scenes(10, d=24), rate=1.0, samples=2, steps=2).shape == (2, 10)
    with pytest.raises(ModelError, match="needs features of 24 dimensions, got 32"):
        model.sample(scenes(10, d=32), rate=1.0)


def test_a_long_video_has_no_seam(model):
    """Steps where windows begin or end jump no more than other steps do."""
    n = 900
    x = scenes(n)
    mean = model.sample(x, rate=1.0, samples=4, steps=5).mean(axis=0)
    jumps = np.abs(np.diff(mean))
    windows = Windows.over(n)
    assert len(windows.index) > 3
    edges = sorted({int(i) for row in windows.index for i in (row[0] - 1, row[-1])} - {-1, n - 1})
    assert jumps[edges].max() < np.quantile(jumps, 0.995)


def test_a_window_says_what_the_whole_says(model):
    """Cut into windows, a video gets nearly the scores that it gets in one piece."""
    x = scenes(256)
    whole = model.sample(x, rate=1.0).mean(axis=0)
    parts = SamplingModel(replace(model.config, window=96), model.network).sample(x, rate=1.0).mean(axis=0)
    assert np.corrcoef(whole, parts)[0, 1] > 0.9


@pytest.mark.parametrize(("n", "size", "overlap"), [(1, 8, 2), (8, 8, 2), (9, 8, 2), (100, 8, 2), (1000, 256, 64)])
def test_windows_cover_and_blend_to_what_was_cut(n, size, overlap):
    windows = Windows.over(n, size=size, overlap=overlap)
    assert windows.index.min() == 0
    assert windows.index.max() == n - 1
    starts = windows.index[:, 0]
    assert (windows.size - starts.diff() >= overlap).all()
    values = torch.randn(n, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(windows.blend(torch.split(windows.cut(values), 2)), values, atol=1e-6)
    total = torch.zeros(n).index_add_(0, windows.index.flatten(), windows.weights.flatten())
    assert torch.allclose(total, torch.ones(n), atol=1e-6)


@pytest.mark.parametrize(
    ("features", "options", "error", "said"),
    [
        (np.full((4, 3), np.nan), {}, ModelError, "finite"),
        (np.full((4, 3), np.inf), {}, ModelError, "finite"),
        (np.zeros(4), {}, ModelError, "shape"),
        (np.zeros((0, 3)), {}, ModelError, "shape"),
        (np.zeros((4, 3)), {"rate": -1.0}, ModelError, "rate"),
        (np.zeros((4, 3)), {"samples": 0}, UsageError, "samples"),
        (np.zeros((4, 3)), {"steps": 0}, UsageError, "denoising steps"),
        (np.zeros((4, 3)), {"guidance_scale": -1.0}, UsageError, "guidance"),
        (np.zeros((4, 3)), {"guidance_scale": float("nan")}, UsageError, "guidance"),
    ],
)
def test_says_what_is_wrong(model, features, options, error, said):
    with pytest.raises(error, match=said):
        model.sample(features, **{"rate": 1.0} | options)


def test_a_model_of_features_refuses_other_dimensions():
    config = SamplingConfig(id="own", conditioning="features", feature_extractor="some_net")
    model = SamplingModel(config, SummDiff(NetworkConfig(inputs=24, width=16, heads=2)))
    assert model.sample(scenes(10, d=24), rate=1.0, samples=2, steps=2).shape == (2, 10)
    with pytest.raises(ModelError, match="needs features of 24 dimensions, got 32"):
        model.sample(scenes(10, d=32), rate=1.0)
    with pytest.raises(ModelError, match="finite"):
        model.sample(np.full((10, 24), np.nan), rate=1.0)


def test_the_shipped_model_takes_any_features(model):
    assert (model.id, model.conditioning, model.feature_extractor) == ("default", "kinship", None)
    assert model.network.config.inputs == 4 * len(DESCRIPTORS) + PLACES


def test_samples_around_a_mean_curve_have_it_as_their_mean():
    """Whatever the seed: pairs from opposite noise are mirror images, so their mean has no noise of its own."""
    network = untrained("joint", mean_head=True, squash=False, mean_gain=0.1)
    with torch.no_grad():
        network.head.weight.mul_(0.1)  # departures that leave scores within 0 and 1
    model = SamplingModel(SamplingConfig(id="own", conditioning="features"), network)
    x = scenes(300, d=24)  # more than a window
    one, other = (model.sample(x, rate=1.0, samples=4, seed=seed) for seed in (0, 1))
    assert not np.allclose(one[0], other[0], atol=0.02)
    # Rounding may put a score on the edge between two levels to either of them, in one of the two images.
    assert np.quantile(np.abs(one.mean(axis=0) - other.mean(axis=0)), 0.9) < 1e-4
    assert np.ptp(one.mean(axis=0)) > 0.1
