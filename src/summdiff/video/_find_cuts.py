"""The exact frame of a cut that is known coarsely, found by decoding only around it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from summdiff._runtime import threads_asked, usable_cores
from summdiff.video._changes import Change, find_boundary
from summdiff.video._clock import in_seconds
from summdiff.video._index import FrameIndex, SeekingDecoder, index_frames
from summdiff.video._picture import Luma, LumaSampler

_SPANS_PER_THREAD = 2  # fewer are not worth another open file


def find_cuts(path: str | os.PathLike[str], spans: Sequence[tuple[float, float]]) -> list[float]:
    """Return the seconds of the boundary in each span: where the picture changes most.

    It is that of a pass that decodes every frame.

    Args:
        path: a local video file.
        spans: (after, until] in seconds, times of frames, ascending; see `Step.span`.

    Raises:
        VideoError: the file cannot be read.
    """
    index = index_frames(path)
    workers = max(1, min(threads_asked() or usable_cores(), len(spans) // _SPANS_PER_THREAD))
    share = -(-len(spans) // workers) or 1
    with ThreadPoolExecutor(workers, "summdiff-cuts") as pool:
        parts = [spans[start : start + share] for start in range(0, len(spans), share)]
        return [time for times in pool.map(lambda part: _find(path, index, part), parts) for time in times]


def _find(path: str | os.PathLike[str], index: FrameIndex, spans: Sequence[tuple[float, float]]) -> list[float]:
    base = index.clock.time_base
    with SeekingDecoder(path, index, threads=1) as decoder:
        ticks = [_cut(decoder, *(round(time / base) for time in span)) for span in spans]
    return [in_seconds(tick, base) for tick in ticks]


def _cut(decoder: SeekingDecoder, after: int, until: int) -> int:
    """Return the tick of the boundary in (after, until], see `find_boundary`."""
    luma, changes = LumaSampler(), list[Change]()
    before: tuple[int, Luma] | None = None
    for timed in decoder.frames(after, until + 1, with_current=True):
        now = luma(timed.frame)
        if before is not None and timed.ticks > after:
            changes.append(Change(now.change_from(before[1]), before[0], timed.ticks))
        before = timed.ticks, now
    return int(find_boundary(changes).at) if changes else until
