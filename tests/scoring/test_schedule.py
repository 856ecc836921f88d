import pytest
import torch
from diffusers import DDIMScheduler

from summdiff.errors import UsageError
from summdiff.scoring.schedule import add_noise, alphas_cumprod


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("cosine", {"beta_schedule": "squaredcos_cap_v2"}), ("linear", {"beta_schedule": "linear"})],
)
def test_equals_diffusers(name, theirs):
    expected = DDIMScheduler(num_train_timesteps=1000, **theirs).alphas_cumprod.double()
    assert torch.allclose(alphas_cumprod(name), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["cosine", "linear"])
@pytest.mark.parametrize("T", [1, 50, 1000])
def test_falls_strictly_inside_0_and_1(name, T):
    left = alphas_cumprod(name, num_train_timesteps=T)
    assert left.shape == (T,)
    assert ((left > 0) & (left < 1)).all()
    assert (left.diff() < 0).all()


@pytest.mark.parametrize("T", [250, 500, 2000])
def test_linear_schedules_of_any_length_end_at_the_same_noise(T):
    usual = alphas_cumprod("linear")[-1].log()
    assert float(alphas_cumprod("linear", num_train_timesteps=T)[-1].log() / usual) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("T", [10, 250, 2000])
def test_linear_schedules_begin_with_noise_in_proportion(T):
    assert float(1 - alphas_cumprod("linear", num_train_timesteps=T)[0]) == pytest.approx(1e-4 * 1000 / T)


def test_short_linear_schedules_keep_some_signal():
    assert float(alphas_cumprod("linear", num_train_timesteps=10)[-1]) > 0


def test_forward_process_has_the_moments_of_its_formula():
    left = alphas_cumprod()
    clean = torch.full((4, 200_000), 0.7)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([0, 300, 700, 999])
    noisy = add_noise(clean, noise, timesteps, left)
    assert torch.allclose(noisy.mean(dim=1), 0.7 * left[timesteps].sqrt().float(), atol=0.01)
    assert torch.allclose(noisy.var(dim=1), (1 - left[timesteps]).float(), atol=0.01)


def test_forward_process_equals_diffusers():
    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2")
    scheduler.alphas_cumprod = alphas_cumprod()  # theirs is a product in float32, which costs digits
    generator = torch.Generator().manual_seed(1)
    clean, noise = torch.randn(2, 5, 30, generator=generator, dtype=torch.float64)
    timesteps = torch.tensor([0, 10, 500, 900, 999])
    ours = add_noise(clean, noise, timesteps, alphas_cumprod())
    assert torch.allclose(ours, scheduler.add_noise(clean, noise, timesteps), atol=1e-6)


def test_says_what_is_wrong():
    with pytest.raises(UsageError, match="'quadratic'"):
        alphas_cumprod("quadratic")
    with pytest.raises(UsageError, match="got 0"):
        alphas_cumprod(num_train_timesteps=0)
