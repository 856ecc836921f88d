"""`summdiff extract`: the features of many videos in one store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
from summdiff.cli.inputs import jobs, listed
from summdiff.errors import UsageError
from summdiff.options import DEFAULT_BACKBONE


def extract(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="STORE", help="Folder of the store.", show_default=False)
    ],
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos, folders with videos, or patterns in quotes.", show_default=False),
    ] = None,
    from_file: FromFile = None,
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Also look into sub-folders.")] = False,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    time_limit: TimeLimit = None,
    retry_failed: RetryFailed = False,
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="What looks at the frames: efficientnet_lite0, timm:NAME, …")
    ] = DEFAULT_BACKBONE,
    rate: Annotated[float, typer.Option(metavar="FPS", help="Frames looked at per second of video.")] = 1.0,
    device: DeviceOption = "cpu",
    shard_mb: Annotated[
        float, typer.Option(metavar="MB", help="Size of the files that the store is made of.", min=0.001)
    ] = 256.0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but what failed.")] = False,
    progress: Annotated[
        Literal["bars", "machine"], typer.Option(help="A bar for people, or one JSON object a line for programs.")
    ] = "bars",
) -> None:
    """Look at many videos and keep their features in one store, for `summdiff summarize --features STORE` or Python.

    The same command goes on where a run was stopped. A video that cannot be read, kills its worker or takes too long
    is set aside; STORE/manifest.jsonl says why, and the exit code is 1 then.

    Without --workers there is one for each core.

    Example: summdiff extract films/ --recursive -o features --workers 4
    """
    if quiet and progress == "machine":
        raise UsageError("Give either --quiet or --progress machine, not both.")
    if not 0.25 <= rate <= 8:
        raise UsageError(f"The rate must be between 0.25 and 8 steps per second, not {rate:g}.")
    limit = limit_seconds(time_limit)
    sources = [*(videos or ()), *listed(from_file)]
    if not sources:
        raise UsageError("Name videos or folders, or a list of them with --from-file.")
    work = jobs(sources, output=output, recursive=recursive)

    from summdiff.archive.extraction import MANIFEST, Extraction, ExtractionResults, settings
    from summdiff.archive.manifest import Manifest
    from summdiff.features import load_backbone
    from summdiff.features.store import StoreWriter

    # What is missing for all of them is said before any work.
    identifier = load_backbone(backbone, threads=1, device=device).id
    about = settings(backbone=identifier, rate=rate)
    store = output.absolute()
    show = archive_progress(quiet=quiet, machine=progress == "machine")
    with Manifest(store / MANIFEST, "extract", about) as manifest, show:
        complete = run_archive(
            work,
            Extraction(store, backbone, rate, device),
            ExtractionResults(StoreWriter(store, backbone=identifier, rate=rate, shard_bytes=round(shard_mb * 1e6))),
            manifest=manifest,
            engine=engine,
            workers=workers,
            time_limit=limit,
            retry_failed=retry_failed,
            tell=show,
        )
    if not complete:
        raise typer.Exit(1)
