"""Work of `summdiff summarize`: the summaries of one video or many."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summdiff._runtime import return_freed_memory, return_unused_memory
from summdiff.archive.jobs import OnProgress, Record, VideoJob, alternative_name
from summdiff.atomic import sweep
from summdiff.errors import OutputError, UsageError
from summdiff.export import check_targets, save, targets
from summdiff.options import Options

if TYPE_CHECKING:
    from summdiff.pipeline import Summarizer
    from summdiff.summary import Summary

_SPARE_BYTES = 50_000_000  # free room to leave beside the estimated size of the output


def summarize_job(
    job: VideoJob,
    summarizer: Summarizer,
    options: Options,
    formats: Sequence[str],
    *,
    overwrite: bool,
    on_progress: OnProgress,
) -> tuple[Summary, list[Path]]:
    """Summarize one video, write the files, and return the summary and their paths.

    Raises:
        SummdiffError: the video cannot be summarized.
    """
    summary = summarizer.summarize(job.video, options, on_progress=lambda at: on_progress(at.stage, at.done, at.total))
    return_unused_memory()
    versions = [(job.name, summary, formats)]
    for number in range(len(summary.alternatives)):
        other_formats = [fmt for fmt in formats if fmt != "json"]  # the JSON of the summary has all alternatives
        versions.append((alternative_name(job.name, number), summary.alternative(number), other_formats))
    total_duration = sum(version.selected_duration for _, version, _ in versions)
    before, outputs = 0.0, []
    for name, version, format_names in versions:
        if format_names:
            outputs += save(
                version,
                job.folder,
                formats=format_names,
                name=name,
                overwrite=overwrite,
                on_progress=lambda done, before=before: on_progress("cut", before + done, total_duration),  # type: ignore[misc]
            )
        before += version.selected_duration
    return summary, outputs


def check_job(job: VideoJob, options: Options, formats: Sequence[str], *, overwrite: bool) -> None:
    """Check the video, the folder, the files and the room on the disk before the work.

    Raises:
        SummdiffError: the video cannot be summarized.
    """
    from summdiff.video import largest_size, probe

    info = probe(job.video)
    check_outputs(job, options, formats, overwrite=overwrite)
    if info.duration > 0:
        options.check_constraints(info.duration)
    if "mp4" in formats and info.duration > 0:
        largest = largest_size(info, job.video.stat().st_size, options, options.seconds(info.duration))
        needed = (1 + options.alternatives) * largest + _SPARE_BYTES
        free = shutil.disk_usage(job.folder).free
        if free < needed:
            raise OutputError(
                f"Not enough room in '{job.folder}' for the summary of '{job.video}': "
                f"it needs about {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free."
            ) from OSError(errno.ENOSPC, "No space left on device")


def check_outputs(job: VideoJob, options: Options, formats: Sequence[str], *, overwrite: bool) -> None:
    """Check the folder and the files: the part of `check_job` that does not open the video."""
    for paths in _targets(job, options, formats):
        check_targets(paths, job.video, overwrite=overwrite)


def check_no_input_replaced(work: Sequence[VideoJob], options: Options, formats: Sequence[str]) -> None:
    """Raise a UsageError if the summary of one video would replace another of the videos."""
    videos = {os.path.realpath(job.video).casefold(): job.video for job in work}
    for job in work:
        folder = Path(os.path.realpath(job.folder))
        for paths in _targets(job, options, formats):
            for path in paths:
                video = videos.get(str(folder / path.name).casefold())
                if video is not None:
                    raise UsageError(
                        f"'{video}' is to be summarised, but the summary of '{job.video}' would replace it: "
                        "leave one of them out, or choose another folder with -o."
                    )


def _targets(job: VideoJob, options: Options, formats: Sequence[str]) -> list[list[Path]]:
    """Return the paths of the summary's files and of each alternative's."""
    names = [job.name, *(alternative_name(job.name, number) for number in range(options.alternatives))]
    return [targets(job.folder, name, formats) for name in names]


@dataclass
class SummarizeWork:
    """Write the summary of a video. See `summdiff.archive.jobs.Work`.

    Attributes:
        summarizer: keyword arguments of a `Summarizer`.
        options: options of each summary.
        formats: formats to write.
        overwrite: replace existing results.
        features: store with features of the videos.
        checked: whether `check_job` was called for each video before.
        loaded: the summarizer, if it is already loaded.
    """

    summarizer: dict[str, Any]
    options: Options
    formats: tuple[str, ...]
    overwrite: bool
    features: Path | None = None
    checked: bool = False
    loaded: Summarizer | None = field(default=None, repr=False)

    def load(self) -> None:
        if self.loaded is None:
            self.loaded = load_summarizer(self.summarizer, self.features)
        self.loaded.load()

    def __call__(self, job: VideoJob, *, replace: bool, on_progress: OnProgress) -> Record:
        assert self.loaded is not None, "load() comes first"  # noqa: S101
        began = time.perf_counter()
        overwrite = self.overwrite or replace
        if not self.checked:
            check_job(job, self.options, self.formats, overwrite=overwrite)
        summary, outputs = summarize_job(
            job, self.loaded, self.options, self.formats, overwrite=overwrite, on_progress=on_progress
        )
        return {
            "outputs": [str(path) for path in outputs],
            "duration": round(summary.video.duration, 6),
            "selected_duration": round(summary.selected_duration, 6),
            "parts": len(summary.selection),
            "shots": len(summary.shots),
            "selected_shots": sum(shot.selected for shot in summary.shots),
            "warnings": list(summary.warnings),
            "seconds": round(time.perf_counter() - began, 3),
        }

    def settings(self) -> dict[str, Any]:
        """Return the settings that a manifest records."""
        recorded = {key: value for key, value in self.summarizer.items() if key not in ("cache", "device")}
        return {
            **{key: str(value) if isinstance(value, Path) else value for key, value in recorded.items()},
            **asdict(self.options),
            "formats": list(self.formats),
        }


class SummarizeResults:
    """The files of the summaries. See `summdiff.archive.jobs.Results`.

    Args:
        options, formats, overwrite: as of `SummarizeWork`.
    """

    def __init__(self, options: Options, formats: Sequence[str], *, overwrite: bool) -> None:
        self._options, self._formats, self._overwrite = options, formats, overwrite

    def check(self, job: VideoJob, *, replace: bool) -> None:
        # Checked here too: existing files belong to the user before a video is begun, and to this run afterwards.
        check_outputs(job, self._options, self._formats, overwrite=self._overwrite or replace)

    def exist(self, record: Record) -> bool:
        return all(Path(path).exists() for path in record.get("outputs", ()))

    def add(self, record: Record) -> None:
        pass

    def clean(self, job: VideoJob) -> None:
        sweep(job.folder)

    def finish(self) -> None:
        pass


def load_summarizer(arguments: dict[str, Any], features: Path | None) -> Summarizer:
    """Return a `Summarizer` that looks for features in a store, if one is given; for processes of our own.

    Raises:
        UsageError: the store has features of another backbone or rate.
        DataError: the folder is not a store.
    """
    from summdiff.pipeline import Summarizer

    return_freed_memory()
    if features is None:
        return Summarizer(**arguments)
    from summdiff.features.store import open_store

    store = open_store(features)
    summarizer = Summarizer(**arguments | {"cache": store})
    if (store.backbone, store.rate) != (summarizer.backbone.id, summarizer.rate):
        raise UsageError(
            f"The store '{features}' has features of '{store.backbone}' at {store.rate:g} steps per second, not of "
            f"'{summarizer.backbone.id}' at {summarizer.rate:g}: choose the same with --backbone and --rate."
        )
    return summarizer
