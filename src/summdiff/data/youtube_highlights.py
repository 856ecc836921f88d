"""YouTube Highlights (Sun et al., ECCV 2014): clips of raw videos, labeled by whether they are in the edited video.

One HDF5 file, one group per video, named by its YouTube id; see `YouTubeHighlights`. Needs h5py (extra `data`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.data.video_group import VideoGroup


class YouTubeHighlights(AnnotatedFile):
    """Reader of YouTube Highlights.

        data = YouTubeHighlights("youtube_highlights.h5")
        video = data["zyooMDuAgCA"]

    Keys of a group: `features` (N, D), one step a clip of about 100 frames; `match` (N,): 1 for a highlight, -1 for
    none, 0 for a partial highlight; `clips` (N, 2), its frames; `picks` (N,), its first frame, about 50 apart;
    `n_frames`; attribute `category`, the domain (surfing, dog ...), and `fps`. There are no segments and no summaries.
    """

    kind: ClassVar[DatasetKind] = "youtube_highlights"
    convention: ClassVar[str | None] = None

    def _read(self, group: VideoGroup, *, features: bool) -> AnnotatedVideo:
        match = read_match(group)
        n = len(match)
        clips = read_clips(group, n)
        n_frames = group.n_frames()
        gtscore = group.scores("gtscore", n=n) if "gtscore" in group else ((match + 1) / 2).astype(np.float32)
        return AnnotatedVideo(
            kind=self.kind,
            name=group.name,
            file=str(group.path),
            n_frames=n_frames,
            picks=group.picks(n_frames, n=n),
            gtscore=gtscore,
            **self.frame_rate(group, n_frames, n),
            features=group.features(rows=n) if features else None,
            match=match.astype(np.int8),
            clips=clips,
            title=group.text("title"),
            category=group.text("category"),
            youtube_id=group.text("youtube_id") or group.name,
        )


def read_match(group: VideoGroup) -> NDArray[np.int64]:
    """Read `match` (N,); raises DataError unless its values are -1, 0 and 1."""
    match = group.integers("match", ndim=1)
    if np.abs(match).max() > 1:
        raise group.wrong("match", "has values other than -1, 0 and 1")
    return match


def read_clips(group: VideoGroup, n: int | None) -> NDArray[np.float64]:
    """Read `clips` (n, 2), first and last frames; raises DataError if one ends before it starts."""
    clips = group.array("clips", ndim=2, n=2, rows=n).astype(np.float64)
    if (clips[:, 1] < clips[:, 0]).any():
        raise group.wrong("clips", "has clips that end before they start")
    return clips
