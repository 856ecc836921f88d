"""Check of all videos of a file, with several processes if there are many."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import cast

from summdiff._pool import TaskPool
from summdiff._runtime import usable_cores
from summdiff.data.check._report import FileReport, count_rules, impossible
from summdiff.data.check._videos import VideoCheck, check_video
from summdiff.data.datasets import open_dataset
from summdiff.data.h5 import AnnotatedFile
from summdiff.errors import DataError

_WORTH_PROCESSES = 1000  # videos; fewer are checked before processes have started
_CHUNK = 200  # videos per task


def check(
    path: str | os.PathLike[str],
    kind: str | None = None,
    *,
    features: bool = True,
    fps: float | None = None,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> FileReport:
    """Check every key of every video.

    Args:
        path: the file.
        kind: its data set; None: by its keys.
        features: whether to read the features; checking only their shapes is much faster.
        fps: as for `open_dataset`.
        processes: number of processes; None: one, or one per core for a large file.
        on_progress: called with the number of videos done and the total.

    Raises:
        DataError: the file cannot be opened, or its kind is unknown.
        WorkerError: a process exited unexpectedly.
    """
    data = open_dataset(path, kind, fps=fps)
    by_index: dict[int, VideoCheck] = {}
    for first, checks in _check_all(data, features=features, processes=processes):
        by_index |= enumerate(checks, start=first)
        on_progress(len(by_index), len(data))
    videos = [by_index[index] for index in range(len(data))]
    fingerprint = data.fingerprint()
    data.close()
    rules, broken = count_rules(videos)
    problems = [problem for video in videos for problem in video.problems] + broken
    dimensions = {video.dimension for video in videos} - {None}
    if len(dimensions) > 1:
        sizes = sorted(cast(set[int], dimensions))
        counts = ", ".join(f"{size} in {sum(video.dimension == size for video in videos)}" for size in sizes)
        problems.append(f"'features' have different dimensions: {counts} videos.")
    seconds = [video.seconds for video in videos]
    users = [video.annotators for video in videos if video.annotators is not None]
    return FileReport(
        file=data.path.name,
        kind=data.kind,
        fingerprint=fingerprint,
        videos=len(videos),
        with_features=sum(video.dimension is not None for video in videos),
        steps=sum(video.steps for video in videos),
        feature_steps=sum(video.feature_steps for video in videos),
        frames=sum(video.frames for video in videos),
        hours=None if None in seconds else sum(cast(list[float], seconds)) / 3600,
        shortest=min(video.steps for video in videos),
        longest=max(video.steps for video in videos),
        annotators=(min(users), max(users)) if users else None,
        dimension=cast(int, dimensions.pop()) if len(dimensions) == 1 else None,
        dtype=_common([video.dtype for video in videos]),
        segment_ends=_common([video.segment_ends for video in videos]),
        rates=dict(Counter(video.rate_source for video in videos)),
        impossible=impossible(data.kind, videos),
        rules=rules,
        problems=tuple(problems),
    )


def _check_all(data: AnnotatedFile, *, features: bool, processes: int | None) -> Iterator[tuple[int, list[VideoCheck]]]:
    """Yield the index of the first video of a chunk with the checks of the chunk, in any order."""
    if processes is None:
        processes = usable_cores() if len(data) >= _WORTH_PROCESSES else 1
    if processes == 1:
        for index, name in enumerate(data.names):
            yield index, _check_some(data, [name], features=features)
        return
    firsts = range(0, len(data), _CHUNK)
    chunks = [data.names[first : first + _CHUNK] for first in firsts]
    with TaskPool(partial(_check_some, data, features=features), min(processes, len(chunks)), threads=1) as pool:
        for number, checks in pool.run(chunks):
            yield firsts[number], checks


def _check_some(data: AnnotatedFile, names: Sequence[str], *, features: bool) -> list[VideoCheck]:
    checks = []
    for name in names:
        try:
            checks.append(check_video(data, name, features=features))
        except DataError as error:
            checks.append(VideoCheck(name, problems=[str(error).removeprefix(f"'{data.path}', ")]))
    return checks


def _common(values: Sequence[str | None]) -> str | None:
    """Return the common value of all videos, "mixed" if they differ, None without values."""
    some = {value for value in values if value is not None}
    return next(iter(some)) if len(some) == 1 else "mixed" if some else None
