"""Compare sampling importance curves of one video with the plain way, in turns.

    python benchmarks/sampling.py [--steps 300] [--denoising-steps 10] [--rounds 5] [--threads 2] [--json FILE]

The plain way encodes the video at every denoising step, and computes samples, and guidance's predictions with and
without the video, one after the other. Both use torch, start from the same noise and must give the same curves. For
each preset with random weights, and for the shipped model: one sample and eight, with guidance. Times are medians over
rounds, the ratio the median of each round's ratio.

The last column limits what sharing can gain: the multiplications and additions in matrix products and attention of the
plain way, as a multiple of ours. It is the target for 8 samples, less 5% for noise; a larger ratio comes from larger
products and fewer calls.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from rows import Row, write
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from summdiff._runtime import THREADS_VARIABLE
from summdiff.research.networks.base import EncodedVideo, Prepared
from summdiff.research.networks.inference import in_torch, module_of
from summdiff.research.networks.registry import architectures
from summdiff.research.networks.storage import load_network
from summdiff.scoring import load_model, model_folder
from summdiff.scoring.ddim import DDIM
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.guidance import guide
from summdiff.scoring.inputs import Condition
from summdiff.scoring.networks import DenoiserFacts
from summdiff.scoring.sampling import SamplingConfig, SamplingModel, paired_noise

INPUTS, RATE, GUIDANCE, OF_THE_BOUND = 1024, 1.0, 0.2, 0.95
# Of curves: a score on the edge between two levels may fall to either by rounding, and takes its later steps with it.
EQUAL, FLIPPED = 1e-4, 0.1


@torch.inference_mode()
def plain(model: SamplingModel, given: Condition, noise: NDArray[np.float32], *, steps: int) -> NDArray[np.float32]:
    """Return curves (M, N) from noise (M, N), the plain way."""
    network, rate = module_of(model), 1 / (model.config.step_seconds or 1 / RATE)
    space, around_mean = network.space, network.facts().mean is not None
    curves = []
    for start in noise:
        ddim = DDIM(schedule=model.config.schedule, num_train_timesteps=model.config.num_train_timesteps)
        ddim.set_timesteps(steps)
        state = start
        for t in ddim.timesteps:
            noisy, when = torch.from_numpy(state)[None, None], torch.tensor([[t]])
            signal = torch.tensor([[ddim.alphas_cumprod[t] ** 0.5]], dtype=torch.float32)
            both = []
            for null in (False, True):
                condition = conditioned(network, given, rate=rate, null=null)
                predicted = network.denoise(noisy, when, signal, condition)[0, 0].numpy()
                both.append(space.to_signal(predicted if around_mean else predicted.clip(0, 1)))
            state = ddim.step(space.bounded(guide(both[0], both[1], GUIDANCE)), t, state)
        curves.append(space.to_scores(state))
    return np.stack(curves)


def conditioned(network: Any, given: Condition, *, rate: float, null: bool) -> Prepared:
    """Return the whole video (N, P), or the null video, as the denoiser's condition."""
    facts, seconds = network.facts(), torch.arange(len(given)) / rate
    encoded = network.encode(torch.from_numpy(given.inputs)[None], seconds, dropped=torch.tensor([null]))
    tensors: dict[str, torch.Tensor] = {}
    if facts.mean is not None:
        beside = beside_tokens(facts, encoded, given.places, seconds.numpy(), null=null)
        tensors = {name: torch.from_numpy(values)[None].float() for name, values in beside.items()}
    prepared: Prepared = network.prepare(encoded.tokens, seconds, **tensors)
    return prepared


def beside_tokens(
    facts: DenoiserFacts, encoded: EncodedVideo, places: Any, seconds: NDArray[np.float32], *, null: bool
) -> dict[str, NDArray[np.floating]]:
    """Return the mean curve, and with a prior its posterior, of a network that has one."""
    assert facts.mean is not None and encoded.curves is not None
    curves, steps = encoded.curves[0].T.numpy(), len(seconds)
    if facts.prior is not None:
        agreed = facts.prior.smooth(curves[0], places, seconds, noise=facts.guess_noise)
        curves = agreed[None].astype(np.float32)
    mean = np.full(steps, 0.5, dtype=np.float32) if null else facts.mean.finalize(curves)
    if facts.prior is None or encoded.log_scale is None:
        return {"mean": mean}
    scale = np.ones(steps) if null else np.exp(encoded.log_scale[0].numpy())
    covariance = facts.prior.covariance(np.zeros_like(places) if null else places, seconds, scale)
    posterior = ScorePosterior.of(mean, covariance)
    return {"mean": mean, "directions": posterior.directions, "variances": posterior.variances}


