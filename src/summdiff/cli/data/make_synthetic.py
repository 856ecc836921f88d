"""`summdiff data make-synthetic`: make a file in Mr.HiSum's format with synthetic importance."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from summdiff.cli._progress import count_bar
from summdiff.errors import UsageError


class Precision(StrEnum):
    """Storage type of features."""

    float16 = "float16"
    float32 = "float32"


def make_synthetic(
    output: Annotated[Path, typer.Argument(help="The file; its split is written beside it.", readable=False)] = Path(
        "synthetic_mr_hisum.h5"
    ),
    videos: Annotated[int, typer.Option(metavar="N", help="Number of videos; Mr.HiSum has 31892.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random content.")] = 0,
    seconds: Annotated[
        tuple[int, int], typer.Option(metavar="LEAST MOST", help="Shortest and longest video, one step per second.")
    ] = (120, 300),
    dimension: Annotated[int, typer.Option(metavar="D", help="Dimension of the features.")] = 1024,
    dtype: Annotated[Precision, typer.Option(help="Storage type of the features.")] = Precision.float16,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Make a data set in Mr.HiSum's format, of any size, to try out training and evaluation.

    The features explain a part of the importance; the rest is random. No real video is involved, so results on it say
    nothing about the quality of a model.
    """
    from summdiff.data.synthetic import make_synthetic as make
    from summdiff.data.synthetic import split_path

    if output.is_dir():
        raise UsageError(f"'{output}' is a folder: name the .h5 file to write.")
    for path in (output, split_path(output)):
        if path.exists() and not overwrite:
            raise UsageError(f"'{path}' exists: name another output or add --overwrite.")
    with count_bar("writing") as on_progress:
        split = make(
            output,
            videos=videos,
            seed=seed,
            min_seconds=seconds[0],
            max_seconds=seconds[1],
            dimension=dimension,
            dtype="float16" if dtype is Precision.float16 else "float32",
            on_progress=lambda done: on_progress(done, videos),
        )
    print(output)
    print(split)
