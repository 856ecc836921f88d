"""`summdiff data convert`: videos and their annotations as one file for training and evaluation."""

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
        list[Path], typer.Argument(help="Folders with the videos, or videos, named as in the annotations.")
    ],
    annotations: Annotated[
        Path,
        typer.Option(
            "-a",
            "--annotations",
            metavar="FILE|DIR",
            help="`ydata-tvsum50-anno.tsv` or `ydata-tvsum50.mat` (TVSum), the folder `GT` (SumMe), or a .csv or .json "
            "of your own, see docs/data-convert.md.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The .h5 file to write.", show_default=False)
    ],
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="What looks at the frames: efficientnet_lite0, `timm:<name>`, …")
    ] = DEFAULT_BACKBONE,
    every: Annotated[int, typer.Option(metavar="FRAMES", help="Frames from one step to the next.")] = 15,
    segments_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An .h5 of the same videos whose segments are taken.",
            show_default="computed by KTS",
        ),
    ] = None,
    segment_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Average length of the segments that are computed.")
    ] = 5.0,
    kind: Annotated[
        Literal["tvsum", "summe", "other"] | None,
        typer.Option(help="How the videos are numbered.", show_default="as the annotations are of"),
    ] = None,
    score_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Scores that annotators could give.",
            show_default="1 5 for TVSum, else the lowest and highest there is",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither use nor keep features of earlier runs.")
    ] = False,
) -> None:
    """Make a file for training and evaluation from videos and annotations, with the features of any backbone.

    The file has the field's usual keys. A video that fails does not stop the others and is left out; the exit code is 1
    if anything annotated is missing in the file. A run that was stopped goes on where it was.

    Scores compare with published ones only on the published segments: give them with --segments-from.

    Example: summdiff data convert ydata-tvsum50-video -a ydata-tvsum50-anno.tsv -o tvsum_dinov2.h5 --backbone
    timm:vit_small_patch14_dinov2.lvd142m --segments-from eccv16_dataset_tvsum_google_pool5.h5
    """
    from summdiff.data.convert import convert as run

    made = run(
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
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in made.problems:
        print(f"summdiff: {one_line(str(problem))}", file=sys.stderr)
    print(output)
    if made.problems:
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
