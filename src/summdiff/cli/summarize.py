"""`summdiff summarize`: short versions of videos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from summdiff.archive.job import Job
from summdiff.archive.manifest import Manifest
from summdiff.archive.summarizing import (
    Summarizing,
    SummarizingResults,
    check_apart,
    check_job,
    load_summarizer,
    settings,
    summarize_job,
)
from summdiff.cli.archive import (
    EngineOption,
    FromFile,
    RetryFailed,
    TimeLimit,
    WorkersOption,
    limit_seconds,
    run_archive,
)
from summdiff.cli.archive_progress import archive_progress
from summdiff.cli.device import DeviceOption
from summdiff.cli.inputs import interval, jobs, listed, seconds
from summdiff.cli.progress import Reporter, reporter
from summdiff.errors import SummdiffError, UsageError
from summdiff.export import DEFAULT_FORMATS, built_in_formats, check_formats
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL, Options

if TYPE_CHECKING:
    from summdiff.pipeline import Summarizer
    from summdiff.summary import Summary


def summarize(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos, folders with videos, or patterns in quotes.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the results.", show_default="beside each video"),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Largest share of the video that is kept.", show_default=str(Options.budget)
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The same as a time: 60s, 1m30s, 1:30.", show_default=False),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME-TIME",
            help="A part that must be in the summary: 1:20-1:45, or 9:30- up to the end. Repeatable. The rest is "
            "scored anew, as by somebody who wants that.",
            show_default=False,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME-TIME", help="A part that must not be in it. Repeatable.", show_default=False),
    ] = None,
    alternatives: Annotated[
        int, typer.Option(metavar="K", help="Further summaries to make, as different as possible.")
    ] = Options.alternatives,
    loss: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the expected score that each of them may lose.")
    ] = Options.loss,
    model: Annotated[
        str, typer.Option(metavar="ID|DIR", help="Model: 'default', or a folder that `summdiff train` wrote.")
    ] = DEFAULT_MODEL,
    samples: Annotated[
        int, typer.Option(metavar="M", help="Importance curves to draw; their mean decides.")
    ] = Options.samples,
    steps: Annotated[int, typer.Option(metavar="N", help="Denoising steps of each curve.")] = Options.steps,
    seed: Annotated[int, typer.Option(help="Seed of the noise that the curves start from.")] = Options.seed,
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="What looks at the frames: efficientnet_lite0, timm:NAME, …")
    ] = DEFAULT_BACKBONE,
    value: Annotated[
        Literal["sum", "mean"],
        typer.Option(
            help="What a shot is worth: importance × seconds, or importance (as in the literature; many short shots)."
        ),
    ] = Options.value,
    min_shot: Annotated[float, typer.Option(metavar="SECONDS", help="Shortest shot.")] = Options.min_shot,
    max_shot: Annotated[float, typer.Option(metavar="SECONDS", help="Longest shot.")] = Options.max_shot,
    rate: Annotated[float, typer.Option(metavar="FPS", help="Frames looked at per second of video.")] = 1.0,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Look at key frames only, where they come often enough: several times faster, nearly the same.",
        ),
    ] = False,
    formats: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help=f"Formats, separated by commas: {', '.join(built_in_formats())}, or those of plug-ins; or all.",
        ),
    ] = ",".join(DEFAULT_FORMATS),
    from_file: FromFile = None,
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Also look into sub-folders.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")] = False,
    device: DeviceOption = "cpu",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither use nor keep features of earlier runs.")
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(metavar="STORE", help="Features that `summdiff extract` kept; what is not there is looked at."),
    ] = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --workers or --engine ray: what became of each video, so that the same command goes on.",
            show_default="manifest.jsonl in the folder for the results",
        ),
    ] = None,
    time_limit: TimeLimit = None,
    retry_failed: RetryFailed = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but what failed.")] = False,
    progress: Annotated[
        Literal["bars", "machine"], typer.Option(help="Bars for people, or one JSON object a line for programs.")
    ] = "bars",
) -> None:
    """Make short versions of videos that keep what people find important.

    Writes NAME.summary.mp4 and NAME.summary.json for each video, and NAME.alternative-1.summary.mp4 and so on for
    --alternatives. A video that fails does not stop the others; the exit code is 1 if any failed.

    With --workers several are made at the same time, each in a process of its own, a manifest says what became of
    each, and the same command goes on where a run was stopped: see docs/archives.md.

    Example: summdiff summarize talk.mp4 holiday/ -o short --duration 60s
    """
    if budget is not None and duration is not None:
        raise UsageError("Give either --budget or --duration, not both.")
    if quiet and progress == "machine":
        raise UsageError("Give either --quiet or --progress machine, not both.")
    options = Options(
        budget=Options.budget if budget is None else budget,
        duration=None if duration is None else seconds(duration),
        samples=samples,
        steps=steps,
        seed=seed,
        value=value,
        min_shot=min_shot,
        max_shot=max_shot,
        keep=tuple(interval(text) for text in keep or ()),
        drop=tuple(interval(text) for text in drop or ()),
        alternatives=alternatives,
        loss=loss,
    )
    wanted = check_formats([name.strip() for name in formats.split(",") if name.strip()])
    sources = [*(videos or ()), *listed(from_file)]
    if not sources:
        raise UsageError("Name videos or folders, or a list of them with --from-file.")
    work = jobs(sources, output=output, recursive=recursive)
    if (keep or drop) and len(work) > 1:
        raise UsageError(f"--keep and --drop are times of one video, but there are {len(work)}: give one at a time.")
    check_apart(work, options, wanted)
    many = workers is not None or engine != "local"
    if not many and (manifest is not None or time_limit is not None or retry_failed):
        raise UsageError("--manifest, --time-limit and --retry-failed go with --workers or --engine ray.")
    limit = limit_seconds(time_limit)
    if many and manifest is None and output is None:
        raise UsageError("Name a folder for the results with -o, or a file for the manifest with --manifest.")
    pages = _index_folders(sources, output, work) if "html" in wanted else []
    if pages:
        from summdiff.export.html import check_index

        for folder in pages:
            check_index(folder, overwrite=overwrite)

    asked = {"model": model, "backbone": backbone, "rate": rate, "cache": not no_cache, "fast": fast}
    asked["device"] = device
    if many:
        known = None if features is None else features.absolute()
        there = Path(model).absolute() if Path(model).is_dir() else model  # workers may be in another folder
        task = Summarizing(asked | {"model": there}, options, wanted, overwrite, known)
        book = Manifest(manifest or (output or Path()) / "manifest.jsonl", "summarize", settings(task))
        load_summarizer(asked, features).load()  # what is missing for all of them is said before any work
        with book, archive_progress(quiet=quiet, machine=progress == "machine") as show:
            complete = run_archive(
                work,
                task,
                SummarizingResults(options, wanted, overwrite=overwrite),
                manifest=book,
                engine=engine,
                workers=workers,
                time_limit=limit,
                retry_failed=retry_failed,
                tell=show,
            )
            if pages:
                from summdiff.export.html import write_index

                for folder in pages:
                    show.index(write_index(folder))
        if not complete:
            raise typer.Exit(1)
        return

    summarizer = load_summarizer(asked, features)
    with reporter(quiet=quiet, machine=progress == "machine") as tell:
        failures = _run(work, summarizer, options, wanted, overwrite=overwrite, pages=pages, tell=tell)
    if failures:
        raise typer.Exit(1)


def _run(
    work: Sequence[Job],
    summarizer: Summarizer,
    options: Options,
    formats: Sequence[str],
    *,
    overwrite: bool,
    pages: Sequence[Path],
    tell: Reporter,
) -> int:
    """Check every job, then do those that can be done, then lead to the reports. Returns how many failed."""
    failed: list[tuple[Path, str]] = []
    ready: list[Job] = []
    for job in work:
        try:
            check_job(job, options, formats, overwrite=overwrite)
            ready.append(job)
        except SummdiffError as error:
            failed.append((job.video, str(error)))
            tell.failed(job.video, str(error))
    done: list[tuple[Path, Summary, list[Path]]] = []
    if ready:
        # What is missing for all of them is said once, before any work.
        summarizer.load()
    for job in ready:
        tell.start(job.video)
        try:
            began = time.perf_counter()
            summary, outputs = summarize_job(
                job, summarizer, options, formats, overwrite=overwrite, report=tell.progress
            )
            done.append((job.video, summary, outputs))
            tell.done(summary, outputs, time.perf_counter() - began)
        except SummdiffError as error:
            failed.append((job.video, str(error)))
            tell.failed(job.video, str(error))
    if done and pages:
        from summdiff.export.html import write_index

        for folder in pages:
            tell.index(write_index(folder))
    tell.close(done, failed)
    return len(failed)


def _index_folders(videos: Sequence[Path], output: Path | None, work: Sequence[Job]) -> list[Path]:
    """Folders that get a page which leads to their reports: where a batch goes to, else where it came from."""
    folders = [video for video in videos if video.is_dir()]
    if output is not None:
        return [output] if folders or len(work) > 1 else []
    return list(dict.fromkeys(folders))
