import torch

from summdiff.scoring.ddim import DDIM
from summdiff.scoring.guidance import guide


def test_scale_zero_is_no_guidance():
    conditional, unconditional = torch.randn(2, 3, 20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(guide(conditional, unconditional, 0.0), conditional)


def test_moves_away_from_the_unconditional_prediction():
    guided = guide(torch.tensor([0.6]), torch.tensor([0.5]), 0.5)
    assert torch.allclose(guided, torch.tensor([0.65]))


def test_guiding_clean_scores_and_guiding_noise_are_the_same():
    generator = torch.Generator().manual_seed(1)
    noisy, conditional, unconditional = torch.randn(3, 50, generator=generator, dtype=torch.float64)
    by_sample, by_noise = DDIM(), DDIM(prediction_type="epsilon")
    by_sample.set_timesteps(10)
    by_noise.set_timesteps(10)
    t = 499
    left = by_sample.alphas_cumprod[t]

    def noise(clean):
        return (noisy - left.sqrt() * clean) / (1 - left).sqrt()

    a = by_sample.step(guide(conditional, unconditional, 0.7), t, noisy)
    b = by_noise.step(guide(noise(conditional), noise(unconditional), 0.7), t, noisy)
    assert torch.allclose(a, b)
