"""A small data set in TVSum's form, and two recipes that train on it in seconds."""

import h5py
import numpy as np
import pytest
import yaml


@pytest.fixture(scope="session")
def small_tvsum(tmp_path_factory):
    """Eight videos of 24 to 38 steps with four annotators: what is rare in the video is important."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("experiments") / "small.h5"
    with h5py.File(path, "w") as file:
        for number in range(8):
            n = 24 + 2 * number
            rare = np.repeat(rng.random(n // 4 + 1) < 0.3, 4)[:n]
            rare[:4], rare[4:8] = True, False
            places = rng.normal(size=(2, 12))
            scores = np.clip(np.round(1.5 + 2.5 * rare + 0.5 * rng.normal(size=(4, n))), 1, 5)
            cuts = np.arange(0, n * 60, 240)
            group = file.create_group(f"video_{number + 1}")
            group["features"] = (places[rare.astype(int)] + 0.2 * rng.normal(size=(n, 12))).astype(np.float32)
            group["user_scores"] = scores.astype(np.uint8)
            group["gtscore"] = ((scores.mean(axis=0) - 1) / 4).astype(np.float32)
            group["picks"] = np.arange(n) * 60
            group["n_frames"] = n * 60
            group["change_points"] = np.stack([cuts, np.r_[cuts[1:], n * 60] - 1], axis=1)
            group["n_frame_per_seg"] = np.diff(np.r_[cuts, n * 60])
            group["user_summary"] = np.repeat(scores >= 4, 60, axis=1).astype(np.uint8)
            group.attrs["fps"] = 30.0
    return path


@pytest.fixture
def recipes(small_tvsum, tmp_path):
    """The paths of two recipes on it."""
    paths = []
    for variant, network in (("paper", {"preset": "paper"}), ("joint", {"preset": "joint"})):
        recipe = {
            "name": f"summdiff_{variant}",
            "data": str(small_tvsum),
            "output": str(tmp_path / variant),
            "network": network | {"width": 16, "heads": 2, "feed_forward": 16},
            "diffusion": {"samples": 2, "steps": 2},
            "augmentation": {"views": 1},
            "epochs": 2,
            "folds": 2,
            "targets": {"panel": 2, "panels_per_video": 4, "curves_per_video": 2},
            "validate_every": 2,
        }
        path = tmp_path / f"small_{variant}.yaml"
        path.write_text(yaml.safe_dump(recipe))
        paths.append(str(path))
    return paths
