"""One pass over a video that takes the features of every n-th frame."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.features import Backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.files import VideoFeatures
from summdiff.video import FrameDecoder, Scaler, pixel_aspect, probe

_BATCH = 16  # frames a call of the backbone
_AHEAD = 4  # batches that may wait between the decoder and the backbone


def look(path: Path, backbone: Backbone, every: int, cache: FeatureCache | None) -> tuple[VideoFeatures, bool]:
    """Every n-th frame's features, and whether they were known from before."""
    if cache is None:
        return _extract(path, backbone, every), False
    # No rate: these steps are counted in frames, and the entry must not be taken for one in seconds.
    identity, rate = f"{backbone.id}, every {every} frames", 0.0
    known = cache.get(path, identity, rate)
    if known is not None:
        return known, True
    extracted = _extract(path, backbone, every)
    cache.put(path, identity, rate, extracted)
    return extracted, False


def _extract(path: Path, backbone: Backbone, every: int) -> VideoFeatures:
    """Decode a video once and run the backbone on frames 0, every, 2 · every, … meanwhile."""
    info = probe(path)
    times: list[float] = []
    frames, end = 0, 0.0
    waiting: list[NDArray[np.uint8]] = []
    running: deque[Future[NDArray[np.float16]]] = deque()
    features: list[NDArray[np.float16]] = []

    def run(images: NDArray[np.uint8]) -> NDArray[np.float16]:
        return backbone(images).astype(np.float16)

    with FrameDecoder(path) as source, ThreadPoolExecutor(1, "summdiff-look") as looking:
        scaler = Scaler(short_side=backbone.short_side, pixel_aspect=pixel_aspect(source.stream))
        for timed in source:
            if frames % every == 0:
                waiting.append(scaler(timed.frame))
                times.append(source.seconds(timed.ticks))
            frames += 1
            end = source.seconds(timed.ticks + timed.duration)
            if len(waiting) == _BATCH:
                running.append(looking.submit(run, np.stack(waiting)))
                waiting.clear()
                if len(running) > _AHEAD:
                    features.append(running.popleft().result())
        if waiting:
            running.append(looking.submit(run, np.stack(waiting)))
        features += [future.result() for future in running]
        corrupt = source.corrupt
    return VideoFeatures(
        features=np.concatenate(features),
        times=np.array(times),
        boundaries=np.array(times),
        video=replace(info, duration=end, fps=frames / end),
        corrupt_frames=corrupt,
    )


def frame_count(seen: VideoFeatures) -> int:
    """Frames that were decoded."""
    return round(seen.video.fps * seen.video.duration)
