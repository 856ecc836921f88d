"""The squared error of denoising annotators' curves that the default model's network leaves of the Gaussian's.

    summdiff crossval default validation=0
    python scripts/denoising_error.py [--crossval runs/default/crossval]

For each diffusion time, the ratio of the two errors on the test videos of each fold (docs/default-model.md).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.data.datasets import open_dataset
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import SummdiffError
from summdiff.research.networks._layers import to_signal
from summdiff.research.networks.base import Prepared
from summdiff.research.networks.denoising import add_noise
from summdiff.research.networks.inference import TorchDenoiser
from summdiff.research.networks.relational import Relational
from summdiff.research.networks.storage import load_network
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.targets import ranks
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.inputs import condition_of
from summdiff.scoring.schedule import alphas_cumprod

TIMES = (50, 200, 400, 600, 800, 950)


@torch.inference_mode()
def errors(network: Relational, video: AnnotatedVideo) -> NDArray[np.float64]:
    """Return the squared errors (2, times) with the network and of the Gaussian alone, in one window."""
    alpha_bar = torch.from_numpy(alphas_cumprod("cosine", num_train_timesteps=1000))
    condition = prepared(network, video)
    clean = torch.from_numpy(ranks(video.need_user_scores()))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    rows = []
    for gaussian_only in (False, True):
        object.__setattr__(network.config, "gaussian_only", gaussian_only)  # the same weights
        row = []
        for t in TIMES:
            times = torch.full((1, len(clean)), t)
            noisy = add_noise(to_signal(network.space, clean), noise, times[0], alpha_bar)[None]
            predicted = network.denoise(noisy, times, alpha_bar[times].sqrt().float(), condition)[0]
            row.append(float((predicted - clean).square().mean()))
        rows.append(row)
    return np.array(rows)


def prepared(network: Relational, video: AnnotatedVideo) -> Prepared:
    condition = condition_of(video.need_features(), rate=video.rate, conditioning="gaussian_prior")
    places, seconds = condition.places, (np.arange(len(condition)) / video.rate).astype(np.float32)
    denoiser = TorchDenoiser(network)
    encoded, facts = denoiser.encode(condition.inputs[None], seconds), denoiser.facts
    agreed = network.prior.smooth(encoded.curves[0, :, 0], places, seconds, noise=facts.guess_noise)
    mean = facts.mean.finalize(agreed[None].astype(np.float32))
    posterior = ScorePosterior.of(mean, network.prior.covariance(places, seconds, np.exp(encoded.log_scale[0])))
    return denoiser.prepare(encoded.tokens, seconds, mean=mean[None], posteriors=[posterior])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crossval", type=Path, default=Path("runs/default/crossval"))
    folder = parser.parse_args().crossval
    try:
        folds = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["folds"]
        data = open_dataset(read_recipe("default").data_path(), "tvsum")
        networks = [load_network(folder / f"fold{number}") for number in range(1, len(folds) + 1)]
    except (OSError, SummdiffError) as error:
        sys.exit(f"{error}. Cross-validate the model first: summdiff crossval default validation=0")
    by_video = [errors(networks[n], data[name]) for n, fold in enumerate(folds) for name in fold["split"]["test"]]
    ours, gaussian = np.mean(by_video, axis=0)
    for t, ratio in zip(TIMES, ours / gaussian, strict=True):
        print(f"t = {t:<4} {ratio:.3f}")
    print(f"mean     {float((ours / gaussian).mean()):.3f}")


if __name__ == "__main__":
    main()
