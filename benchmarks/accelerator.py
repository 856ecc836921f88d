"""Compare a CUDA device with this CPU, in turns; without a device the rows have no ratio.

    python benchmarks/accelerator.py [--accelerator cuda] [--rounds 3] [--threads 2] [--videos 256] [--json FILE]

- Sampling: 8 samples of 10 DDIM steps for 300 steps of video, with guidance, the paper's SummDiff in float32.
- Training: seconds per epoch on videos of Mr.HiSum's size in batches of 32; the CPU in float32, four videos at a time,
  the accelerator in bfloat16 (autocast) with pinned batches.

Each row names the device. `--accelerator cpu` compares the CPU with itself, to test the script.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rows import Row, ratio, turns, write

from summdiff.data.datasets import open_dataset
from summdiff.data.splits import Split
from summdiff.data.synthetic import make_synthetic
from summdiff.research.networks.inference import in_torch
from summdiff.research.networks.summdiff import SummDiff, SummDiffConfig
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.processes import launch
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import TrainingState
from summdiff.research.training.videos import Videos
from summdiff.scoring.sampling import SamplingConfig, SamplingModel

SAMPLING, TRAINING = "on an accelerator: sampling, 8 samples", "on an accelerator: training, mr_hisum"
AGAINST = "this processor"


def sampled(device: str) -> Callable[[], object]:
    """Return a function that draws curves on a device."""
    torch.manual_seed(0)
    network = SummDiff(SummDiffConfig(inputs=1024)).requires_grad_(False)
    config = SamplingConfig(id="paper", conditioning="features", window=300)
    model = SamplingModel(config, in_torch(network, device=device))
    features = np.random.default_rng(0).normal(size=(300, 1024)).astype(np.float32)
    return lambda: model.sample(features, rate=1.0, samples=8, steps=10, guidance_scale=0.2)


def trained(path: Path, device: str, *, threads: int) -> Callable[[], object]:
    """Return a function that trains one epoch on a device."""
    changes = [f"data={path}", f"output={path.parent / 'out'}", "select=last", "hold_out=0", "videos_per_batch=32"]
    changes += ["in_memory=true", f"threads={threads}", f"accelerator={device}"]
    changes += ["micro_batch=4"] if device == "cpu" else ["precision=bf16-mixed"]
    recipe = read_recipe("summdiff_paper_mr_hisum", changes)
    data = open_dataset(recipe.data_path(), recipe.kind)
    examples = Examples(Videos(data, Split(train=data.names, validation=(), test=())), recipe)
    run = TrainingState(recipe, examples, launch(recipe))
    batches = Batches(examples, recipe, pinned=device == "cuda")
    return lambda: [float(run.update(step)) for step in batches.of(0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accelerator", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--videos", type=int, default=256, help="to train with")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.accelerator == "cuda" and not torch.cuda.is_available():
        rows = [Row(name, AGAINST, None, None, bound="no CUDA device here") for name in (SAMPLING, TRAINING)]
        write(asked.json, rows)
        return
    torch.set_num_threads(asked.threads)
    chip = torch.cuda.get_device_name() if asked.accelerator == "cuda" else "this processor"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "videos.h5"
        make_synthetic(path, videos=asked.videos, seed=0)
        works = {
            SAMPLING: [sampled(device) for device in ("cpu", asked.accelerator)],
            TRAINING: [trained(path, device, threads=asked.threads) for device in ("cpu", asked.accelerator)],
        }
        for name, (slow, fast) in works.items():
            seconds = turns({"processor, s": slow, "accelerator, s": fast}, asked.rounds, warm=True)
            numbers = {key: statistics.median(each) for key, each in seconds.items()}
            gained = ratio(*seconds.values())
            rows.append(Row(name, AGAINST, gained, None, bound=f"on {chip}", numbers=numbers | {"chip": chip}))
    write(asked.json, rows)


if __name__ == "__main__":
    main()
