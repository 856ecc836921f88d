"""`summdiff summarize`: one video after the other, or many side by side."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summdiff.archive.job import Job, Record, Report
from summdiff.atomic import sweep
from summdiff.errors import OutputError, UsageError
from summdiff.export import check_targets, save, targets
from summdiff.options import Options

if TYPE_CHECKING:
    from summdiff.pipeline import Summarizer
    from summdiff.summary import Summary

_SPARE_BYTES = 50_000_000  # room that has to be left beside an estimate of what will be written


def summarize_job(
    job: Job, summarizer: Summarizer, options: Options, formats: Sequence[str], *, overwrite: bool, report: Report
) -> tuple[Summary, list[Path]]:
    """Summarise one video and write all that is asked for; the summary and the paths.

    Raises:
        SummdiffError: the text says what cannot be done.
    """
    summary = summarizer.summarize(job.video, options, on_progress=lambda at: report(at.stage, at.done, at.total))
    versions = [(job.name, summary, formats)]
    for number in range(len(summary.alternatives)):
        rest = [fmt for fmt in formats if fmt != "json"]  # that of the summary holds them all
        versions.append((_alternative(job, number), summary.alternative(number), rest))
    whole = sum(each.selected_duration for _, each, _ in versions)
    before, outputs = 0.0, []
    for name, each, wanted in versions:
        if wanted:
            outputs += save(
                each,
                job.folder,
                formats=wanted,
                name=name,
                overwrite=overwrite,
                on_progress=lambda done, before=before: report("cut", before + done, whole),  # type: ignore[misc]
            )
        before += each.selected_duration
    return summary, outputs


def check_job(job: Job, options: Options, formats: Sequence[str], *, overwrite: bool) -> None:
    """Find out before the work whether it can be done: the video, the folder, the files, the room on the disk.

    Raises:
        SummdiffError: the text says what cannot be done.
    """
    from summdiff.video import probe

    info = probe(job.video)
    check_outputs(job, options, formats, overwrite=overwrite)
    if info.duration > 0:
        options.check_constraints(info.duration)
    if "mp4" in formats and info.duration > 0:
        share = (1 + options.alternatives) * options.seconds(info.duration) / info.duration
        # What is written anew can come out larger than the source; twice its rate is a safe guess.
        needed = int(2 * share * job.video.stat().st_size) + _SPARE_BYTES
        free = shutil.disk_usage(job.folder).free
        if free < needed:
            raise OutputError(
                f"There is not enough room in '{job.folder}' for the summary of '{job.video}': "
                f"about {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free."
            ) from OSError(errno.ENOSPC, "No space left on device")


def check_outputs(job: Job, options: Options, formats: Sequence[str], *, overwrite: bool) -> None:
    """The part of `check_job` that does not look at the video."""
    for paths in _targets(job, options, formats):
        check_targets(paths, job.video, overwrite=overwrite)


def check_apart(work: Sequence[Job], options: Options, formats: Sequence[str]) -> None:
    """Raise a UsageError where what is written for one video would take the place of another that is worked on."""
    videos = {Path(os.path.realpath(job.video)): job.video for job in work}
    for job in work:
        folder = Path(os.path.realpath(job.folder))
        for paths in _targets(job, options, formats):
            for path in paths:
                video = videos.get(folder / path.name)
                if video is not None:
                    raise UsageError(
                        f"'{video}' is to be summarised, and the summary of '{job.video}' would be written in its "
                        "place: leave one of the two out, or choose another folder with -o."
                    )


def _targets(job: Job, options: Options, formats: Sequence[str]) -> list[list[Path]]:
    """What is written for the summary and for each alternative."""
    names = [job.name, *(_alternative(job, number) for number in range(options.alternatives))]
    return [targets(job.folder, name, formats) for name in names]


def _alternative(job: Job, number: int) -> str:
    """First part of the names of an alternative's files, number from 0."""
    return f"{job.name}.alternative-{number + 1}"


@dataclass
class Summarizing:
    """See `summdiff.archive.job.Work`: makes the summary of a video.

    Attributes:
        summarizer: keyword arguments of a `Summarizer`.
        options: what is asked of each summary.
        formats: what is written.
        overwrite: results that are there already are replaced.
        features: a store in which features may be found.
    """

    summarizer: dict[str, Any]
    options: Options
    formats: tuple[str, ...]
    overwrite: bool
    features: Path | None = None
    _loaded: Summarizer | None = field(default=None, repr=False)

    def load(self) -> None:
        self._loaded = load_summarizer(self.summarizer, self.features)
        self._loaded.load()

    def __call__(self, job: Job, *, ours: bool, report: Report) -> Record:
        assert self._loaded is not None, "load() comes first"  # noqa: S101
        began = time.perf_counter()
        overwrite = self.overwrite or ours
        check_job(job, self.options, self.formats, overwrite=overwrite)
        summary, outputs = summarize_job(
            job, self._loaded, self.options, self.formats, overwrite=overwrite, report=report
        )
        return {
            "outputs": [str(path.absolute()) for path in outputs],
            "duration": round(summary.video.duration, 6),
            "selected_duration": round(summary.selected_duration, 6),
            "warnings": list(summary.warnings),
            "seconds": round(time.perf_counter() - began, 3),
        }


class SummarizingResults:
    """See `summdiff.archive.job.Results`.

    Args:
        options, formats, overwrite: as of `Summarizing`.
    """

    def __init__(self, options: Options, formats: Sequence[str], *, overwrite: bool) -> None:
        self._options, self._formats, self._overwrite = options, formats, overwrite

    def admit(self, job: Job, *, ours: bool) -> None:
        # Here and not only in the worker: what is there now is somebody else's, what is there after a start is ours.
        check_outputs(job, self._options, self._formats, overwrite=self._overwrite or ours)

    def kept(self, record: Record) -> bool:
        return all(Path(path).exists() for path in record.get("outputs", ()))

    def settle(self, record: Record) -> None:
        pass

    def clean(self, job: Job) -> None:
        sweep(job.folder)

    def finish(self) -> None:
        pass


def load_summarizer(arguments: dict[str, Any], features: Path | None) -> Summarizer:
    """A `Summarizer` that finds features in a store, where one is given.

    Raises:
        UsageError: the store has features of another backbone or rate.
        DataError: it is no store.
    """
    from summdiff.pipeline import Summarizer

    if features is None:
        return Summarizer(**arguments)
    from summdiff.features.store import open_store

    store = open_store(features)
    summarizer = Summarizer(**arguments | {"cache": store})
    if (store.backbone, store.rate) != (summarizer.backbone.id, summarizer.rate):
        raise UsageError(
            f"The store '{features}' has features of '{store.backbone}' at {store.rate:g} steps per second, but "
            f"'{summarizer.backbone.id}' at {summarizer.rate:g} is asked for: give --backbone and --rate to go with it."
        )
    return summarizer


def settings(work: Summarizing) -> dict[str, Any]:
    """What a manifest says of it."""
    kept = {key: value for key, value in work.summarizer.items() if key not in ("cache", "device")}
    return {
        **{key: str(value) if isinstance(value, Path) else value for key, value in kept.items()},
        **asdict(work.options),
        "formats": list(work.formats),
    }
