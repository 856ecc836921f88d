"""`summdiff data make-synthetic`: a file of Mr.HiSum's form with planted importance."""

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
    output: Annotated[Path, typer.Argument(help="The file; its split is written beside it.")] = Path(
        "synthetic_mr_hisum.h5"
    ),
    videos: Annotated[int, typer.Option(metavar="N", help="How many; Mr.HiSum has 31892.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is in it.")] = 0,
    seconds: Annotated[
        tuple[int, int], typer.Option(metavar="LEAST MOST", help="Length of a video, one step a second.")
    ] = (120, 300),
    dimension: Annotated[int, typer.Option(metavar="D", help="Of the features.")] = 1024,
    dtype: Annotated[Precision, typer.Option(help="Of the features.")] = Precision.float16,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a data set of Mr.HiSum's form, of any size, to try out training and evaluation.

    Importance is planted: part of it can be read from the features, part cannot. Nothing in it is of a real video, so
    results on it say nothing of how good a model is.
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
