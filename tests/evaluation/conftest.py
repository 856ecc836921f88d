"""Small files of each data set's form, with annotators who agree a little."""

import h5py
import numpy as np
import pytest

from summdiff.metrics.segments import summary_from_scores


def _segments(rng, n_frames, count):
    edges = np.concatenate(([0], np.sort(rng.choice(np.arange(1, n_frames), count - 1, replace=False)), [n_frames]))
    return np.stack([edges[:-1], edges[1:] - 1], axis=1)


@pytest.fixture(scope="session")
def tvsum_file(tmp_path_factory):
    """Six videos, five annotators."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("tvsum") / "tvsum.h5"
    with h5py.File(path, "w") as file:
        for number in range(6):
            n = 40 + 7 * number
            group = file.create_group(f"video_{number + 1}")
            signal = np.repeat(rng.normal(size=n), 3)[:n]
            users = np.clip(np.round(3 + signal + rng.normal(size=(5, n))), 1, 5)
            segments = _segments(rng, 30 * n, 12)
            picks = np.arange(n) * 30
            group["features"] = rng.normal(size=(n, 8)).astype(np.float16)
            group["user_scores"] = users.astype(np.uint8)
            group["gtscore"] = ((users.mean(axis=0) - 1) / 4).astype(np.float32)
            group["picks"], group["n_frames"], group["change_points"] = picks, 30 * n, segments
            group["user_summary"] = np.stack([summary_from_scores(u, picks, 30 * n, segments) for u in users])
            group.attrs["fps"] = 30.0
    return path


@pytest.fixture(scope="session")
def summe_file(tmp_path_factory):
    """Four videos, fifteen annotators who chose single segments of their own."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("summe") / "summe.h5"
    with h5py.File(path, "w") as file:
        for number in range(4):
            n_frames = 600 + 90 * number
            group = file.create_group(f"video_{number + 1}")
            users = np.zeros((15, n_frames), dtype=np.uint8)
            for user in users:
                for start in rng.choice([50, 200, 400], 2, replace=False) + rng.integers(-30, 30, 2):
                    user[start : start + 45] = 1
            picks = np.arange(0, n_frames, 15)
            group["gtscore"] = users[:, picks].mean(axis=0).astype(np.float32)
            group["picks"], group["n_frames"] = picks, n_frames
            group["change_points"] = _segments(rng, n_frames, 20)
            group["user_summary"] = users
            group.attrs["title"] = ["Jumps", "Cooking", "Scuba", "Paintball"][number]
    return path


@pytest.fixture(scope="session")
def highlights_file(tmp_path_factory):
    """Five videos of two domains; one has no highlight."""
    rng = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("highlights") / "highlights.h5"
    with h5py.File(path, "w") as file:
        for number in range(5):
            n = 10 + number
            group = file.create_group(f"id{number}")
            match = rng.integers(-1, 2, size=n).astype(np.int8)
            match[0] = 1
            if number == 4:
                match = np.minimum(match, 0)
            group["match"], group["gtscore"] = match, ((match + 1) / 2).astype(np.float32)
            group["picks"], group["n_frames"] = np.arange(n) * 50, 50 * n + 50
            group["clips"] = np.stack([np.arange(n) * 50, np.arange(n) * 50 + 100], axis=1).astype(np.float64)
            group["features"] = rng.normal(size=(n, 8)).astype(np.float16)
            group.attrs["category"], group.attrs["fps"] = ("dog" if number < 2 else "surfing"), 30.0
    return path


@pytest.fixture(scope="session")
def mr_hisum_file(tmp_path_factory):
    """Four videos; `gt_summary` by the inclusive rule."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("mr_hisum") / "mr_hisum.h5"
    with h5py.File(path, "w") as file:
        for number in range(4):
            n = 120 + 11 * number
            group = file.create_group(f"video_{number + 1}")
            edges = np.concatenate(([0], np.sort(rng.choice(np.arange(1, n - 1), 20, replace=False)), [n - 1]))
            rows = np.stack([edges[:-1], edges[1:]], axis=1)
            gtscore = (rng.random(100) ** 2)[np.minimum(np.arange(n) * 100 // n, 99)].astype(np.float32)
            group["gtscore"], group["change_points"] = gtscore, rows
            group["gt_summary"] = summary_from_scores(gtscore, np.arange(n), n, rows, convention="mr_hisum")
            group["features"] = rng.normal(size=(n, 8)).astype(np.float16)
    return path
