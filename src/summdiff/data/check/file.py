"""Every video of a file looked at, by several processes where there are many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import cast

from summdiff._pool import TaskPool
from summdiff._runtime import usable_cores
from summdiff.data.check.kinds import LOOKS
from summdiff.data.check.look import Found, Look
from summdiff.data.check.report import Report, count_rules
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.registry import open_dataset
from summdiff.errors import DataError

_WORTH_PROCESSES = 1000  # videos; fewer are checked sooner than processes start
_CHUNK = 200  # videos that a process takes at a time


def check(
    path: str | os.PathLike[str],
    kind: str | None = None,
    *,
    features: bool = True,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Look at every key of every video.

    Args:
        path: the file.
        kind: its data set; found out where None.
        features: whether to read the features too; without, only their shapes are looked at, which is much quicker.
        processes: that read at the same time; where None one, or as many as there are processors for a large file.
        on_progress: told how many videos are done and how many there are.

    Raises:
        DataError: the file cannot be opened, or its kind is unknown.
        WorkerError: a process that reads exited unexpectedly.
    """
    data = open_dataset(path, kind)
    by_index: dict[int, Found] = {}
    for first, some in _look_at_all(data, features=features, processes=processes):
        by_index |= enumerate(some, start=first)
        on_progress(len(by_index), len(data))
    found = [by_index[index] for index in range(len(data))]
    fingerprint = data.fingerprint()
    data.close()
    rules, broken = count_rules(found)
    problems = [problem for video in found for problem in video.problems] + broken
    dimensions = {video.dimension for video in found} - {None}
    if len(dimensions) > 1:
        sizes = sorted(cast(set[int], dimensions))
        counts = ", ".join(f"{size} in {sum(video.dimension == size for video in found)}" for size in sizes)
        problems.append(f"'features' have different dimensions: {counts} videos.")
    seconds = [video.seconds for video in found]
    users = [video.annotators for video in found if video.annotators is not None]
    return Report(
        file=data.path.name,
        kind=data.kind,
        fingerprint=fingerprint,
        videos=len(found),
        with_features=sum(video.dimension is not None for video in found),
        steps=sum(video.steps for video in found),
        frames=sum(video.frames for video in found),
        hours=None if None in seconds else sum(cast(list[float], seconds)) / 3600,
        shortest=min(video.steps for video in found),
        longest=max(video.steps for video in found),
        annotators=(min(users), max(users)) if users else None,
        dimension=cast(int, dimensions.pop()) if len(dimensions) == 1 else None,
        dtype=_common([video.dtype for video in found]),
        segment_ends=_common([video.ends for video in found]),
        rules=rules,
        problems=tuple(problems),
    )


def _look_at_all(data: AnnotatedFile, *, features: bool, processes: int | None) -> Iterator[tuple[int, list[Found]]]:
    """Yield the index of a video and what is found in it and those after it, in any order."""
    if processes is None:
        processes = usable_cores() if len(data) >= _WORTH_PROCESSES else 1
    if processes == 1:
        for index, name in enumerate(data.names):
            yield index, [_look_at(data, name, features=features)]
        return
    firsts = range(0, len(data), _CHUNK)
    chunks = [data.names[first : first + _CHUNK] for first in firsts]
    look = partial(_look_at_some, data, features=features)
    with TaskPool(look, min(processes, len(chunks)), threads=1) as pool:
        for number, found in pool.run(chunks):
            yield firsts[number], found


def _look_at_some(data: AnnotatedFile, names: Sequence[str], *, features: bool) -> list[Found]:
    return [_look_at(data, name, features=features) for name in names]


def _look_at(data: AnnotatedFile, name: str, *, features: bool) -> Found:
    found = Found(name)
    try:
        group = data.group(name)
    except DataError as error:
        found.problems.append(str(error).removeprefix(f"'{data.path}', "))
        return found
    look = Look(group, found)
    LOOKS[data.kind](look, features=features)
    return found


def _common(values: Sequence[str | None]) -> str | None:
    """The one value that videos have, "mixed" if there are several, None without any."""
    some = {value for value in values if value is not None}
    return next(iter(some)) if len(some) == 1 else "mixed" if some else None
