"""The reverse process of DDIM (Song et al., ICLR 2021), with the vocabulary of diffusers. Knows no network."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import UsageError
from summdiff.scoring.schedule import ScheduleName, alphas_cumprod

PredictionType = Literal["sample", "epsilon"]


class DDIM:
    """Scheduler that moves noisy scores from one time to the next, given the network's prediction.

        ddim = DDIM()
        ddim.set_timesteps(10)
        sample = np.random.default_rng(0).standard_normal(shape)
        for t in ddim.timesteps:
            sample = ddim.step(network(sample, t), t, sample)

    After the last step no noise is left: the sample is that step's clean prediction (paper §4.4, Inference).

    Attributes:
        alphas_cumprod: (T,) float64, see `summdiff.scoring.schedule`.
        timesteps: the times visited, falling; set by `set_timesteps`.
    """

    def __init__(
        self,
        *,
        num_train_timesteps: int = 1000,
        schedule: ScheduleName = "cosine",
        prediction_type: PredictionType = "sample",
    ) -> None:
        """Set T, the schedule, and what the network predicts: the clean "sample" (S_0) or the noise "epsilon"."""
        if prediction_type not in ("sample", "epsilon"):
            raise UsageError(f"Unknown prediction_type '{prediction_type}': use 'sample' or 'epsilon'.")
        self.num_train_timesteps = num_train_timesteps
        self.prediction_type = prediction_type
        self.alphas_cumprod = alphas_cumprod(schedule, num_train_timesteps=num_train_timesteps)
        self.timesteps: list[int] = []
        self._next: dict[int, int] = {}

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Choose the times to visit: evenly spaced, the first being T - 1 ("trailing": 999, 899, …, 99 for 10 of 1000).

        Starting at T - 1 matters: only there is the noisy sample the pure noise that sampling starts from.

        Raises:
            UsageError: fewer than 1 or more than T steps.
        """
        T = self.num_train_timesteps
        if not 1 <= num_inference_steps <= T:
            raise UsageError(f"The number of denoising steps must be from 1 to {T}, got {num_inference_steps}.")
        self.timesteps = [
            round(T * (num_inference_steps - i) / num_inference_steps) - 1 for i in range(num_inference_steps)
        ]
        # diffusers subtracts T // num_inference_steps instead, which misses the next time when it does not divide T.
        self._next = dict(zip(self.timesteps, [*self.timesteps[1:], -1], strict=True))

    def step(
        self,
        model_output: NDArray[np.floating],
        timestep: int,
        sample: NDArray[np.floating],
        *,
        eta: float = 0.0,
        generator: np.random.Generator | None = None,
        variance_noise: NDArray[np.floating] | None = None,
    ) -> NDArray[np.floating]:
        """Return S_t' of S_t, with t' the next time of `timesteps`.

        Eq. 4 of the paper lost a fraction and mixes indices. Right is (DDIM eq. 12 and 16), x_0 being clean:

            S_t'   = sqrt(abar_t') x_0 + sqrt(1 - abar_t' - sigma²) e + sigma eps
            e      = (S_t - sqrt(abar_t) x_0) / sqrt(1 - abar_t)
            sigma² = eta² (1 - abar_t') / (1 - abar_t) (1 - abar_t / abar_t')

        Args:
            model_output: the network's prediction, shaped as `sample`.
            timestep: t, one of `timesteps`.
            sample: S_t.
            eta: 0 for the deterministic process, 1 for one as random as DDPM.
            generator: source of eps where eta > 0.
            variance_noise: eps itself, instead of a generator.

        Raises:
            UsageError: a time that is not in `timesteps`, or eta > 0 with neither generator nor noise.
        """
        if timestep not in self._next:
            raise UsageError(f"Time {timestep} is not one of the scheduled times; call set_timesteps first.")
        following = self._next[timestep]
        now = float(self.alphas_cumprod[timestep])
        then = float(self.alphas_cumprod[following]) if following >= 0 else 1.0

        if self.prediction_type == "sample":
            clean = model_output
            noise = (sample - now**0.5 * clean) / (1 - now) ** 0.5
        else:
            noise = model_output
            clean = (sample - (1 - now) ** 0.5 * noise) / now**0.5

        variance = eta**2 * (1 - then) / (1 - now) * (1 - now / then)
        result: NDArray[np.floating] = then**0.5 * clean + max(0.0, 1 - then - variance) ** 0.5 * noise
        if variance > 0:
            if variance_noise is None:
                if generator is None:
                    raise UsageError("With eta above 0 a step draws noise: give a generator or variance_noise.")
                variance_noise = generator.standard_normal(sample.shape).astype(sample.dtype)
            result = result + variance**0.5 * variance_noise
        return result
