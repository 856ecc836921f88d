"""A small data set in TVSum's form whose importance follows a simple rule, and a recipe that learns it in seconds."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from small_data import write_data
from summdiff.data.splits import Split
from summdiff.data.synthetic import make_synthetic
from summdiff.data.tvsum import TVSum
from summdiff.research.training.videos import Videos


@pytest.fixture(scope="session")
def data_file(tmp_path_factory):
    """Ten videos of 30 to 48 steps, five annotators each: what is rare in the video is important, up to their mood."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "small.h5"
    with h5py.File(path, "w") as file:
        for number in range(10):
            n = 30 + 2 * number
            rare = np.repeat(rng.random(n // 6 + 1) < 0.3, 6)[:n]
            rare[:6], rare[6:12] = True, False
            places = rng.normal(size=(2, 16))
            group = file.create_group(f"video_{number + 1}")
            group["features"] = (places[rare.astype(int)] + 0.2 * rng.normal(size=(n, 16))).astype(np.float32)
            scores = np.clip(np.round(1.5 + 2.5 * rare + 0.5 * rng.normal(size=(5, n))), 1, 5)
            group["user_scores"] = scores.astype(np.uint8)
            group["gtscore"] = ((scores.mean(axis=0) - 1) / 4).astype(np.float32)
            group["picks"] = np.arange(n) * 60
            group["n_frames"] = n * 60
            group.attrs["fps"] = 30.0
    return path


def _writers():
    """Those of the tests of `data`, which have a small file of each kind."""
    spec = importlib.util.spec_from_file_location("data_files", Path(__file__).parents[2] / "data" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRITERS


WRITERS = _writers()


@pytest.fixture(params=sorted(WRITERS))
def any_file(request, tmp_path):
    """A file of each kind: (kind, path)."""
    return request.param, WRITERS[request.param](tmp_path / f"small_{request.param}.h5")


def write_small(path, kind, *, dimension=8):
    """Six short videos of a kind; of SumMe one has no features, and the others have theirs on a grid of their own."""
    if kind == "mr_hisum":
        make_synthetic(path, videos=6, dimension=dimension, min_seconds=20, max_seconds=30)
        return path
    write_data(path, kind, videos=6, dimension=dimension)
    with h5py.File(path, "r+") as file:
        for number, group in enumerate(file.values()):
            if kind == "youtube_highlights" and number % 2 == 0:
                group.attrs["category"] = "surfing"
            if kind == "summe":
                del group["features"]
                group["gtscore"][...] = group["user_summary"][()][:, group["picks"][()]].mean(axis=0)
                if number < 5:
                    own = np.arange(0, int(group["n_frames"][()]), 6)
                    group["features_dino"] = np.random.default_rng(number).random((len(own), dimension))
                    group["features_dino_picks"] = own
    return path


@pytest.fixture
def small_files(tmp_path):
    """A function that writes such a file."""
    return lambda kind, **options: write_small(tmp_path / f"{kind}.h5", kind, **options)


@pytest.fixture
def recipe_file(data_file, tmp_path):
    """A recipe for it."""
    return write_recipe(tmp_path, data_file)


@pytest.fixture(scope="session")
def recipe_in(data_file):
    """A function that writes the recipe into a folder, for fixtures that are made once."""
    return lambda folder: write_recipe(folder, data_file)


def write_recipe(folder, data_file):
    """Write a recipe that trains on a data file, and return its path."""
    recipe = {
        "name": "small",
        "data": str(data_file),
        "output": str(folder / "out"),
        "network": {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "denoiser_layers": 1},
        "diffusion": {"samples": 4, "steps": 4},
        "augmentation": {"views": 2},
        "epochs": 4,
        "videos_per_batch": 4,
        "targets": {"panel": 2, "panels_per_video": 8, "curves_per_video": 2},
        "validate_every": 2,
        "ema_decay": 0.9,
        "learning_rate": 0.003,
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.fixture
def held_out(data_file):
    """Eight videos to train on and two to validate."""
    data = TVSum(data_file)
    return Videos(data, Split(train=data.names[:8], validation=data.names[8:], test=()))


@pytest.fixture
def all_train(data_file):
    """Ten videos to train on."""
    data = TVSum(data_file)
    return Videos(data, Split(train=data.names, validation=(), test=()))
