import numpy as np
import pytest
from diffusers import DDIMScheduler

from summdiff.errors import UsageError
from summdiff.scoring.schedule import alphas_cumprod


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("cosine", {"beta_schedule": "squaredcos_cap_v2"}), ("linear", {"beta_schedule": "linear"})],
)
def test_equals_diffusers(name, theirs):
    expected = DDIMScheduler(num_train_timesteps=1000, **theirs).alphas_cumprod.numpy()
    assert np.allclose(alphas_cumprod(name), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["cosine", "linear"])
@pytest.mark.parametrize("T", [1, 50, 1000])
def test_falls_strictly_inside_0_and_1(name, T):
    left = alphas_cumprod(name, num_train_timesteps=T)
    assert (left.shape, left.dtype) == ((T,), np.float64)
    assert ((left > 0) & (left < 1)).all()
    assert (np.diff(left) < 0).all()


@pytest.mark.parametrize("T", [250, 500, 2000])
def test_linear_schedules_of_any_length_end_at_the_same_noise(T):
    usual = np.log(alphas_cumprod("linear")[-1])
    assert np.log(alphas_cumprod("linear", num_train_timesteps=T)[-1]) / usual == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("T", [10, 250, 2000])
def test_linear_schedules_begin_with_noise_in_proportion(T):
    assert 1 - alphas_cumprod("linear", num_train_timesteps=T)[0] == pytest.approx(1e-4 * 1000 / T)


def test_short_linear_schedules_keep_some_signal():
    assert alphas_cumprod("linear", num_train_timesteps=10)[-1] > 0


def test_says_what_is_wrong():
    with pytest.raises(UsageError, match="'quadratic'"):
        alphas_cumprod("quadratic")
    with pytest.raises(UsageError, match="got 0"):
        alphas_cumprod(num_train_timesteps=0)
