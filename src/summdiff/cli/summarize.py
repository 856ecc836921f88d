"""`summdiff summarize`: make short versions of videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from summdiff.cli._inputs import jobs, listed
from summdiff.cli._options import (
    DeviceOption,
    EngineOption,
    ExactOption,
    FastOption,
    FromFile,
    HwaccelOption,
    NoSound,
    ProgressOption,
    Quiet,
    Recursive,
    RetryFailed,
    TimeLimit,
    WorkersOption,
    interval,
    pair,
    seconds,
    share,
    size_bytes,
    time_limit_seconds,
)
from summdiff.cli._progress import run_display
from summdiff.errors import UsageError
from summdiff.export import DEFAULT_FORMATS, built_in_formats, check_formats, check_index, write_index
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL, Options

if TYPE_CHECKING:
    from summdiff.archive.jobs import VideoJob


def summarize(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos, folders with videos, or patterns in quotes.", show_default=False, readable=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the results.",
            show_default="beside each video",
            readable=False,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="Largest share of the video to keep: 0.15 or 15%.",
            show_default="0.15, but at least 5 s and at most 3 minutes",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Longest summary as a time: 60s, 1m30s, 1:30.", show_default=False),
    ] = None,
    select: Annotated[
        Literal["intervals", "shots"],
        typer.Option(
            help="What to select: the best intervals, wherever a cut is natural, and nothing twice; or whole shots, as "
            "in the literature, whose edges neither pauses nor sentences move."
        ),
    ] = Options.select,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME-TIME",
            help="A part to keep: 1:20-1:45, or 9:30- up to the end. Repeatable. Scores of the rest assume that this "
            "part is important.",
            show_default=False,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME-TIME", help="A part to leave out. Repeatable.", show_default=False),
    ] = None,
    alternatives: Annotated[
        int, typer.Option(metavar="K", help="Number of further summaries, as different as possible.")
    ] = Options.alternatives,
    loss: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the expected score that an alternative may lose.")
    ] = Options.loss,
    model: Annotated[
        str, typer.Option(metavar="ID|DIR", help="Model: 'default', or a folder that `summdiff train` wrote.")
    ] = DEFAULT_MODEL,
    samples: Annotated[
        int, typer.Option(metavar="M", help="Importance curves to draw, for the uncertainty and the alternatives.")
    ] = Options.samples,
    steps: Annotated[int, typer.Option(metavar="N", help="Denoising steps of each curve.")] = Options.steps,
    seed: Annotated[int, typer.Option(help="Seed of the curves' initial noise.")] = Options.seed,
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="Network that describes the frames: efficientnet_lite0, timm:NAME, …")
    ] = DEFAULT_BACKBONE,
    value: Annotated[
        Literal["sum", "mean"],
        typer.Option(
            help="With --select shots, the value of a shot: its importance summed over time, or the mean, which favors "
            "short shots."
        ),
    ] = Options.value,
    min_shot: Annotated[float, typer.Option(metavar="SECONDS", help="Shortest shot.")] = Options.min_shot,
    max_shot: Annotated[float, typer.Option(metavar="SECONDS", help="Longest shot.")] = Options.max_shot,
    rate: Annotated[float, typer.Option(metavar="FPS", help="Frames to describe per second of video.")] = 1.0,
    fast: FastOption = False,
    exact: ExactOption = False,
    hwaccel: HwaccelOption = "off",
    no_sound: NoSound = False,
    transition: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Dissolve between the parts of the written video, in picture and sound. The parts overlap, so the "
            "video gets shorter by as much at each join. 0 cuts.",
        ),
    ] = Options.transition,
    speech: Annotated[
        str,
        typer.Option(
            metavar="auto|off|ENGINE",
            help="Where the words come from: the video's subtitles, a .srt or .vtt file beside it, or recognition if "
            "summdiff[speech] is installed; off, nowhere; or an engine for recognition alone: moonshine, "
            "faster-whisper:DIR. With words, parts begin and end with sentences.",
        ),
    ] = Options.speech,
    transcript: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Subtitles with the words, such as talk.srt.", show_default=False),
    ] = Options.transcript,
    quality: Annotated[
        str,
        typer.Option(
            metavar="small|normal|high|0-51",
            help="Quality of the written video. Normal takes at most as many bytes per second as the source, small at "
            "most half, high what it needs; a number is a constant rate factor of H.264, 0 the best.",
        ),
    ] = str(Options.quality),
    max_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Largest size of the written video: 25MB, 800kB.", show_default=False),
    ] = None,
    keep_interlaced: Annotated[
        bool,
        typer.Option("--keep-interlaced", help="Write interlaced pictures as they are, for editors."),
    ] = False,
    keep_location: Annotated[
        bool,
        typer.Option("--keep-location", help="Keep where the video was filmed in the written video."),
    ] = False,
    frame: Annotated[
        Literal["film", "16:9", "1:1", "9:16"],
        typer.Option(help="Shape of the written picture: as it was filmed, or the largest window of another shape."),
    ] = Options.frame,
    crop: Annotated[
        str,
        typer.Option(metavar="X,Y", help="Where the window of --frame is, from 0,0 (top left) to 1,1 (bottom right)."),
    ] = "0.5,0.5",
    captions: Annotated[
        bool,
        typer.Option("--captions", help="Draw what is said into the pictures of the written video."),
    ] = False,
    about: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help='What the summary is to be about, such as "goals and the final score": moments where it is spoken of '
            "come first. Repeatable.",
            show_default=False,
        ),
    ] = None,
    about_model: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="A CLIP model in ONNX, to match pictures with --about as well.", show_default=False
        ),
    ] = Options.about_model,
    formats: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help=f"Formats, separated by commas: {', '.join(built_in_formats())}, or those of plug-ins; or all.",
        ),
    ] = ",".join(DEFAULT_FORMATS),
    from_file: FromFile = None,
    recursive: Recursive = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
    device: DeviceOption = "cpu",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not use or keep features of earlier runs.")] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="STORE", help="Store of `summdiff extract`; missing features are computed.", readable=False
        ),
    ] = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --workers or --engine ray: record of the run, so that the same command continues it.",
            show_default="manifest.jsonl in the folder for the results",
            readable=False,
        ),
    ] = None,
    time_limit: TimeLimit = None,
    retry_failed: RetryFailed = False,
    quiet: Quiet = False,
    progress: ProgressOption = "bars",
) -> None:
    """Make short versions of videos that keep what people find important.

    Writes NAME.summary.mp4 and NAME.summary.json for each video, and NAME.alternative-1.summary.mp4 and so on for
    --alternatives. A video that fails does not stop the others; the exit code is 1 if any failed.

    With --workers several videos are processed at the same time, each in its own process. A manifest records the
    outcome of each, and the same command continues a run that was stopped: see docs/archives.md.

    Example: summdiff summarize talk.mp4 holiday/ -o short --duration 60s
    """
    from summdiff.archive.dispatch import make_workers, run_jobs
    from summdiff.archive.manifest import Manifest, RunState
    from summdiff.archive.summarizing import (
        SummarizeResults,
        SummarizeWork,
        check_job,
        check_no_input_replaced,
        check_outputs,
        load_summarizer,
    )
    from summdiff.archive.workers import ThisProcess

    if budget is not None and duration is not None:
        raise UsageError("Give either --budget or --duration, not both.")
    if quiet and progress == "machine":
        raise UsageError("Give either --quiet or --progress machine, not both.")
    options = Options(
        budget=budget,
        duration=None if duration is None else seconds(duration),
        select=select,
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
        sound=not no_sound,
        transition=transition,
        speech=speech,
        transcript=transcript,
        quality=int(quality) if quality.isdecimal() else quality,  # type: ignore[arg-type]
        max_size=None if max_size is None else size_bytes(max_size),
        about=tuple(about or ()),
        about_model=about_model,
        keep_interlaced=keep_interlaced,
        keep_location=keep_location,
        captions=captions,
        frame=frame,
        crop=pair(crop),
    )
    format_names = check_formats([name.strip() for name in formats.split(",") if name.strip()])
    sources = [*(videos or ()), *listed(from_file)]
    if not sources:
        raise UsageError("Name videos or folders, or a list of them with --from-file.")
    work = jobs(sources, output=output, recursive=recursive, alternatives=alternatives)
    if transcript is not None and len(work) > 1:
        raise UsageError(f"--transcript is for one video, but there are {len(work)}: give one at a time.")
    if (keep or drop) and len(work) > 1:
        raise UsageError(f"--keep and --drop are for one video, but there are {len(work)}: give one at a time.")
    check_no_input_replaced(work, options, format_names)
    many = workers is not None or engine != "local"
    if not many and (manifest is not None or time_limit is not None or retry_failed):
        raise UsageError("--manifest, --time-limit and --retry-failed need --workers or --engine ray.")
    limit = time_limit_seconds(time_limit)
    if many and manifest is None and output is None:
        raise UsageError("Name a folder for the results with -o, or a file for the manifest with --manifest.")
    index_folders = _index_folders(sources, output, work) if "html" in format_names else []
    if index_folders:
        for folder in index_folders:
            check_index(folder, overwrite=overwrite)

    arguments = {
        "model": model,
        "backbone": backbone,
        "rate": rate,
        "cache": not no_cache,
        "fast": fast,
        "exact": exact,
        "hwaccel": hwaccel,
        "device": device,
    }
    if transcript is not None or about or speech not in ("auto", "off"):
        from summdiff.words import check_words

        check_words(options)
    summarizer = load_summarizer(arguments, features)
    display = run_display(quiet=quiet, machine=progress == "machine", workers=many)
    results = SummarizeResults(options, format_names, overwrite=overwrite)
    if many:
        summarizer.load()  # missing models are reported before any work
        model_argument = Path(model).absolute() if Path(model).is_dir() else model  # workers may be in another folder
        store = None if features is None else features.absolute()
        task = SummarizeWork(arguments | {"model": model_argument}, options, format_names, overwrite, store)
        path = manifest or (output or Path()) / "manifest.jsonl"
        state: RunState = Manifest(path, "summarize", task.settings())
    else:
        task = SummarizeWork(arguments, options, format_names, overwrite, loaded=summarizer, checked=len(work) == 1)
        path, state = None, RunState()

    def check(job: VideoJob) -> None:
        if len(work) == 1 and not many:
            check_job(job, options, format_names, overwrite=overwrite)
        elif not many:  # each video is read when its turn comes
            check_outputs(job, options, format_names, overwrite=overwrite)

    with state, display:
        crew = make_workers(task, engine, workers) if many else ThisProcess(task, display.stage)
        counts = run_jobs(work, crew, results, state, display, check=check, time_limit=limit, retry_failed=retry_failed)
        if index_folders and counts.done + counts.before:
            for folder in index_folders:
                display.index(write_index(folder))
        display.end(counts, workers=crew.count, manifest=path)
    if not counts.complete:
        raise typer.Exit(1)


def _index_folders(videos: Sequence[Path], output: Path | None, work: Sequence[VideoJob]) -> list[Path]:
    """Return the folders that get an index page of their reports: the output folder, else the input folders."""
    folders = [video for video in videos if video.is_dir()]
    if output is not None:
        return [output] if folders or len(work) > 1 else []
    return list(dict.fromkeys(folders))
