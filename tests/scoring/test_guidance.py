import numpy as np

from summdiff.scoring.ddim import DDIM
from summdiff.scoring.guidance import guide


def test_scale_zero_is_no_guidance():
    conditional, unconditional = np.random.default_rng(0).standard_normal((2, 3, 20))
    assert np.array_equal(guide(conditional, unconditional, 0.0), conditional)


def test_moves_away_from_the_unconditional_prediction():
    guided = guide(np.array([0.6]), np.array([0.5]), 0.5)
    assert np.allclose(guided, 0.65)


def test_guiding_clean_scores_and_guiding_noise_are_the_same():
    noisy, conditional, unconditional = np.random.default_rng(1).standard_normal((3, 50))
    by_sample, by_noise = DDIM(), DDIM(prediction_type="epsilon")
    by_sample.set_timesteps(10)
    by_noise.set_timesteps(10)
    t = 499
    left = by_sample.alphas_cumprod[t]

    def noise(clean):
        return (noisy - left**0.5 * clean) / (1 - left) ** 0.5

    a = by_sample.step(guide(conditional, unconditional, 0.7), t, noisy)
    b = by_noise.step(guide(noise(conditional), noise(unconditional), 0.7), t, noisy)
    assert np.allclose(a, b)
