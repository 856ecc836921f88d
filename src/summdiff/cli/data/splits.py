"""`summdiff data splits`: describe a file of splits, or make splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summdiff.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from summdiff.data.splits import Split


def splits(
    file: Annotated[
        Path | None,
        typer.Argument(help="A file of splits, JSON or YAML; none with --make.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The videos, HDF5: finds names that are not there.", show_default=False),
    ] = None,
    make: Annotated[
        bool, typer.Option("--make", help="Make splits of --data for true cross-validation and write --output.")
    ] = False,
    folds: Annotated[int, typer.Option(metavar="K", help="With --make: how many.")] = 5,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="With --make: of a fold's training videos, for validation.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="With --make: of the shuffling.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="With --make: the JSON to write.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --make: replace the file if it is there.")
    ] = False,
) -> None:
    """Say which videos splits test, how often, and which never.

    Published splits are mostly not a cross-validation: some videos are tested in several splits, many in none, and
    results on different split sets do not compare. A video that is in two parts of a split is an error.

    Example: summdiff data splits --make --data tvsum.h5 -o tvsum_5fold.json
    """
    from summdiff.data.datasets import open_dataset
    from summdiff.data.splits import k_fold, read_splits, write_splits

    names: tuple[str, ...] | None = None
    if data is not None:
        with open_dataset(data) as opened:
            names = opened.names
    if make:
        if names is None or output is None or file is not None:
            raise UsageError("To make splits, name the data and the file to write: --make --data FILE -o FILE.")
        if data is not None and output.exists() and output.samefile(data):
            raise UsageError(f"'{output}' is the data and would be overwritten: name another output.")
        if output.exists() and not overwrite:
            raise UsageError(f"'{output}' exists: name another output or add --overwrite.")
        made = k_fold(names, folds=folds, validation=validation, seed=seed)
        write_splits(output, made)
        print(output)
    else:
        if file is None or output is not None:
            raise UsageError("Name a file of splits to look at, or add --make to write one.")
        made = read_splits(file, names)
    _print(made, names)


def _print(made: Sequence[Split], names: tuple[str, ...] | None) -> None:
    from summdiff.data.splits import describe_splits

    print(f"{'split':<8}{'train':>7}{'validation':>12}{'test':>7}{'train elsewhere':>17}")
    for number, split in enumerate(made, 1):
        sizes = (len(split.train), len(split.validation), len(split.test), len(split.train_elsewhere))
        print(f"{number:<8}{sizes[0]:>7}{sizes[1]:>12}{sizes[2]:>7}{sizes[3]:>17}")
    coverage = describe_splits(made, names)
    print(f"{len(coverage.tested)} distinct videos are tested, {len(coverage.repeated)} of them more than once")
    if coverage.never and len(made) > 1:
        some = ", ".join(coverage.never[:5]) + (", …" if len(coverage.never) > 5 else "")
        print(f"{len(coverage.never)} are never tested: {some}")
    if len(made) > 1:
        print(
            "a cross-validation: every video is tested once" if coverage.is_cross_validation else "no cross-validation"
        )
