"""Feature spaces as other backbones might make them, to see whether a model carries over to what it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo

Features = NDArray[np.float32]


def other_spaces(training: Sequence[AnnotatedVideo], *, seed: int = 0) -> dict[str, Callable[[Features], Features]]:
    """Functions from features (N, D) to features of another space; what they need to know they learn from `training`.

    Rotations are not among them: relational descriptors do not change under those at all.
    """
    every = np.concatenate([video.need_features() for video in training]).astype(np.float64)
    mean, std = every.mean(axis=0), every.std(axis=0).clip(min=1e-6)
    values, vectors = np.linalg.eigh((every - mean).T @ (every - mean) / len(every))
    kept = min(256, len(values))
    whitening = vectors[:, -kept:] / np.sqrt(values[-kept:].clip(min=1e-12))
    channels = np.random.default_rng(seed).permutation(len(mean))[: max(1, len(mean) // 4)]
    return {
        "a quarter of the channels": lambda x: x[:, channels],
        "square roots": lambda x: np.sign(x) * np.sqrt(np.abs(x)),
        "channels standardised": lambda x: ((x - mean) / std).astype(np.float32),
        "256 whitened components": lambda x: ((x - mean) @ whitening).astype(np.float32),
        "steps of length one": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12),
    }
