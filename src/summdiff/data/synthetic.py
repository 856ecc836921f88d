"""A synthetic file in Mr.HiSum's format, for tests, benchmarks and trial runs.

Its importance scores are generated, so results on it say nothing about the quality of a system.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.data.splits import Split, write_splits
from summdiff.errors import DataError, UsageError
from summdiff.metrics.segments import summary_from_scores

_BINS = 100  # of the "Most replayed" graph
_TOPICS = 24  # shared by all videos
_HELD_OUT = 2000  # videos in each of Mr.HiSum's validation and test parts


def make_synthetic(
    path: str | os.PathLike[str],
    *,
    videos: int = 200,
    seed: int = 0,
    min_seconds: int = 120,
    max_seconds: int = 300,
    dimension: int = 1024,
    dtype: Literal["float16", "float32"] = "float16",
    on_progress: Callable[[int], None] = lambda done: None,
) -> Path:
    """Write a file that `MrHiSum` reads, and a split beside it, with one video in memory at a time.

    A video is a sequence of scenes, 5 s long on average. Each scene has one of a few topics, visible in its features,
    and an importance. `gtscore` depends in equal parts on the scenes' importance and on a hidden signal; one direction
    of the feature space shows the importance, mixed with an equal amount of noise. So test videos can be predicted well
    above chance, but far from perfectly.

    Args:
        path: the file; the split goes to the same folder, `<stem>_split.json`.
        videos: number of videos, at least 3. A tenth of them, at most 2,000, are for validation, as many for testing.
        seed: seed; a video depends only on it and on the video's number.
        min_seconds, max_seconds: limits of a video's length, uniformly distributed in whole seconds.
        dimension: D of the features.
        dtype: stored type of the features.
        on_progress: called with the number of videos written.

    Returns:
        The path of the split.

    Raises:
        UsageError: a number is out of range.
        DataError: h5py is not installed.
        OutputError: a file cannot be written.
    """
    if videos < 3:
        raise UsageError(f"There must be at least 3 videos, one for each part of the split, got {videos}.")
    if not 20 <= min_seconds <= max_seconds:
        raise UsageError(f"Seconds must be 20 <= min_seconds <= max_seconds, got {min_seconds} and {max_seconds}.")
    if dimension < 2:
        raise UsageError(f"The dimension must be at least 2, got {dimension}.")
    if dtype not in ("float16", "float32"):
        raise UsageError(f"The dtype must be float16 or float32, got {dtype}.")
    try:
        import h5py
    except ImportError as error:
        raise DataError("Writing data sets needs h5py: install it with `pip install 'summdiff[data]'`.") from error
    path = Path(path)
    world = _directions(np.random.default_rng([seed, 0]), dimension)
    with written_whole(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(kind="mr_hisum", dataset=f"synthetic-{seed}", synthetic="planted importance, no real video")
        file.attrs["source"] = f"summdiff {__version__} make_synthetic, seed {seed}"
        for number in range(1, videos + 1):
            rng = np.random.default_rng([seed, number])
            arrays = _video(rng, int(rng.integers(min_seconds, max_seconds + 1)), *world)
            group = file.create_group(f"video_{number}")
            group["features"] = arrays.pop("features").astype(dtype)
            for key, array in arrays.items():
                group[key] = array
            on_progress(number)
    names = [f"video_{number}" for number in np.random.default_rng([seed, 0, 1]).permutation(videos) + 1]
    held = min(_HELD_OUT, max(1, videos // 10))
    split = Split(train=tuple(names[2 * held :]), validation=tuple(names[:held]), test=tuple(names[held : 2 * held]))
    write_splits(split_path(path), [split])
    return split_path(path)


def split_path(path: Path) -> Path:
    """Return the path of the split of a synthetic file."""
    return path.with_name(f"{path.stem}_split.json")


def _directions(rng: np.random.Generator, dimension: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the topics (T, D) and the direction of importance (D,), unit vectors that all videos share."""
    vectors = rng.standard_normal((_TOPICS + 1, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[1:], vectors[0]


def _video(
    rng: np.random.Generator, n: int, topics: NDArray[np.float32], telling: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """Return the arrays of one video of n seconds by key."""
    # Scenes are half-open and end at n - 1, as in Mr.HiSum: the last second is in no scene.
    lengths = np.minimum(rng.geometric(0.2, size=n), 20)
    ends = np.minimum(np.cumsum(lengths), n - 1)
    ends = ends[: int(np.searchsorted(ends, n - 1)) + 1]
    change_points = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)
    scene = np.minimum(np.searchsorted(ends, np.arange(n), side="right"), len(ends) - 1)

    visible = _standard(_smooth(rng.exponential(size=len(ends))[scene], 3))
    hidden = _standard(_smooth(rng.standard_normal(n), 9))
    # One value per hundredth of the duration, with a maximum of 1: neighboring seconds share it.
    place = np.arange(n) * _BINS // n
    curve = np.exp(0.8 * (0.7 * visible + 0.7 * hidden))
    bins = np.bincount(place, curve, _BINS) / np.maximum(np.bincount(place, minlength=_BINS), 1)
    used = np.unique(place)
    bins = (bins - bins[used].min()) / (bins[used].max() - bins[used].min())
    gtscore = bins[place].astype(np.float32)

    shown = 0.7 * visible + 0.7 * _standard(_smooth(rng.standard_normal(n), 5))
    own = rng.standard_normal((len(ends), topics.shape[1]), dtype=np.float32) / np.sqrt(topics.shape[1])
    look = topics[rng.integers(len(topics), size=len(ends))] + 0.5 * own
    features = look[scene] + 0.3 * shown[:, None].astype(np.float32) * telling
    features += rng.standard_normal(features.shape, dtype=np.float32) * np.float32(0.5 / np.sqrt(topics.shape[1]))
    return {
        "features": features,
        "gtscore": gtscore,
        "change_points": change_points.astype(np.int64),
        "gt_summary": summary_from_scores(gtscore, np.arange(n), n, change_points, 0.15, "mr_hisum"),
    }


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the running mean over `width` (odd) values, with repeated ends."""
    padded = np.pad(values, width // 2, mode="edge")
    return np.asarray(np.convolve(padded, np.full(width, 1 / width), mode="valid"), dtype=np.float64)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    standard: NDArray[np.float64] = (values - values.mean()) / max(float(values.std()), 1e-9)
    return standard
