"""One pass over a video: video -> features of its steps, with the decoder and the backbone at work side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import threads_asked
from summdiff.errors import VideoError
from summdiff.features import Backbone
from summdiff.features.files import VideoFeatures
from summdiff.video import Step, VideoReader

Report = Callable[[float, float], None]

_BATCH = 16  # frames a call of the backbone
_AHEAD = 64  # frames that may wait between the decoder and the backbone
_MOST_STEPS = 250_000  # of one video: 69 hours at one a second, with 640 MB of the default backbone's features


def extract(
    path: Path,
    backbone: Backbone,
    *,
    rate: float,
    sparse: float = 0.0,
    report: Report = lambda done, total: None,
) -> VideoFeatures:
    """Look at a video once: decode it beside this thread, run the backbone in this one.

    Memory does not grow with the video, but for the (N, D) features. A damaged video is looked at once more with a
    single thread that decodes, so that the same file always gives the same features.

    Args:
        path: a video file.
        backbone: the feature extractor.
        rate: steps per second.
        sparse: seconds between key frames up to which nothing else is looked at, see `VideoReader.steps`.
        report: called now and then, from this thread: seconds of video looked at, and of how many.

    Raises:
        VideoError: see `VideoReader`; or the video is so long that memory would run out.
    """
    seen = _pass(path, backbone, rate=rate, sparse=sparse, report=report, threads=None)
    if seen.corrupt_frames and threads_asked() != 1:
        seen = _pass(path, backbone, rate=rate, sparse=sparse, report=report, threads=1)
    return seen


def _pass(
    path: Path, backbone: Backbone, *, rate: float, sparse: float, report: Report, threads: int | None
) -> VideoFeatures:
    features: list[NDArray[np.float16]] = []
    times: list[float] = []
    boundaries: list[float] = []

    with VideoReader(path, threads=threads) as reader:
        told = reader.info.duration  # the container's word, for the progress only
        waiting: list[Step] = []
        shown: NDArray[np.uint8] | None = None  # at the last step that was looked at

        def run() -> None:
            nonlocal shown
            # A frame that stays on display for several steps comes as the same image: one look is enough.
            fresh = [i for i, step in enumerate(waiting) if step.image is not (waiting[i - 1].image if i else shown)]
            rows = features[-1][-1:] if features else np.empty((1, backbone.dimension), dtype=np.float16)
            if fresh:
                seen = backbone(np.stack([waiting[i].image for i in fresh])).astype(np.float16)
                rows = np.concatenate((rows, seen))  # the first is that of the step before
            features.append(rows[np.searchsorted(fresh, np.arange(len(waiting)), side="right")])
            times.extend(step.time for step in waiting)
            boundaries.extend(step.boundary for step in waiting)
            report(times[-1], max(told, times[-1]))
            shown = waiting[-1].image
            waiting.clear()

        steps = reader.steps(rate=rate, short_side=backbone.short_side, sparse=sparse)
        for count, step in enumerate(_ahead(steps)):
            if count == _MOST_STEPS:
                raise VideoError(
                    f"'{path}' lasts more than {_MOST_STEPS / rate / 3600:.0f} hours, too long to look at {rate:g} "
                    "times a second: choose a lower --rate, or cut it into several videos."
                )
            waiting.append(step)
            if len(waiting) == _BATCH:
                run()
        if waiting:
            run()
        info, corrupt = reader.info, reader.corrupt_frames
    report(info.duration, info.duration)
    return VideoFeatures(
        features=np.concatenate(features),
        times=np.array(times),
        boundaries=np.array(boundaries),
        video=info,
        corrupt_frames=corrupt,
    )


def _ahead(steps: Iterator[Step]) -> Iterator[Step]:
    """The same steps, made in another thread while this one works on those before."""
    queue: Queue[Step | BaseException | None] = Queue(maxsize=_AHEAD)
    stopped = Event()

    def put(item: Step | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
            except Full:
                continue
            return

    def decode() -> None:
        try:
            for step in steps:
                put(step)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # handed over whole: it is raised where the steps are used
            put(error)

    decoder = Thread(target=decode, name="summdiff-decode", daemon=True)
    decoder.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        decoder.join()
