import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from summdiff.errors import UsageError
from summdiff.scoring.ddim import DDIM
from summdiff.scoring.schedule import alphas_cumprod


def network(sample, t):
    """Some function of sample and time that is neither linear nor constant."""
    return np.tanh(sample * (0.5 + t / 1000) + 0.1)


@pytest.mark.parametrize("prediction_type", ["sample", "epsilon"])
@pytest.mark.parametrize("steps", [1, 4, 10, 50])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("schedule", "theirs"), [("cosine", "squaredcos_cap_v2"), ("linear", "linear")])
def test_every_step_equals_diffusers(schedule, theirs, eta, steps, prediction_type):
    scheduler = DDIMScheduler(
        beta_schedule=theirs,
        prediction_type=prediction_type,
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(steps)
    # Theirs is rounded to float32, and the last epsilon step divides by sqrt(abar) near 0: give both the same numbers.
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    ours = DDIM(schedule=schedule, prediction_type=prediction_type)
    ours.alphas_cumprod = scheduler.alphas_cumprod.numpy()
    ours.set_timesteps(steps)
    assert ours.timesteps == scheduler.timesteps.tolist()

    rng = np.random.default_rng(0)
    sample = rng.standard_normal((3, 40))
    expected = sample
    for t in ours.timesteps:
        eps = rng.standard_normal(sample.shape)
        sample = ours.step(network(sample, t), t, sample, eta=eta, variance_noise=eps)
        output, state, noise = (torch.from_numpy(each) for each in (network(expected, t), expected, eps))
        expected = scheduler.step(output, t, state, eta=eta, variance_noise=noise).prev_sample.numpy()
        assert np.allclose(sample, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 7, 10, 1000])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_an_oracle_leads_to_the_clean_scores(steps, eta):
    clean = np.linspace(-1, 1, 60)
    ddim = DDIM()
    ddim.set_timesteps(steps)
    generator = np.random.default_rng(2)
    sample = generator.standard_normal(60)
    for t in ddim.timesteps:
        sample = ddim.step(clean, t, sample, eta=eta, generator=generator)
    assert np.allclose(sample, clean, atol=1e-6)


def test_with_an_oracle_each_state_keeps_the_variance_of_its_time():
    """Checks the steps in between, where an oracle's end hides errors."""
    ddim = DDIM()
    ddim.set_timesteps(10)
    generator = np.random.default_rng(3)
    for eta in (0.0, 1.0):
        sample = generator.standard_normal(100_000)
        for t, following in zip(ddim.timesteps, ddim.timesteps[1:], strict=False):
            sample = ddim.step(np.full_like(sample, 0.5), t, sample, eta=eta, generator=generator)
            left = float(ddim.alphas_cumprod[following])
            assert float(sample.var()) == pytest.approx(1 - left, abs=0.02)
            assert float(sample.mean()) == pytest.approx(0.5 * left**0.5, abs=0.02)


def test_a_step_to_time_0_still_leaves_that_times_noise():
    ddim = DDIM(num_train_timesteps=4)
    ddim.set_timesteps(4)
    sample = ddim.step(np.zeros(1), 1, np.ones(1))
    now, then = ddim.alphas_cumprod[1], ddim.alphas_cumprod[0]
    assert sample[0] == pytest.approx((1 - then) ** 0.5 / (1 - now) ** 0.5)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_schedule_is_the_one_asked_for(schedule):
    expected = alphas_cumprod(schedule, num_train_timesteps=50)
    assert np.array_equal(DDIM(schedule=schedule, num_train_timesteps=50).alphas_cumprod, expected)


def test_before_times_are_set_there_are_none():
    ddim = DDIM()
    assert ddim.timesteps == []
    with pytest.raises(UsageError, match="call set_timesteps first"):
        ddim.step(np.zeros(1), 999, np.zeros(1))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_noise_is_as_precise_as_the_sample(kind):
    ddim = DDIM()
    ddim.set_timesteps(2)
    clean = np.zeros(100, dtype=kind)
    noisy = ddim.step(clean, 999, clean, eta=1.0, generator=np.random.default_rng(0))
    drawn = np.random.default_rng(0).standard_normal(100)
    assert noisy.dtype == kind
    assert np.allclose(noisy / noisy.std(), drawn / drawn.std(), rtol=1e-5 if kind == np.float32 else 1e-12)


def test_times_of_the_usual_ten_steps():
    ddim = DDIM()
    ddim.set_timesteps(10)
    assert ddim.timesteps == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]


def test_generator_makes_it_repeatable():
    ddim = DDIM()
    ddim.set_timesteps(4)
    sample = np.random.default_rng(4).standard_normal((2, 9))

    def after(seed):
        return ddim.step(sample, 749, sample, eta=1.0, generator=np.random.default_rng(seed))

    assert np.array_equal(after(5), after(5))
    assert not np.array_equal(after(5), after(6))


def test_with_eta_a_step_needs_a_source_of_noise():
    ddim = DDIM()
    ddim.set_timesteps(4)
    with pytest.raises(UsageError, match="give a generator or variance_noise"):
        ddim.step(np.zeros(2), 749, np.zeros(2), eta=0.5)


def test_says_what_is_wrong():
    ddim = DDIM(num_train_timesteps=100)
    with pytest.raises(UsageError, match="from 1 to 100, got 101"):
        ddim.set_timesteps(101)
    with pytest.raises(UsageError, match="got 0"):
        ddim.set_timesteps(0)
    with pytest.raises(UsageError, match="set_timesteps"):
        ddim.step(np.zeros(2), 99, np.zeros(2))
    with pytest.raises(UsageError, match="'velocity'"):
        DDIM(prediction_type="velocity")
