"""TVSum (Song et al., CVPR 2015) from one HDF5 file: 50 videos, each scored by 20 annotators.

The file has one group per video with the field's common keys; see `TVSum`. Needs h5py (extra `data`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.data.video_group import VideoGroup
from summdiff.errors import DataError

if TYPE_CHECKING:
    from summdiff.data.annotations import VideoAnnotations


class TVSum(AnnotatedFile):
    """Reader of TVSum.

        tvsum = TVSum("tvsum.h5")
        video = tvsum["video_1"]

    Keys of a group: `features` (N, D), `gtscore` (N,), `picks` (N,), `n_frames`; if known `user_scores` (users, N) from
    1 to 5, `user_summary` (users, n_frames), `change_points` (S, 2), `gtsummary` (N,); attributes `fps`, `title`,
    `category`, `youtube_id`.

    The usual file, `eccv16_dataset_tvsum_google_pool5.h5`, has neither `user_scores` nor `fps`. `annotations` may then
    name the original `ydata-tvsum50-anno.tsv` or `ydata-tvsum50.mat`: `video_i` is the i-th video in it, with scores at
    the frames `picks`. Without it, the frame rate is that of the original video, recognized by its frames and steps.
    """

    kind: ClassVar[DatasetKind] = "tvsum"

    def __init__(self, path: str | os.PathLike[str], annotations: str | os.PathLike[str] | None = None) -> None:
        """Open the file and list its videos; annotations are read when the first video is read."""
        super().__init__(path)
        self._annotations = None if annotations is None else Path(annotations)
        if self._annotations is not None and not self._annotations.is_file():
            raise DataError(f"There is no file of annotations '{self._annotations}'.")
        self._originals: list[VideoAnnotations] | None = None

    def _read(self, group: VideoGroup, *, features: bool) -> AnnotatedVideo:
        n_frames = group.n_frames()
        features_array = group.features() if features else None
        picks = group.picks(n_frames, n=None if features_array is None else len(features_array))
        n = len(picks)
        category, title = group.text("category"), group.text("title")
        rate: float | None = None
        user_scores: NDArray[np.float32] | None = None
        if "user_scores" in group:
            user_scores = read_user_scores(group, n)
        elif self._annotations is not None:
            original = self._original(self._annotations, group, n_frames)
            user_scores = _at(original, picks, self._annotations)
            rate = original.fps
            category, title = category or original.category, title or original.title
        return AnnotatedVideo(
            kind=self.kind,
            name=group.name,
            file=str(group.path),
            n_frames=n_frames,
            picks=picks,
            gtscore=group.scores("gtscore", n=n),
            **self.frame_rate(group, n_frames, n, original=rate),
            features=features_array,
            user_scores=user_scores,
            user_summary=group.binary("user_summary", ndim=2, n=n_frames) if "user_summary" in group else None,
            change_points=group.segments(n_frames) if "change_points" in group else None,
            gtsummary=group.binary("gtsummary", ndim=1, n=n) if "gtsummary" in group else None,
            title=title,
            category=category,
            youtube_id=group.text("youtube_id"),
        )

    def _original(self, path: Path, group: VideoGroup, n_frames: int) -> VideoAnnotations:
        """Return the original annotations of `video_i`, the i-th video of the annotation file."""
        from summdiff.data.annotations import read_annotations

        if self._originals is None:
            self._originals = list(read_annotations(path).values())
        prefix, _, digits = group.name.rpartition("_")
        number = int(digits) if prefix == "video" and digits.isdigit() else 0
        if not 1 <= number <= len(self._originals):
            raise DataError(
                f"'{path}' has {len(self._originals)} videos, so '{group.name}' of '{self.path}' is not in it: name "
                f"the groups video_1 to video_{len(self._originals)} in the order of that file."
            )
        original = self._originals[number - 1]
        if original.n_frames is not None and original.n_frames != n_frames:
            raise DataError(
                f"'{path}', {original.name} has {original.n_frames} frames but '{self.path}', "
                f"{group.name} has {n_frames}: one of the files is not TVSum's or has another order."
            )
        return original

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_originals": None}


def read_user_scores(group: VideoGroup, n: int | None) -> NDArray[np.float32]:
    """Read each annotator's scores (U, n); raises DataError unless they are 1 to 5."""
    scores = group.array("user_scores", ndim=2, n=n)
    if scores.min() < 1 or scores.max() > 5:
        raise group.wrong("user_scores", f"goes from {scores.min():g} to {scores.max():g}, expected 1 to 5")
    return scores.astype(np.float32)


def _at(original: VideoAnnotations, picks: NDArray[np.int64], path: Path) -> NDArray[np.float32]:
    """Return each annotator's scores at the steps."""
    scores = original.scores
    if scores is None:
        raise DataError(f"'{path}', {original.name} has summaries, but TVSum needs scores of frames.")
    if picks[-1] >= scores.shape[1]:
        raise DataError(
            f"'{path}', {original.name} has scores for {scores.shape[1]} frames, but a step starts at {picks[-1]}."
        )
    at_steps: NDArray[np.float32] = scores[:, picks].astype(np.float32, copy=False)
    if at_steps.min() < 1 or at_steps.max() > 5:
        raise DataError(f"'{path}', {original.name} has scores outside 1 to 5.")
    return at_steps
