"""What each part of the default model brings: to its mean curve on validation videos, and to denoising.

    python -m summdiff.research.reproduce.default_parts [--summe summe_annotations.h5]
        [--output results/default_parts.csv]

Each row of the first table is the recipe with fields changed, fitted without its network, which changes no mean curve:
Kendall's tau on the validation videos of all folds, as they are and in other feature spaces, and on SumMe's videos with
features; a row takes ten minutes and more. If `default_model` has cross-validated the recipe
(`validation=0`, seed 0), the share of the squared error of denoising a test video's annotators that the network leaves
of the Gaussian's is printed before, by time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.data.registry import open_dataset
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import SummdiffError
from summdiff.evaluation import judge_steps_of
from summdiff.features.relational import PLACES
from summdiff.research.networks.folder import load_network
from summdiff.research.networks.inference import TorchDenoiser
from summdiff.research.networks.summdiff.denoising import add_noise
from summdiff.research.networks.summdiff.layers import to_signal
from summdiff.research.networks.summdiff.network import Prepared
from summdiff.research.networks.summdiff.relational import Relational
from summdiff.research.reproduce.systems import Row, print_table, write_csv
from summdiff.research.training.build import as_model, new_network
from summdiff.research.training.examples import Examples
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.targets import ranks
from summdiff.research.training.transfer import other_spaces
from summdiff.research.training.videos import Videos, to_cross_validate, to_train
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.inputs import condition_inputs
from summdiff.scoring.model import Model
from summdiff.scoring.schedule import alphas_cumprod

CHANGES: tuple[tuple[str, ...], ...] = (
    (),
    ("network.guess_noise=0.5",),
    ("network.guess_noise=6",),
    ("also=[]",),
    ("augmentation.spaces=[]",),
    ("augmentation.spaces=[unit,roots]",),
    ("linear_penalty=0.1",),
    ("linear_penalty=1",),
)
TIMES = (50, 200, 400, 600, 800, 950)


def main() -> None:
    """Write and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--summe", type=Path, help="SumMe's annotations, HDF5")
    parser.add_argument("--output", type=Path, default=Path("results/default_parts.csv"))
    asked = parser.parse_args()
    try:
        print_denoising()
        rows = [means(changes, asked.summe) for changes in CHANGES]
        write_csv(asked.output, rows, tuple(rows[0]))
        print_table(rows, tuple(rows[0]))
    except (SummdiffError, OSError) as error:
        sys.exit(str(error))


def means(changes: Sequence[str], summe: Path | None) -> Row:
    """One row of the table: tau of the mean curve, means over folds, on validation videos and SumMe's."""
    recipe = read_recipe("default", ["network.corrects=false", *changes])
    found: dict[str, list[float]] = {"validation": []}
    for videos in to_cross_validate(recipe, lambda sentence: None):
        model = _fitted(recipe, videos)
        data, split = videos.data, videos.split
        held = [data[name] for name in split.validation]
        found["validation"].append(_tau(model, held))
        for space, change in other_spaces([data[name] for name in split.train], seed=recipe.seed).items():
            found.setdefault(space, []).append(_tau(model, held, change))
    row: Row = {"changed": " ".join(changes) or "nothing"}
    row |= {name: round(float(np.mean(values)), 4) for name, values in found.items()}
    if summe is not None:
        whole = to_train(recipe, lambda sentence: None)
        other = open_dataset(summe, "summe")
        seen = [other[name] for name in other.names if other.feature_shape(name) is not None]
        row["summe"] = round(_tau(_fitted(recipe, whole), seen), 4)
    print(row, file=sys.stderr, flush=True)
    return row


def _fitted(recipe: Recipe, videos: Videos) -> Model:
    examples = Examples(videos, recipe)
    look = examples.look()
    return as_model(recipe, look, new_network(recipe, look, examples))


def _tau(
    model: Model,
    videos: Sequence[AnnotatedVideo],
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda x: x,
) -> float:
    """Return Kendall's tau of the mean curve, mean over videos."""
    values = []
    for video in videos:
        mean = model.score(change(video.need_features()), rate=video.rate, samples=2, steps=1).mean
        values.append(judge_steps_of(video, mean)["tau"])
    return float(np.mean(values))


@torch.inference_mode()
def print_denoising() -> None:
    """The network's squared error relative to the Gaussian's, by time, on each fold's test videos."""
    folder = Path("runs/default/crossval/seed0")
    if not (folder / "metrics.json").exists():
        return
    data = open_dataset(read_recipe("default").data_path(), "tvsum")
    left = torch.from_numpy(alphas_cumprod("cosine", num_train_timesteps=1000))
    errors: list[NDArray[np.float64]] = []  # of each video (2, times): with and without the network
    for number, fold in enumerate(json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["folds"]):
        network = load_network(folder / f"fold{number}")
        assert isinstance(network, Relational)  # noqa: S101 (what the recipe says)
        for name in fold["split"]["test"]:
            video = data[name]
            condition = _condition(network, video)
            clean = torch.from_numpy(ranks(video.need_user_scores()))
            noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
            rows = []
            for corrects in (True, False):
                object.__setattr__(network.config, "corrects", corrects)  # the same weights, with and without D
                row = []
                for t in TIMES:
                    times = torch.full((1, len(clean)), t)
                    noisy = add_noise(to_signal(network.config.space, clean), noise, times[0], left)[None]
                    predicted = network.denoise(noisy, times, left[times].sqrt().float(), condition)[0]
                    row.append(float((predicted - clean).square().mean()))
                rows.append(row)
            errors.append(np.array(rows))
    ours, gaussian = np.mean(errors, axis=0)
    print("squared error left by the network, relative to the Gaussian alone:")
    for t, ratio in zip(TIMES, ours / gaussian, strict=True):
        print(f"  t = {t:<4} {ratio:.3f}")
    print(f"  mean     {float((ours / gaussian).mean()):.3f}")


def _condition(network: Relational, video: AnnotatedVideo) -> Prepared:
    """Prepare a whole video as one window."""
    inputs = condition_inputs(video.need_features(), rate=video.rate, conditioning="kinship")
    described, places = inputs[None, :, :-PLACES], inputs[:, -PLACES:]
    seconds = (np.arange(len(inputs)) / video.rate).astype(np.float32)
    denoiser = TorchDenoiser(network)
    encoded, facts = denoiser.encode(described, seconds), denoiser.facts
    assert encoded.curves is not None and encoded.log_scale is not None and facts.mean is not None  # noqa: S101
    agreed = network.prior.smooth(encoded.curves[0, :, 0], places, seconds, noise=facts.guess_noise)
    mean = facts.mean.finalize(agreed[None].astype(np.float32))
    posterior = ScorePosterior.of(mean, network.prior.covariance(places, seconds, np.exp(encoded.log_scale[0])))
    return denoiser.prepare(encoded.tokens, seconds, mean=mean[None], posteriors=[posterior])


if __name__ == "__main__":
    main()
