"""Open a file of any data set, recognized by its attribute `kind` or by its keys."""

from __future__ import annotations

import os

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.summe import TITLES, SumMe
from summdiff.data.tvsum import TVSum
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.data.video_group import VideoGroup
from summdiff.data.youtube_highlights import YouTubeHighlights
from summdiff.errors import DataError, UsageError

KINDS: dict[DatasetKind, type[AnnotatedFile]] = {
    "tvsum": TVSum,
    "summe": SumMe,
    "mr_hisum": MrHiSum,
    "youtube_highlights": YouTubeHighlights,
}


def open_dataset(
    path: str | os.PathLike[str],
    kind: str | None = None,
    annotations: str | os.PathLike[str] | None = None,
    *,
    fps: float | None = None,
) -> AnnotatedFile:
    """Open a file of annotated videos.

    Args:
        path: HDF5, one group per video.
        kind: the data set; None: the file's attribute `kind`, or by the first video's keys.
        annotations: TVSum's original annotations, for a file without `user_scores`; see `TVSum`.
        fps: frames per second of videos whose rate the file does not state and which are not recognized.

    Raises:
        DataError: the file cannot be read, or its keys do not show which data set it is.
        UsageError: the kind is unknown, annotations are given for another data set than TVSum, or `fps` is not from 0
            to 1000 or given for Mr.HiSum, which has one step per second.
    """
    if fps is not None and not 0 < fps < 1000:
        raise UsageError(f"The frame rate must be above 0 and below 1000, got {fps:g}.")
    if kind is None:
        kind = _kind_of(_Unknown(path))
    if kind not in KINDS:
        raise UsageError(f"There is no kind of data '{kind}'; known are {', '.join(KINDS)}.")
    if kind != "tvsum" and annotations is not None:
        raise UsageError(f"Only TVSum takes annotations beside the file, but '{path}' is of kind {kind}.")
    if kind == "mr_hisum" and fps is not None:
        raise UsageError("Mr.HiSum has one step per second: leave the frame rate out.")
    file = TVSum(path, annotations) if kind == "tvsum" else KINDS[kind](path)
    file.fps = fps
    return file


class _Unknown(AnnotatedFile):
    """A file of unknown kind; its videos cannot be read."""

    def _read(self, group: VideoGroup, *, features: bool) -> AnnotatedVideo:
        raise NotImplementedError


def _kind_of(file: AnnotatedFile) -> DatasetKind:
    with file:
        stated = file.attribute("kind")
        if stated in KINDS:
            return stated
        video = file.group(file.names[0])
        keys = video.keys
        if "match" in keys:
            return "youtube_highlights"
        if "gtscore" in keys and "n_frames" not in keys:
            return "mr_hisum"
        if "user_scores" in keys:
            return "tvsum"
        if video.text("video_name") in TITLES or video.text("title") in TITLES:
            return "summe"
        if "user_summary" in keys:
            annotators = video.shape("user_summary")[0]
            # TVSum has 20 annotators throughout, SumMe 15 to 18.
            if annotators == 20:
                return "tvsum"
            if 15 <= annotators <= 18:
                return "summe"
    raise DataError(
        f"The kind of data in '{file.path}' is unclear ({video.name}: {', '.join(sorted(keys)) or 'no keys'}): "
        f"name it, one of {', '.join(KINDS)}."
    )
