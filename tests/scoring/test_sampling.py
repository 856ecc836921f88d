"""Sampling of curves by the shipped model and by small networks in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from summdiff.errors import ModelError, UsageError
from summdiff.features.relations import DESCRIPTORS
from summdiff.scoring.networks import DenoiserFacts, Encoded, MeanCurve
from summdiff.scoring.sampling import SamplingConfig, SamplingModel, paired_noise
from summdiff.scoring.space import ScoreSpace
from summdiff.scoring.windows import Windows


def scenes(n, d=32, seed=0):
    """Features of a video that cuts every 20 steps between five places."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(5, d))
    return (places[rng.integers(5, size=n // 20 + 1)].repeat(20, axis=0)[:n] + 0.3 * rng.normal(size=(n, d))).astype(
        np.float32
    )


class Halfway:
    """A denoiser of features (N, 2): halfway from what the first input says to what the noisy signal says.

    With a mean curve the second input is the raw one, and predictions are mirror images around it.
    """

    def __init__(self, *, mean=None, space=ScoreSpace()):  # noqa: B008 (it is frozen)
        self.facts, self.calls = DenoiserFacts(2, space, mean), {"encode": 0, "null": 0, "prepare": 0}

    def encode(self, inputs, seconds, *, null=False):
        self.calls["null" if null else "encode"] += 1
        return Encoded(np.zeros_like(inputs) if null else inputs, inputs[..., 1:] if self.facts.mean else None)

    def prepare(self, tokens, seconds, *, mean, posteriors):
        self.calls["prepare"] += 1
        return tokens[:, None, :, 0], mean

    def denoise(self, noisy, timestep, signal, condition):
        said, mean = condition
        if mean is not None:
            centre = mean[:, None]
            return centre + 0.2 * np.tanh(noisy - signal * self.facts.space.to_signal(centre)).astype(np.float32)
        return (0.5 * said + 0.5 * self.facts.space.to_scores(noisy)).astype(np.float32)


def small(*, mean=None, space=ScoreSpace(), **options):  # noqa: B008
    config = SamplingConfig(id="small", conditioning="features", **{"window": 40, **options})
    return SamplingModel(config, Halfway(mean=mean, space=space))


def pictures(n=90, seed=0):
    return np.random.default_rng(seed).random((n, 2), dtype=np.float32)


def some_known(n, value=0.9):
    known = np.full(n, np.nan)
    known[3::40] = value
    return known


def test_shape_range_and_type(model):
    progress = []
    curves = model.score(scenes(75), rate=1.0, samples=5, on_progress=progress.append)
    assert (curves.mean.shape, curves.spread.shape, curves.samples.shape) == ((75,), (75,), (5, 75))
    for each in (curves.mean, curves.spread, curves.samples):
        assert each.dtype == np.float32
        assert (each >= 0).all()
        assert (each <= 1).all()
    assert progress == pytest.approx(np.arange(1, 11) / 10)
    assert np.array_equal(model.sample(scenes(75), rate=1.0, samples=5), curves.samples)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["random", "zeros", "constant"])
def test_shortest_and_emptiest_videos(model, n, kind):
    x = {"random": scenes(n), "zeros": np.zeros((n, 32)), "constant": np.full((n, 32), 0.4)}[kind]
    curves = model.score(x, rate=1.0, samples=2, steps=3)
    assert curves.samples.shape == (2, n)
    assert all(np.isfinite(each).all() for each in (curves.mean, curves.spread, curves.samples))


def test_the_seed_alone_decides(model):
    x = scenes(60)
    assert np.array_equal(model.sample(x, rate=1.0, seed=3), model.sample(x, rate=1.0, seed=3))
    assert not np.allclose(model.sample(x, rate=1.0, seed=3), model.sample(x, rate=1.0, seed=4), atol=0.01)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_global_random_state_is_neither_read_nor_changed(eta):
    drawn = []
    for seed in (1, 2):
        np.random.seed(seed)
        drawn.append(small(eta=eta).sample(pictures(), rate=1.0))
        after = np.random.random()
        np.random.seed(seed)
        assert np.random.random() == after
    assert np.array_equal(*drawn)


def test_a_sample_does_not_depend_on_how_many_are_drawn(model):
    x = scenes(90)
    many = model.sample(x, rate=1.0, samples=7)
    assert np.allclose(model.sample(x, rate=1.0, samples=3), many[:3], atol=0.02)


def test_noise_comes_in_pairs_of_opposite_sign():
    noise = paired_noise(30, samples=5, seed=0)
    assert (noise.shape, noise.dtype) == ((30, 5), np.float32)
    assert np.array_equal(noise[:, 1::2], -noise[:, [0, 2]])
    assert np.array_equal(paired_noise(30, samples=2, seed=0), noise[:, :2])
    assert not np.array_equal(paired_noise(30, samples=5, seed=1), noise)


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
    if times % 2 == 0:  # half-way between the two middle steps lies the cell's center; elsewhere it is interpolated
        middle = short.reshape(2, 50, times)[:, :, times // 2 - 1 : times // 2 + 1].mean(axis=2)
        assert np.allclose(middle[:, 1:-1], cells[:, 1:-1], atol=0.1)


def test_samples_differ_as_views_of_one_video(model):
    curves = model.sample(scenes(120), rate=0.5, samples=8)
    mean = curves.mean(axis=0)
    assert curves.std(axis=0).mean() > 0.3 * mean.std()
    # Coherent: what one sample says of neighboring steps goes together more than between samples.
    residual = curves - mean
    neighbours = np.mean([np.corrcoef(r[1:], r[:-1])[0, 1] for r in residual])
    assert neighbours > 0.25  # of noise, it would be 0


# The mean curve


@pytest.mark.parametrize("with_known", [False, True])
def test_neither_seed_nor_samples_nor_steps_move_a_mean_of_its_own(model, with_known):
    """Samples of the shipped model over several windows, also given known scores."""
    x = scenes(700)
    known = some_known(700) if with_known else None
    usual = model.score(x, rate=1.0, samples=2, steps=2, known=known)
    assert np.ptp(usual.mean) > 0.05
    for how in ({"seed": 5}, {"samples": 1}, {"samples": 17}, {"steps": 5}):
        other = model.score(x, rate=1.0, known=known, **{"samples": 2, "steps": 2} | how)
        assert np.array_equal(other.mean, usual.mean)
        assert np.array_equal(other.spread, usual.spread)


@pytest.mark.parametrize("with_known", [False, True])
def test_a_mean_of_its_own_is_what_many_samples_have_on_average(model, with_known):
    """Up to what is cut off at 0 and 1."""
    x = scenes(60)
    curves = model.score(x, rate=0.5, samples=64, steps=4, known=some_known(60) if with_known else None)
    assert np.abs(curves.samples.mean(axis=0) - curves.mean).mean() < 0.01
    assert np.corrcoef(curves.samples.std(axis=0), curves.spread)[0, 1] > (0.9 if with_known else 0.3)


@pytest.mark.parametrize("how", [{}, {"guidance_scale": 0.3}, {"known": some_known(90)}, {"samples": 3}])
def test_without_a_mean_of_its_own_it_is_that_of_the_samples(how):
    curves = small().score(pictures(), rate=1.0, **how)
    assert np.allclose(curves.mean, curves.samples.mean(axis=0), atol=1e-6)
    assert np.allclose(curves.spread, curves.samples.std(axis=0), atol=1e-6)


def test_a_mean_curve_without_a_prior_is_the_mean_until_scores_are_known():
    own = small(mean=MeanCurve((1.0,), 0.1))
    usual, other = (own.score(pictures(), rate=1.0, seed=seed, samples=4) for seed in (0, 1))
    assert np.array_equal(usual.mean, other.mean)
    assert np.allclose(usual.samples.mean(axis=0), usual.mean, atol=1e-5)
    for how in ({"known": some_known(90)}, {"guidance_scale": 0.3}):
        curves = own.score(pictures(), rate=1.0, samples=4, **how)
        assert np.allclose(curves.mean, curves.samples.mean(axis=0), atol=1e-6)
        assert not np.allclose(curves.mean, usual.mean, atol=1e-3)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_mirrored_samples_are_those_that_denoising_each_gives(samples):
    """Only one of each pair is denoised where the other is its mirror image."""
    own, x = small(mean=MeanCurve((1.0,), 0.1)), pictures()
    quick = own.sample(x, rate=1.0, samples=samples)
    nothing = np.finfo(float).tiny  # of guidance, so that every sample is denoised by itself
    assert np.allclose(own.sample(x, rate=1.0, samples=samples, guidance_scale=nothing), quick, atol=1e-5)


# Known scores


@pytest.mark.parametrize("make", [None, small, lambda: small(mean=MeanCurve((1.0,), 0.1))])
@pytest.mark.parametrize("rate", [0.5, 4.0])
def test_known_scores_are_kept_exactly(model, make, rate):
    which = model if make is None else make()
    x = scenes(120) if make is None else pictures(120)
    known = some_known(120, 0.7)
    there = ~np.isnan(known)
    curves = which.score(x, rate=rate, samples=3, steps=3, known=known)
    assert (curves.samples[:, there] == np.float32(0.7)).all()
    assert (curves.mean[there] == np.float32(0.7)).all()
    assert not curves.spread[there].any()
    assert curves.spread.max() > 0.01


def test_what_is_like_a_known_step_follows(model):
    rng = np.random.default_rng(7)
    kinds = rng.integers(2, size=12).repeat(5)
    x = (rng.normal(size=(2, 32))[kinds] + 0.1 * rng.normal(size=(60, 32)) + 1).astype(np.float32)
    known = np.full(60, np.nan)
    known[5] = 0.99
    free, asked = (model.score(x, rate=0.5, known=given) for given in (None, known))
    far = np.abs(np.arange(60) - 5) > 10
    alike, other = far & (kinds == kinds[5]), far & (kinds != kinds[5])
    moved = asked.mean - free.mean
    assert moved[alike].mean() > 0.03
    assert moved[alike].mean() > moved[other].mean() + 0.03
    assert asked.spread[alike].mean() < free.spread[alike].mean()


def test_nothing_known_changes_nothing(model):
    x = scenes(60)
    free, asked = (model.score(x, rate=0.5, samples=4, known=known) for known in (None, np.full(60, np.nan)))
    for name in ("mean", "spread", "samples"):
        assert np.array_equal(getattr(free, name), getattr(asked, name))


@pytest.mark.parametrize("known", [np.zeros(3), np.full(60, 2.0), np.full(60, -0.1), np.full(60, np.inf)])
def test_known_scores_that_make_no_sense_are_refused(model, known):
    with pytest.raises(UsageError, match="Known scores must be 60 numbers from 0 to 1"):
        model.score(scenes(60), rate=0.5, known=known)


# Guidance


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


@pytest.mark.parametrize("w", [0.0, 0.3])
@pytest.mark.parametrize("steps", [1, 7])
def test_a_video_is_encoded_once(w, steps):
    """Not once a step or sample; the null video of guidance is encoded once for all windows."""
    one = small()
    one.sample(pictures(), rate=1.0, samples=5, steps=steps, guidance_scale=w)
    assert (one.network.calls["encode"], one.network.calls["null"]) == (1, int(w > 0))


@pytest.mark.parametrize("space", [ScoreSpace(scale=2.0), ScoreSpace("logit")], ids=str)
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("w", [0.0, 3.0])
def test_every_space_samples_within_0_and_1(space, eta, w):
    curves = small(space=space, eta=eta).sample(pictures(), rate=1.0, samples=3, guidance_scale=w)
    assert ((curves >= 0) & (curves <= 1)).all()
    assert np.ptp(curves) > 0.1


# Windows


def test_a_long_video_has_no_seam(model):
    """Steps where windows begin or end jump no more than other steps do."""
    n = 900
    curves = model.score(scenes(n), rate=0.5, samples=4, steps=5)
    windows = Windows.over(n)
    assert len(windows.starts) > 3
    ends = windows.starts + windows.size - 1
    edges = sorted({*(windows.starts - 1).tolist(), *ends.tolist()} - {-1, n - 1})
    for curve in (curves.mean, curves.samples.mean(axis=0)):
        jumps = np.abs(np.diff(curve))
        assert jumps[edges].max() < np.quantile(jumps, 0.995)


def test_a_window_says_what_the_whole_says(model):
    """Cut into windows, a video gets nearly the scores that it gets in one piece."""
    x = scenes(256)
    whole = model.score(x, rate=1.0).mean
    parts = SamplingModel(replace(model.config, window=96), model.network).score(x, rate=1.0).mean
    assert np.corrcoef(whole, parts)[0, 1] > 0.9


def test_how_many_windows_are_denoised_together_changes_nothing():
    """More samples leave room for fewer windows at a time."""
    many = small().sample(pictures(400), rate=1.0, samples=16)
    assert np.allclose(small().sample(pictures(400), rate=1.0, samples=2), many[:2], atol=1e-6)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_number_of_threads_changes_nothing(model, eta, monkeypatch):
    which = SamplingModel(replace(model.config, eta=eta), model.network)
    curves = []
    for threads in ("1", "3"):
        monkeypatch.setenv("SUMMDIFF_THREADS", threads)
        curves.append(which.score(scenes(900), rate=0.5, samples=9, steps=4, known=some_known(900)))
    for name in ("mean", "spread", "samples"):
        assert np.array_equal(*(getattr(each, name) for each in curves))


# What is refused


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
        (np.zeros((4, 3)), {"readout": "segments"}, UsageError, "no readout 'segments': use scores"),
    ],
)
def test_says_what_is_wrong(model, features, options, error, said):
    with pytest.raises(error, match=said):
        model.sample(features, **{"rate": 1.0} | options)


