"""Features of a video in one pass: threads decode and listen ahead while the caller's thread runs the backbone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import threads_asked
from summdiff.audio import listening
from summdiff.errors import VideoError
from summdiff.features._blank import is_blank
from summdiff.features.backbone import Backbone
from summdiff.features.files import VideoFeatures
from summdiff.options import Decoding
from summdiff.video import FrameDecoder, Scaler, Step, VideoReader, in_order, pixel_aspect, probe

_T = TypeVar("_T")

_BATCH = 16  # frames per call of the backbone
_AHEAD = 16  # decoded frames that may wait for the backbone
_MAX_KEY_FRAME_GAP = 6.0  # seconds; the fast way decodes reference frames where key frames are farther apart
_MAX_STEPS = 100_000  # 27 hours at 1 step per second; scoring them takes 3 GB

_FRAMES: dict[Decoding, Any] = {"exact": {}, "normal": {"skip": True}, "fast": {"sparse": _MAX_KEY_FRAME_GAP}}


def extract(
    path: Path,
    backbone: Backbone,
    *,
    rate: float,
    decoding: Decoding = "exact",
    sound: bool = True,
    hardware: bool = False,
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> VideoFeatures:
    """Compute the features of a video at a fixed rate in seconds, and listen to its sound in the same pass.

    Only the (N, D) features and the `Sound` grow with the length of the video. A damaged video is decoded again with a
    single thread and without leaving out frames, so that the same file always gives the same features.

    Args:
        path: a video file.
        backbone: the feature extractor.
        rate: steps per second.
        decoding: "exact", every frame; "normal", without frames that neither a step nor another frame needs, so that
            some boundaries get `spans`; "fast", only key frames where they are at most 6 s apart.
        sound: whether to listen.
        hardware: decode by hardware, where there is any for the codec; a video with damage is decoded without.
        on_progress: called from this thread with the seconds done and the duration in seconds.

    Raises:
        VideoError: see `VideoReader`; or the video has too many steps for memory.
        ModelError: the voice activity detector is missing or damaged.
    """
    decode = partial(_extract, path, backbone, rate=rate, sound=sound, on_progress=on_progress)
    features = decode(decoding=decoding, threads=None, hardware=hardware)
    if features.corrupt_frames and (threads_asked() != 1 or hardware or decoding == "normal"):
        features = decode(decoding="exact" if decoding == "normal" else decoding, threads=1, hardware=False)
    return features


def extract_frames(path: Path, backbone: Backbone, *, every: int) -> VideoFeatures:
    """Compute the features of frames 0, every, 2 · every, … of a video, as data sets count them.

    `frame_count` of the result gives the number of decoded frames. `boundaries` equal `times`.

    Raises:
        VideoError: the video cannot be read.
    """
    info = probe(path)
    times: list[float] = []
    batches: list[NDArray[np.float16]] = []
    n_frames, end = 0, 0.0

    with FrameDecoder(path) as decoder:
        scaler = Scaler(short_side=backbone.short_side, pixel_aspect=pixel_aspect(decoder.stream))

        def images() -> Generator[NDArray[np.uint8]]:
            nonlocal n_frames, end
            for timed in decoder:
                if n_frames % every == 0:
                    times.append(decoder.seconds(timed.ticks))
                    yield scaler(timed.frame)
                n_frames += 1
                end = decoder.seconds(timed.ticks + timed.duration)

        waiting: list[NDArray[np.uint8]] = []
        with _decoded_ahead(images()) as ahead:
            for image in ahead:
                waiting.append(image)
                if len(waiting) == _BATCH:
                    batches.append(backbone(np.stack(waiting)).astype(np.float16))
                    waiting.clear()
        if waiting:
            batches.append(backbone(np.stack(waiting)).astype(np.float16))
        corrupt = decoder.corrupt
    return VideoFeatures(
        features=np.concatenate(batches),
        times=np.array(times),
        boundaries=np.array(times),
        video=replace(info, duration=end, fps=n_frames / end),
        corrupt_frames=corrupt,
    )


def frame_count(features: VideoFeatures) -> int:
    """Return the number of frames that `extract_frames` decoded."""
    return round(features.video.fps * features.video.duration)


def _extract(
    path: Path,
    backbone: Backbone,
    *,
    rate: float,
    decoding: Decoding,
    sound: bool,
    on_progress: Callable[[float, float], None],
    threads: int | None,
    hardware: bool,
) -> VideoFeatures:
    features: list[NDArray[np.float16]] = []
    times: list[float] = []
    boundaries: list[float] = []
    spans: list[tuple[float, float]] = []
    blank: list[bool] = []

    with (
        VideoReader(path, threads=threads, hardware=hardware) as reader,  # which reads the packets for both
        listening(path) if sound else nullcontext() as heard,
    ):
        stated_duration = reader.info.duration  # of the container; for the progress only
        waiting: list[Step] = []
        last_image: NDArray[np.uint8] | None = None

        def run() -> None:
            nonlocal last_image
            # A frame that is displayed for several steps is the same image object: compute it once.
            fresh = [
                i for i, step in enumerate(waiting) if step.image is not (waiting[i - 1].image if i else last_image)
            ]
            rows = features[-1][-1:] if features else np.empty((1, backbone.dimension), dtype=np.float16)
            if fresh:
                computed = backbone(np.stack([waiting[i].image for i in fresh])).astype(np.float16)
                rows = np.concatenate((rows, computed))  # row 0 is that of the step before
            features.append(rows[np.searchsorted(fresh, np.arange(len(waiting)), side="right")])
            for i, step in enumerate(waiting):
                blank.append(is_blank(step.image) if i in fresh else blank[-1])
            times.extend(step.time for step in waiting)
            boundaries.extend(step.boundary for step in waiting)
            spans.extend(step.span or (step.boundary, step.boundary) for step in waiting)
            on_progress(times[-1], max(stated_duration, times[-1]))
            last_image = waiting[-1].image
            waiting.clear()

        steps = reader.steps(rate=rate, short_side=backbone.short_side, **_FRAMES[decoding])
        with _decoded_ahead(steps) as ahead:
            for count, step in enumerate(ahead):
                if count == _MAX_STEPS:
                    raise VideoError(
                        f"'{path}' lasts more than {_MAX_STEPS / rate / 3600:.0f} hours, too long for {rate:g} steps "
                        "per second: choose a lower --rate, or cut it into several videos."
                    )
                waiting.append(step)
                if len(waiting) == _BATCH:
                    run()
        if waiting:
            run()
        info, corrupt, transitions, notes = reader.info, reader.corrupt_frames, reader.transitions, reader.notes
        heard_sound = None if heard is None else heard(info.duration)
    on_progress(info.duration, info.duration)
    return VideoFeatures(
        features=np.concatenate(features),
        times=np.array(times),
        boundaries=np.array(boundaries),
        video=info,
        corrupt_frames=corrupt,
        sound=heard_sound,
        transitions=transitions,
        blank=np.array(blank),
        spans=np.array(spans if any(after < until for after, until in spans) else []).reshape(-1, 2),
        notes=notes,
    )


@contextmanager
def _decoded_ahead(items: Generator[_T]) -> Iterator[Iterator[_T]]:
    """Give the same items, produced ahead by another thread, which ends with the block."""
    with closing(in_order(lambda all_items: all_items, [items], threads=1, most=_AHEAD, name="decode")) as tasks:
        yield next(tasks)
