"""Small HDF5 files in the form of each data set, for what needs many of them quickly."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def write_data(path: Path, kind: str, *, videos: int = 2, libver: str = "earliest", dimension: int = 6) -> Path:
    """A few videos of 24 steps and more of a data set's kind, by HDF5's oldest or newest form of file."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["kind"] = kind
        for number in range(videos):
            group = file.create_group(f"video_{number + 1}")
            n = 24 + number
            picks, n_frames = np.arange(n) * 15, n * 15 - 4
            starts = np.arange(0, n_frames, 25)
            group["picks"], group["n_frames"] = picks, n_frames
            group.attrs["fps"] = 30.0
            group.create_dataset("features", data=rng.random((n, dimension)), chunks=(8, dimension), compression=4)
            group["gtscore"] = rng.random(n)
            if kind == "youtube_highlights":
                group["match"], group["clips"] = rng.integers(-1, 2, n), np.stack([picks, picks + 10], axis=1)
                group.attrs["category"] = "dog"
                continue
            group["change_points"] = np.stack([starts, np.append(starts[1:], n_frames) - 1], axis=1)
            group["n_frame_per_seg"] = np.diff(np.append(starts, n_frames))
            users = np.repeat(rng.integers(0, 2, (15, n)), 15, axis=1)[:, :n_frames]
            group.create_dataset("user_summary", data=users, compression=4)
            group["gtsummary"] = users[0, picks]
            if kind == "tvsum":
                group["user_scores"] = rng.integers(1, 6, (15, n))
            if kind == "summe":
                group["video_name"] = "Jumps"
    return path


def write_usual(path: Path, kind: str, lengths: dict[str, int], *, dimension: int = 6) -> Path:
    """A file in the field's usual layout of TVSum or SumMe, `eccv16_dataset_…_google_pool5.h5`: it states no rates.

    Args:
        path: the file.
        kind: "tvsum" or "summe".
        lengths: number of frames by the name of the video; a step is every 15th frame.
        dimension: of the features.
    """
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, n_frames in lengths.items():
            group = file.create_group(name)
            picks, starts = np.arange(0, n_frames, 15), np.arange(0, n_frames, 100)
            segments = np.stack([starts, np.append(starts[1:], n_frames) - 1], axis=1)
            users = np.zeros((20 if kind == "tvsum" else 15, n_frames), dtype=np.uint8)
            for user in users:
                for start in rng.choice(starts, max(1, len(starts) // 7), replace=False):
                    user[start : start + 100] = 1
            group["features"] = rng.random((len(picks), dimension)).astype(np.float32)
            group["gtscore"] = users[:, picks].mean(axis=0)
            group["gtsummary"], group["user_summary"] = users[0, picks], users.astype(np.float32)
            group["change_points"], group["n_frame_per_seg"] = segments, segments[:, 1] - segments[:, 0] + 1
            group["picks"], group["n_frames"], group["n_steps"] = picks, n_frames, len(picks)
            if kind == "summe":
                group["video_name"] = name
    return path


def write_scores(path: Path) -> Path:
    """Predictions of four videos."""
    with h5py.File(path, "w") as file:
        file.attrs["about"] = '{"model": "x"}'
        for number in range(4):
            file.create_dataset(f"video_{number + 1}/scores", data=np.linspace(0, 1, 24), compression="gzip")
    return path
