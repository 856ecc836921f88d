"""`summdiff data convert`: make a file for training and evaluation from videos and annotations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from summdiff.cli._inputs import jobs
from summdiff.cli._progress import one_line
from summdiff.options import DEFAULT_BACKBONE

if TYPE_CHECKING:
    from summdiff.data.convert import ConvertedVideo


def convert(
    videos: Annotated[
        list[Path],
        typer.Argument(help="Folders with the videos, or videos, named as in the annotations.", readable=False),
    ],
    annotations: Annotated[
        Path,
        typer.Option(
            "-a",
            "--annotations",
            metavar="FILE|DIR",
            help="`ydata-tvsum50-anno.tsv` or `ydata-tvsum50.mat` (TVSum), the folder `GT` (SumMe), or a .csv or .json "
            "file (docs/data-convert.md).",
            show_default=False,
            readable=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The .h5 file to write.", show_default=False, readable=False
        ),
    ],
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="Network that describes the frames: efficientnet_lite0, `timm:<name>`, …")
    ] = DEFAULT_BACKBONE,
    every: Annotated[int, typer.Option(metavar="FRAMES", help="Frames from one step to the next.")] = 15,
    segments_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An .h5 file of the same videos, to use its segments.",
            show_default="computed by KTS",
            readable=False,
        ),
    ] = None,
    segment_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Average length of computed segments.")
    ] = 5.0,
    kind: Annotated[
        Literal["tvsum", "summe", "other"] | None,
        typer.Option(help="Numbering of the videos.", show_default="from the annotations"),
    ] = None,
    score_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Range of the annotators' scores.",
            show_default="1 5 for TVSum, else the lowest and highest score",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not use or keep features of earlier runs.")] = False,
) -> None:
    """Make a file for training and evaluation from videos and annotations, with the features of any backbone.

    The file has the usual keys of public files. A video that fails is left out and does not stop the others; the exit
    code is 1 if an annotated video is missing from the file. The same command continues a run that was stopped.

    Results are comparable with published ones only on the published segments: add --segments-from.

    Example: summdiff data convert ydata-tvsum50-video -a ydata-tvsum50-anno.tsv -o tvsum_dinov2.h5 --backbone
    timm:vit_small_patch14_dinov2.lvd142m --segments-from eccv16_dataset_tvsum_google_pool5.h5
    """
    from summdiff.data.convert import convert as run

    result = run(
        [job.video for job in jobs(videos, output=None, recursive=None)],
        annotations,
        output,
        backbone=backbone,
        every=every,
        kind=kind,
        segments_from=segments_from,
        segment_seconds=segment_seconds,
        score_range=score_range,
        cache=not no_cache,
        overwrite=overwrite,
        on_video=lambda outcome: print(one_line(describe(outcome)), file=sys.stderr, flush=True),
    )
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in result.problems:
        print(f"summdiff: {one_line(str(problem))}", file=sys.stderr)
    print(output)
    if result.problems:
        raise typer.Exit(1)


def describe(outcome: ConvertedVideo) -> str:
    """Describe the result of a video in one line."""
    line = f"[{outcome.position}/{outcome.total}] {outcome.name}: "
    if outcome.problem is not None:
        return f"{line}left out"
    how = "features from the cache" if outcome.cached else f"{outcome.seconds:.1f} s"
    return (
        f"{line}{outcome.group}, {outcome.n_frames} frames, {outcome.n_steps} steps, "
        f"{outcome.n_segments} segments ({how})"
    )
