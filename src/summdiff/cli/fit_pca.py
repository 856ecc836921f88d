"""`summdiff fit-pca`: fit a PCA that whitens the features of a backbone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from summdiff.atomic import written_whole
from summdiff.cli._progress import one_line
from summdiff.errors import OutputError, UsageError, VideoError


def fit_pca(
    videos: Annotated[list[Path], typer.Argument(help="Videos to fit to, as varied as possible.", readable=False)],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The .safetensors file to write.", readable=False)
    ],
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="Backbone of the features; use the PCA with the same weights.")
    ] = "inception_v3",
    dimension: Annotated[int, typer.Option(min=1, metavar="K", help="Components to keep.")] = 1024,
    rate: Annotated[float, typer.Option(metavar="FPS", help="Frames per second of video.")] = 1.0,
) -> None:
    """Fit a PCA to the features of videos, for backbones that whiten (inception_v3_yt8m).

    A video that cannot be read is reported and skipped.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"'{out}' must end in .safetensors, the format that is written.")

    from summdiff.features import load_backbone
    from summdiff.features.extraction import extract
    from summdiff.features.pca import RunningCovariance

    # Fail before hours are spent on videos.
    if not out.parent.is_dir():
        raise OutputError(f"'{out}' cannot be written: there is no folder '{out.parent}'.")
    extractor = load_backbone(backbone)
    if dimension > extractor.dimension:
        raise UsageError(
            f"'{backbone}' gives features of {extractor.dimension} numbers, which have no {dimension} components."
        )
    moments = RunningCovariance(extractor.dimension)
    for video in videos:
        try:
            extracted = extract(video, extractor, rate=rate)
        except VideoError as error:
            print(f"summdiff: {one_line(str(error))} It is left out.", file=sys.stderr)
            continue
        moments.add(extracted.features)
        print(f"{one_line(str(video))}: {len(extracted.features)} pictures, {moments.count} in all", file=sys.stderr)
    if moments.count == 0:
        raise VideoError("None of the videos can be read.")
    content = moments.pca(dimension, backbone_id=extractor.id).to_bytes()
    with written_whole(out) as temporary:
        temporary.write_bytes(content)
    print(out)
