import pytest
import torch
from diffusers import DDIMScheduler

from summdiff.errors import UsageError
from summdiff.scoring.ddim import DDIM
from summdiff.scoring.schedule import alphas_cumprod


def network(sample, t):
    """Some function of sample and time that is neither linear nor constant."""
    return torch.tanh(sample * (0.5 + t / 1000) + 0.1)


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
    ours.alphas_cumprod = scheduler.alphas_cumprod
    ours.set_timesteps(steps)
    assert ours.timesteps == scheduler.timesteps.tolist()

    sample = torch.randn(3, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = sample
    noise = torch.Generator().manual_seed(1)
    for t in ours.timesteps:
        eps = torch.randn(sample.shape, generator=noise, dtype=torch.float64)
        sample = ours.step(network(sample, t), t, sample, eta=eta, variance_noise=eps)
        expected = scheduler.step(network(expected, t), t, expected, eta=eta, variance_noise=eps).prev_sample
        assert torch.allclose(sample, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 7, 10, 1000])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_an_oracle_leads_to_the_clean_scores(steps, eta):
    clean = torch.linspace(-1, 1, 60)
    ddim = DDIM()
    ddim.set_timesteps(steps)
    generator = torch.Generator().manual_seed(2)
    sample = torch.randn(60, generator=generator)
    for t in ddim.timesteps:
        sample = ddim.step(clean, t, sample, eta=eta, generator=generator)
    assert torch.allclose(sample, clean, atol=1e-6)


def test_with_an_oracle_each_state_keeps_the_variance_of_its_time():
    """What makes the process right in between, where an oracle's end would forgive it."""
    ddim = DDIM()
    ddim.set_timesteps(10)
    generator = torch.Generator().manual_seed(3)
    for eta in (0.0, 1.0):
        sample = torch.randn(100_000, generator=generator)
        for t, following in zip(ddim.timesteps, ddim.timesteps[1:], strict=False):
            sample = ddim.step(torch.full_like(sample, 0.5), t, sample, eta=eta, generator=generator)
            left = float(ddim.alphas_cumprod[following])
            assert float(sample.var()) == pytest.approx(1 - left, abs=0.02)
            assert float(sample.mean()) == pytest.approx(0.5 * left**0.5, abs=0.02)


def test_a_step_to_time_0_still_leaves_that_times_noise():
    ddim = DDIM(num_train_timesteps=4)
    ddim.set_timesteps(4)
    sample = ddim.step(torch.zeros(1), 1, torch.ones(1))
    now, then = ddim.alphas_cumprod[1], ddim.alphas_cumprod[0]
    assert float(sample) == pytest.approx(float((1 - then) ** 0.5 / (1 - now) ** 0.5))


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_schedule_is_the_one_asked_for(schedule):
    expected = alphas_cumprod(schedule, num_train_timesteps=50)
    assert torch.equal(DDIM(schedule=schedule, num_train_timesteps=50).alphas_cumprod, expected)


def test_before_times_are_set_there_are_none():
    ddim = DDIM()
    assert ddim.timesteps == []
    with pytest.raises(UsageError, match="call set_timesteps first"):
        ddim.step(torch.zeros(1), 999, torch.zeros(1))


def test_noise_is_as_precise_as_the_sample():
    ddim = DDIM()
    ddim.set_timesteps(2)
    clean = torch.zeros(100, dtype=torch.float64)
    noisy = ddim.step(clean, 999, clean, eta=1.0, generator=torch.Generator().manual_seed(0))
    drawn = torch.randn(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(noisy / noisy.std(), drawn / drawn.std(), rtol=1e-12)


def test_times_of_the_usual_ten_steps():
    ddim = DDIM()
    ddim.set_timesteps(10)
    assert ddim.timesteps == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]


def test_generator_makes_it_repeatable():
    ddim = DDIM()
    ddim.set_timesteps(4)
    sample = torch.randn(2, 9, generator=torch.Generator().manual_seed(4))

    def after(seed):
        return ddim.step(sample, 749, sample, eta=1.0, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(after(5), after(5))
    assert not torch.equal(after(5), after(6))


def test_says_what_is_wrong():
    ddim = DDIM(num_train_timesteps=100)
    with pytest.raises(UsageError, match="from 1 to 100, got 101"):
        ddim.set_timesteps(101)
    with pytest.raises(UsageError, match="got 0"):
        ddim.set_timesteps(0)
    with pytest.raises(UsageError, match="set_timesteps"):
        ddim.step(torch.zeros(2), 99, torch.zeros(2))
    with pytest.raises(UsageError, match="'velocity'"):
        DDIM(prediction_type="velocity")
