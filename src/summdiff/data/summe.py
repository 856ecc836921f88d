"""SumMe (Gygli et al., ECCV 2014) from one HDF5 file: short videos, each summarised by 15 to 18 annotators.

The file has one group per video with the field's common keys; see `SumMe`. Needs the `train` extra (h5py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile
from summdiff.errors import DataError


@dataclass(frozen=True, slots=True)
class SummarizedVideo:
    """One video's segments and its annotators' summaries.

    Attributes:
        name: the group in the file, `video_1` …
        title: the video's title, "" where the file has none.
        fps: frames per second.
        n_frames: frames of the video.
        change_points: (S, 2) int64, first and last frame of each segment, inclusive, contiguous.
        user_summary: (users, n_frames) uint8, 1 where the annotator chose the frame.
        features: (N, D) float32 or None where the file has none.
        picks: (N,) int64 or None, first frame of each step of `features`.
    """

    name: str
    title: str
    fps: float
    n_frames: int
    change_points: NDArray[np.int64]
    user_summary: NDArray[np.uint8]
    features: NDArray[np.float32] | None
    picks: NDArray[np.int64] | None

    @property
    def rate(self) -> float:
        """Steps per second of `features`."""
        if self.picks is None or len(self.picks) < 2:
            return self.fps / self.n_frames
        return self.fps / float(np.median(np.diff(self.picks)))


class SumMe(AnnotatedFile):
    """Reads one video at a time; nothing but the names is kept in memory.

        summe = SumMe("summe_annotations.h5")
        video = summe["video_12"]

    Keys of a group: `n_frames`, `change_points` (S, 2), `user_summary` (users, n_frames); attributes `fps` and, if
    known, `title`; optionally `features_dino` (N, D) with `features_dino_picks` (N,).
    """

    def __getitem__(self, name: str) -> SummarizedVideo:
        """Read one video.

        Raises:
            DataError: unknown video, or a key of it is missing or has the wrong shape or values.
        """
        with self.open() as file:
            group = self.group(file, name)
            n_frames = int(self.array(group, "n_frames", ndim=0))
            change_points = self.array(group, "change_points", ndim=2, n=2).astype(np.int64)
            first, last = change_points.T
            if first[0] != 0 or last[-1] != n_frames - 1 or (first[1:] != last[:-1] + 1).any() or (last < first).any():
                raise self.wrong(name, "change_points", "does not cut the video into contiguous segments")
            # Stored by the original tool as numbers of segments: any but 0 is a chosen frame.
            user_summary = (self.array(group, "user_summary", ndim=2, n=n_frames) > 0).astype(np.uint8)
            features = picks = None
            if "features_dino" in group:
                features = self.array(group, "features_dino", ndim=2).astype(np.float32)
                picks = self.array(group, "features_dino_picks", ndim=1, n=len(features)).astype(np.int64)
            return SummarizedVideo(
                name=name,
                title=str(group.attrs.get("title", "")),
                fps=self.fps(group),
                n_frames=n_frames,
                change_points=change_points,
                user_summary=user_summary,
                features=features,
                picks=picks,
            )

    def titled(self, title: str) -> SummarizedVideo:
        """The video of a title.

        Raises:
            DataError: no video has it.
        """
        with self.open() as file:
            found = [name for name in self.names if str(file[name].attrs.get("title", "")) == title]
        if not found:
            raise DataError(f"'{self.path}' has no video titled '{title}'.")
        return self[found[0]]
