"""`summdiff extract`: compute the features of many videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from summdiff.cli._inputs import jobs, listed
from summdiff.cli._options import (
    DeviceOption,
    EngineOption,
    FromFile,
    NoSound,
    ProgressOption,
    Quiet,
    Recursive,
    RetryFailed,
    TimeLimit,
    WorkersOption,
    time_limit_seconds,
)
from summdiff.cli._progress import run_display
from summdiff.errors import UsageError
from summdiff.options import DEFAULT_BACKBONE


def extract(
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="STORE", help="Folder of the store.", show_default=False, readable=False
        ),
    ],
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos, folders with videos, or patterns in quotes.", show_default=False, readable=False),
    ] = None,
    from_file: FromFile = None,
    recursive: Recursive = False,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    time_limit: TimeLimit = None,
    retry_failed: RetryFailed = False,
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="Network that describes the frames: efficientnet_lite0, timm:NAME, …")
    ] = DEFAULT_BACKBONE,
    rate: Annotated[float, typer.Option(metavar="FPS", help="Frames to describe per second of video.")] = 1.0,
    no_sound: NoSound = False,
    device: DeviceOption = "cpu",
    shard_mb: Annotated[float, typer.Option(metavar="MB", help="Size of each file of the store.", min=0.001)] = 256.0,
    quiet: Quiet = False,
    progress: ProgressOption = "bars",
) -> None:
    """Compute the features of many videos into one store, for `summdiff summarize --features STORE` or Python.

    The same command continues a run that was stopped. A video that cannot be read, kills its worker or takes too long
    is set aside; STORE/manifest.jsonl says why, and the exit code is 1.

    The default is one worker per core.

    Example: summdiff extract films/ --recursive -o features --workers 4
    """
    if quiet and progress == "machine":
        raise UsageError("Give either --quiet or --progress machine, not both.")
    if not 0.25 <= rate <= 8:
        raise UsageError(f"The rate must be between 0.25 and 8 steps per second, not {rate:g}.")
    limit = time_limit_seconds(time_limit)
    sources = [*(videos or ()), *listed(from_file)]
    if not sources:
        raise UsageError("Name videos or folders, or a list of them with --from-file.")
    work = jobs(sources, output=output, recursive=recursive)

    from summdiff.archive.dispatch import make_workers, run_jobs
    from summdiff.archive.extracting import ExtractResults, ExtractWork
    from summdiff.archive.manifest import Manifest
    from summdiff.features import load_backbone
    from summdiff.features.store import StoreWriter

    identifier = load_backbone(backbone, threads=1, device=device).id  # a missing one is reported before any work
    store = output.absolute()
    task = ExtractWork(store, backbone, rate, device, sound=not no_sound)
    manifest = Manifest(store / "manifest.jsonl", "extract", {"backbone": identifier, "rate": rate})
    display = run_display(quiet=quiet, machine=progress == "machine", workers=True)
    with manifest, display:
        results = ExtractResults(StoreWriter(store, backbone=identifier, rate=rate, shard_bytes=round(shard_mb * 1e6)))
        crew = make_workers(task, engine, workers)
        counts = run_jobs(work, crew, results, manifest, display, time_limit=limit, retry_failed=retry_failed)
        display.end(counts, workers=crew.count, manifest=manifest.path)
    if not counts.complete:
        raise typer.Exit(1)
