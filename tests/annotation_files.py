"""Writes annotation files as TVSum and SumMe are published, for tests."""

from __future__ import annotations

import h5py
import numpy as np
from scipy.io import savemat


def write_tvsum_tsv(path, videos):
    """`videos`: name -> (category, (users, n_frames) whole numbers)."""
    with path.open("w", encoding="utf-8") as text:
        for name, (category, scores) in videos.items():
            for row in scores:
                text.write(f"{name}\t{category}\t{','.join(map(str, row.tolist()))}\n")
    return path


def write_tvsum_mat(path, videos, *, seconds=None, turned=False):
    """The same as MATLAB 7.3 writes a struct array: HDF5 after 512 bytes, each field a column of references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        refs, struct = file.create_group("#refs#"), file.create_group("tvsum50")

        def refer(value):
            data = refs.create_dataset(f"r{len(refs)}", data=value)
            return data.ref

        def characters(text):
            return np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None]

        fields = {key: [] for key in ("video", "category", "title", "length", "nframes", "user_anno", "gt_score")}
        for name, (category, scores) in videos.items():
            fields["video"].append(refer(characters(name)))
            fields["category"].append(refer(characters(category)))
            fields["title"].append(refer(characters(f"{name} – the film 🎬")))
            fields["length"].append(refer(np.array([[seconds or scores.shape[1] / 25]])))
            fields["nframes"].append(refer(np.array([[float(scores.shape[1])]])))
            fields["user_anno"].append(refer((scores.T if turned else scores).astype(float)))
            fields["gt_score"].append(refer(scores.mean(axis=0)[None]))
        for key, values in fields.items():
            data = struct.create_dataset(key, (len(values), 1), dtype=h5py.ref_dtype)
            for at, value in enumerate(values):
                data[at, 0] = value
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + path.read_bytes()[512:])
    return path


def write_summe_mat(path, segments, *, fps=25.0, newer=False):
    """`segments`: (n_frames, users), the number of the chosen segment, 0 where none."""
    values = {
        "nFrames": float(len(segments)),
        "FPS": fps,
        "user_score": segments.astype(float),
        "gt_score": (segments > 0).mean(axis=1)[:, None],
        "video_duration": len(segments) / fps,
        "all_userIDs": np.arange(segments.shape[1])[None],
        "segments": np.array([np.zeros((2, 2))] * segments.shape[1] + [None], dtype=object)[:-1],
    }
    path.parent.mkdir(exist_ok=True)
    if not newer:
        savemat(path, values, do_compression=True)
        return path
    with h5py.File(path, "w", userblock_size=512) as file:
        for key in ("nFrames", "FPS", "user_score", "gt_score"):
            file[key] = np.atleast_2d(values[key]).T
    return path