def test_a_model_of_features_refuses_other_dimensions():
    assert small().sample(pictures(10), rate=1.0, samples=2, steps=2).shape == (2, 10)
    with pytest.raises(ModelError, match="needs features of 2 dimensions, got 32"):
        small().sample(scenes(10), rate=1.0)
    with pytest.raises(ModelError, match="finite"):
        small().sample(np.full((10, 2), np.nan), rate=1.0)


@pytest.mark.parametrize("mean", [None, MeanCurve((1.0,), 0.1)])
def test_predictions_that_are_no_numbers_are_refused(mean):
    diverged = small(mean=mean)
    diverged.network.denoise = lambda noisy, *_: np.full_like(noisy, np.nan)
    with pytest.raises(ModelError, match="'small' gives scores that are not finite numbers"):
        diverged.score(pictures(9), rate=1.0, samples=2, steps=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "quadratic"},
        {"num_train_timesteps": 0},
        {"guidance_scale": -0.1},
        {"eta": 1.5},
        {"conditioning": "sound"},
        {"step_seconds": 0.0},
        {"window": 7},
    ],
)
def test_a_config_that_cannot_be_sampled_with_is_refused(wrong):
    with pytest.raises(ModelError, match="'small'"):
        SamplingConfig(**{"id": "small"} | wrong)


def test_the_shipped_model_takes_any_features(model):
    assert (model.id, model.conditioning, model.feature_extractor) == ("default", "gaussian_prior", None)
    assert model.network.facts.inputs == 4 * len(DESCRIPTORS)
    assert model.conditions_on_known
    assert model.readouts == ("scores",)