def models(steps: int) -> dict[str, tuple[SamplingModel, NDArray[np.float32]]]:
    """Return models and features of as many of their own steps, in one window, since the plain way has no windows."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(steps, INPUTS)).astype(np.float32)
    found = {}
    for name in ("summdiff", "release", "joint"):
        one = architectures()[name]
        torch.manual_seed(0)
        network = one.network(one.config(inputs=INPUTS)).requires_grad_(False)
        config = SamplingConfig(id=name, conditioning="features", window=max(8, steps))
        found[name] = SamplingModel(config, in_torch(network)), features
    shipped = load_model("default").config
    assert isinstance(shipped, SamplingConfig)
    network = load_network(model_folder("default")).requires_grad_(False)
    config = replace(shipped, window=max(8, steps), step_seconds=None)
    scenes = rng.normal(size=(steps // 10 + 1, INPUTS)).repeat(10, axis=0)[:steps]
    found["default"] = SamplingModel(config, in_torch(network)), (scenes + 0.3 * features).astype(np.float32)
    return found


def flops(run: Any) -> int:
    """Count the multiplications and additions of a call."""
    # The counter sees neither fused attention nor other threads
    one_thread = mock.patch.dict(os.environ, {THREADS_VARIABLE: "1"})
    with one_thread, sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="of the video, one a second")
    parser.add_argument("--denoising-steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"{'model':>8}{'width':>7}{'samples':>9}{'plain, ms':>11}{'ours, ms':>10}{'ratio':>7}{'of work':>9}")
    rows: list[dict[str, Any]] = []
    for name, (model, features) in models(asked.steps).items():
        _, given = model.condition_of(features, rate=RATE, readout="scores")
        for samples in (1, 8):
            noise = paired_noise(asked.steps, samples=samples, seed=0).T

            def slowly(model=model, given=given, noise=noise) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
                return plain(model, given, noise, steps=asked.denoising_steps)

            def ours(model=model, features=features, samples=samples) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
                how = {"samples": samples, "steps": asked.denoising_steps, "guidance_scale": GUIDANCE}
                return model.sample(features, rate=RATE, **how)

            times: list[tuple[float, float]] = []
            for _ in range(asked.rounds + 1):
                began = time.perf_counter()
                a = slowly()
                between = time.perf_counter()
                b = ours()
                times.append((between - began, time.perf_counter() - between))
                apart = np.abs(a - b)
                if np.median(apart) > EQUAL or np.mean(apart > EQUAL) > FLIPPED:
                    raise SystemExit(
                        f"{name}: the two ways disagree by {np.median(apart):.2g} at the median, and by more than "
                        f"{EQUAL:g} at {np.mean(apart > EQUAL):.1%} of the scores"
                    )
            times = times[1:]  # the first round warms up
            slow, fast = (1000 * statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(x / y for x, y in times)
            work = flops(slowly) / flops(ours)
            width = module_of(model).config.width
            print(f"{name:>8}{width:>7}{samples:>9}{slow:11.0f}{fast:10.0f}{ratio:7.1f}{work:9.1f}", flush=True)
            rows.append(
                Row(
                    f"sampling, {name}, {samples} samples" if samples > 1 else f"sampling, {name}, 1 sample",
                    "the plain way",
                    ratio,
                    OF_THE_BOUND * work if samples == 8 else None,
                    bound=f"products of matrices and attention: the plain way has {work:.2f} times the multiplications",
                    numbers={"plain, ms": slow, "ours, ms": fast, "work": work, "threads": asked.threads},
                )
            )
    write(asked.json, rows)


if __name__ == "__main__":
    main()
