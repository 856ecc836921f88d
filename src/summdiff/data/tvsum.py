"""TVSum (Song et al., CVPR 2015) from one HDF5 file: 50 videos, each scored by 20 annotators.

The file has one group per video with the field's common keys; see `TVSum`. Needs the `train` extra (h5py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """One video's features and what its annotators said.

    Attributes:
        name: the group in the file, `video_1` …
        category: the file's category label, "" where it has none.
        rate: steps per second.
        features: (N, D) float32.
        user_scores: (users, N) float32, each annotator's importance, 1 to 5.
        gtscore: (N,) float32, the mean annotator in [0, 1].
        picks: (N,) int64, first frame of each step.
        n_frames: frames of the original video.
    """

    name: str
    category: str
    rate: float
    features: NDArray[np.float32]
    user_scores: NDArray[np.float32]
    gtscore: NDArray[np.float32]
    picks: NDArray[np.int64]
    n_frames: int


class TVSum(AnnotatedFile):
    """Reads one video at a time; nothing but the names is kept in memory.

        tvsum = TVSum("tvsum.h5")
        video = tvsum["video_1"]

    Keys of a group: `features` (N, D), `user_scores` (users, N) from 1 to 5, `gtscore` (N,), `picks` (N,), `n_frames`;
    attribute `fps`, and `category` if known.
    """

    def __getitem__(self, name: str) -> AnnotatedVideo:
        """Read one video.

        Raises:
            DataError: unknown video, or a key of it is missing or has the wrong shape or values.
        """
        with self.open() as file:
            group = self.group(file, name)
            features = self.array(group, "features", ndim=2).astype(np.float32)
            n = len(features)
            user_scores = self.array(group, "user_scores", ndim=2, n=n).astype(np.float32)
            gtscore = self.array(group, "gtscore", ndim=1, n=n).astype(np.float32)
            picks = self.array(group, "picks", ndim=1, n=n).astype(np.int64)
            n_frames = int(self.array(group, "n_frames", ndim=0))
            if user_scores.min() < 1 or user_scores.max() > 5:
                raise self.wrong(name, "user_scores", "has values outside 1 to 5")
            fps = self.fps(group)
            if n > 1 and not (np.diff(picks) > 0).all():
                raise self.wrong(name, "picks", "is not rising")
            category = str(group.attrs.get("category", ""))
        step = float(np.median(np.diff(picks))) if n > 1 else float(n_frames)
        return AnnotatedVideo(
            name=name,
            category=category,
            rate=fps / step,
            features=features,
            user_scores=user_scores,
            gtscore=gtscore,
            picks=picks,
            n_frames=n_frames,
        )
