"""Mr.HiSum (Sul et al., NeurIPS 2023): 31,892 videos whose importance is YouTube's "Most replayed" graph.

One HDF5 file, one group per video, one step a second; see `MrHiSum`. Needs h5py (extra `data`).
"""

from __future__ import annotations

import os
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.splits import Split, read_splits
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.data.video_group import VideoGroup
from summdiff.errors import DataError


class MrHiSum(AnnotatedFile):
    """Reader of Mr.HiSum. Opening a file only lists its groups.

        data = MrHiSum("mr_hisum.h5", split="mr_hisum_split.json")
        video = data["video_18749"]

    Keys of a group: `gtscore` (n,) in [0, 1], `change_points` (S, 2), `gt_summary` (n,) 0/1 (or `gtsummary`);
    optional `features` (n, D). A second counts as a frame: `n_frames` = n, `picks` = 0 to
    n - 1, `fps` = 1, and `user_summary` is the single `gt_summary`.

    `change_points` are half-open rows [start, end), contiguous; the last end is n - 1, sometimes n. Rows with inclusive
    ends, recognized because they do not touch, are converted; empty rows are left out.

    Attributes:
        split: the split in the file `split`; None without one.
    """

    kind: ClassVar[DatasetKind] = "mr_hisum"
    convention: ClassVar[str | None] = "mr_hisum"

    def __init__(self, path: str | os.PathLike[str], split: str | os.PathLike[str] | None = None) -> None:
        """Open the file and list its videos; read the split, if one is given."""
        super().__init__(path)
        self.split: Split | None = None
        if split is not None:
            splits = read_splits(split, self.names)
            if len(splits) != 1:
                raise DataError(f"'{split}' has {len(splits)} splits, expected one.")
            self.split = splits[0]

    def _read(self, group: VideoGroup, *, features: bool) -> AnnotatedVideo:
        gtscore = group.scores("gtscore")
        n = len(gtscore)
        summary = next((key for key in ("gt_summary", "gtsummary") if key in group), None)
        user_summary = None if summary is None else group.binary(summary, ndim=1, n=n)[None]
        segments = None
        if "change_points" in group:
            segments, _ = read_segments(group, n)
        return AnnotatedVideo(
            kind=self.kind,
            name=group.name,
            file=str(group.path),
            n_frames=n,
            picks=np.arange(n),
            gtscore=gtscore,
            fps=1.0,
            fps_source="file",
            features=group.features(rows=n) if features and "features" in group else None,
            user_summary=user_summary,
            change_points=segments,
            title=group.text("title"),
            category=group.text("category"),
            youtube_id=group.text("youtube_id"),
        )


def read_segments(group: VideoGroup, n: int) -> tuple[NDArray[np.int64], Literal["half_open", "inclusive"]]:
    """Read `change_points` of n seconds as half-open rows without empty ones, and how the file stores their ends.

    Raises:
        DataError: they are missing, damaged, not contiguous, or do not cover the video.
    """
    stored = group.integers("change_points", ndim=2, n=2)
    ends = segment_ends(stored, n)
    if ends is None:
        raise group.wrong("change_points", f"does not cut seconds 0 to {n} into contiguous segments")
    rows = stored + np.array([0, ends == "inclusive"])
    return rows[rows[:, 1] > rows[:, 0]], ends


def segment_ends(change_points: NDArray[np.int64], n: int) -> Literal["half_open", "inclusive"] | None:
    """Return how the ends of contiguous rows over n seconds are stored; None if they have gaps or do not cover all.

    Half-open rows touch, [0, 5], [5, 6]; inclusive ones do not, [0, 4], [5, 5]. A single row counts as half-open.
    """
    start, end = change_points.T
    if start[0] != 0 or (end < start).any():
        return None
    if (start[1:] == end[:-1]).all() and end[-1] in (n - 1, n):
        return "half_open"
    if (start[1:] == end[:-1] + 1).all() and end[-1] == n - 1:
        return "inclusive"
    return None
