"""Drawing importance curves of one video, against the plain way, in turns.

    python benchmarks/sampling.py [--steps 300] [--denoising-steps 10] [--rounds 5] [--threads 2]

The plain way encodes the video again at every denoising step, and goes through samples, and through guidance's
predictions with and without the video, one after the other. Both ways start from the same noise and must end with the
same curves. For each preset: one sample and eight, guidance on, the network's weights random. Times are medians over
rounds, the ratio the median of each round's ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.diffusion.ddim import DDIM
from summdiff.diffusion.guidance import guide
from summdiff.models.sampling import SamplingConfig, SamplingModel, paired_noise
from summdiff.models.summdiff import PRESETS, NetworkConfig, SummDiff

INPUTS, RATE, GUIDANCE = 1024, 1.0, 0.2


@torch.inference_mode()
def plain(network: SummDiff, features: NDArray[np.float32], noise: torch.Tensor, *, steps: int) -> NDArray[np.float32]:
    """Curves (M, N) from noise (M, N)."""
    inputs, seconds = torch.from_numpy(features)[None], torch.arange(len(features)) / RATE
    space = network.config.space
    curves = []
    for start in noise:
        ddim = DDIM()
        ddim.set_timesteps(steps)
        state = start
        for t in ddim.timesteps:
            noisy, when = state[None, None], torch.tensor([[t]])
            signal = ddim.alphas_cumprod[t].sqrt().float().view(1, 1)
            with_video = network.prepare(network.encode(inputs, seconds), seconds)
            without = network.prepare(network.encode_null(seconds), seconds)
            seen, unseen = (
                space.to_signal(network.denoise(noisy, when, signal, condition)[0, 0].clamp(0, 1))
                for condition in (with_video, without)
            )
            state = ddim.step(space.bounded(guide(seen, unseen, GUIDANCE)), t, state)
        curves.append(space.to_scores(state).numpy())
    return np.stack(curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="of the video, one a second")
    parser.add_argument("--denoising-steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    features = np.random.default_rng(0).normal(size=(asked.steps, INPUTS)).astype(np.float32)
    print(f"{'preset':>8}{'width':>7}{'samples':>9}{'plain, ms':>11}{'ours, ms':>10}{'ratio':>7}")
    for preset in PRESETS:
        torch.manual_seed(0)
        network = SummDiff(NetworkConfig.preset(preset, inputs=INPUTS))
        # One window over the whole video, since the plain way knows none
        model = SamplingModel(SamplingConfig(id=preset, conditioning="features", window=max(8, asked.steps)), network)
        for samples in (1, 8):
            noise = paired_noise(asked.steps, samples=samples, seed=0).T
            times: list[tuple[float, float]] = []
            for _ in range(asked.rounds + 1):
                began = time.perf_counter()
                slow = plain(network, features, noise, steps=asked.denoising_steps)
                between = time.perf_counter()
                ours = model.sample(
                    features, rate=RATE, samples=samples, steps=asked.denoising_steps, guidance_scale=GUIDANCE
                )
                times.append((between - began, time.perf_counter() - between))
                # A score on the edge between two levels may fall to either by rounding.
                if np.median(np.abs(slow - ours)) > 1e-5:
                    raise SystemExit(f"{preset}: the two ways disagree by {np.abs(slow - ours).max():.2g}")
            times = times[1:]  # the first round warms up
            a, b = (1000 * statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(x / y for x, y in times)
            print(f"{preset:>8}{network.config.width:>7}{samples:>9}{a:11.0f}{b:10.0f}{ratio:7.1f}", flush=True)


if __name__ == "__main__":
    main()
