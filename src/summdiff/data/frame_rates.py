"""Frame rates of videos whose file states none, as in the field's usual files of TVSum and SumMe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from summdiff.data.video import AnnotatedVideo, DatasetKind
    from summdiff.data.video_group import VideoGroup

_USUAL_STEP = 15  # frames from one step to the next in the usual files

# Numbers of frames of the original videos by frame rate; no two videos of a data set have the same number. Two of
# SumMe's 25 are missing: paluma_jump and playing_ball.
_FRAMES: Mapping[str, Mapping[float, tuple[int, ...]]] = {
    "tvsum": {
        30: (4468, 4324, 4165, 15307, 6912),
        30000 / 1001: (10597, 3327, 9671, 9870, 7010, 3995, 4700, 13511, 5742, 19406, 5631, 4356, 3312, 10917,
            8281, 13365, 4463, 7959, 2941, 11414, 8073, 5939, 4931, 4304, 3896, 5971),
        29.917: (17527,),
        25: (4688, 7210, 3532, 4853, 5412, 3802, 4740),
        24: (9731, 5661, 6580, 4009),
        24000 / 1001: (14019, 9534, 5846, 6241, 4005, 3705, 2500),
    },
    "summe": {
        30: (3064, 5131, 1612, 2221),
        30000 / 1001: (4729, 5075, 9046, 3187, 3065, 6683, 9672, 5178, 4382),
        25: (4494, 3341, 4971, 9721, 950, 1751, 3863),
        24: (4608,),
        24000 / 1001: (6096,),
        15: (1286,),
    },
}  # fmt: skip
_KNOWN = {
    (kind, n_frames): rate for kind, rates in _FRAMES.items() for rate, videos in rates.items() for n_frames in videos
}


class FrameRate(NamedTuple):
    """A video's frame rate and where it is from: "file", "annotations", "known", "given", or "" without one."""

    fps: float | None
    source: str


def frame_rate(
    group: VideoGroup,
    kind: DatasetKind,
    n_frames: int,
    n_steps: int,
    *,
    original: float | None = None,
    given: float | None = None,
) -> FrameRate:
    """Return the frame rate of a video: that of its file, of the original annotations, or of the original video.

    The original videos of TVSum and SumMe are recognized by their number of frames, with a step every 15 frames.

    Args:
        group: the video in its file.
        kind: its data set.
        n_frames, n_steps: its frames and steps.
        original: the rate that the original annotations state.
        given: the rate of videos that neither state one nor are recognized.

    Raises:
        DataError: the file states something that is not a frame rate.
    """
    known = _KNOWN.get((kind, n_frames)) if n_steps == -(-n_frames // _USUAL_STEP) else None
    rates = {"file": group.fps(), "annotations": original, "known": known, "given": given}
    return next((FrameRate(fps, source) for source, fps in rates.items() if fps is not None), FrameRate(None, ""))


def rate_note(videos: Iterable[AnnotatedVideo]) -> str:
    """Say in a sentence which videos have a frame rate that their file does not state; "" if there are none."""
    sources = [(video.fps_source, video.fps) for video in videos]
    known = sum(source == "known" for source, _ in sources)
    given = [fps for source, fps in sources if source == "given"]
    parts = [f"{known} videos have that of the original videos, recognized by frames and steps"] if known else []
    parts += [f"{len(given)} videos have the {given[0]:g} that you gave"] if given else []
    return f"The file states no frame rate: {'; '.join(parts)}." if parts else ""
