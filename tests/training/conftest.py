"""A small data set in TVSum's form whose importance follows a simple rule, and a recipe that learns it in seconds."""

import h5py
import numpy as np
import pytest
import yaml


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


@pytest.fixture
def recipe_file(data_file, tmp_path):
    """A recipe for it."""
    recipe = {
        "name": "small",
        "data": str(data_file),
        "output": str(tmp_path / "out"),
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
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path
