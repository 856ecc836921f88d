"""`summdiff data splits`: describe a file of splits, or make splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summdiff.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from summdiff.data.splits import Split


def splits(
    file: Annotated[
        Path | None,
        typer.Argument(help="A file of splits, JSON or YAML; not with --make.", show_default=False, readable=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="HDF5 file of the videos; unknown names in the splits are an error.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    make: Annotated[
        bool, typer.Option("--make", help="Make splits of --data for true cross-validation and write --output.")
    ] = False,
    folds: Annotated[int, typer.Option(metavar="K", help="With --make: number of folds.")] = 5,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="With --make: share of a fold's training videos used for validation.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="With --make: seed of the shuffling.")] = 0,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out videos that --data lacks; else they are an error.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="With --make: JSON file to write.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --make: replace an existing file.")] = False,
) -> None:
    """Show how often splits test each video, and which videos they never test.

    Most published splits are no cross-validation: some videos are tested in several splits, many in none, and results
    on different sets of splits are not comparable. A video in two parts of one split is an error.

    Example: summdiff data splits --make --data tvsum.h5 -o tvsum_5fold.json
    """
    from summdiff.data.datasets import open_dataset
    from summdiff.data.names import VideoNames
    from summdiff.data.splits import k_fold, read_splits, write_splits

    names: tuple[str, ...] | None = None
    find: Callable[[str], str | None] = str
    if data is not None:
        with open_dataset(data) as opened:
            names, find = opened.names, VideoNames(opened).find
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
            raise UsageError("Name a file of splits to read, or add --make to write one.")
        made = read_splits(file, names, find=find, drop=drop_missing)
        if drop_missing and names is not None:
            print_left_out(read_splits(file), names, find)
    _print(made, names)


def print_left_out(whole: Sequence[Split], names: Collection[str], find: Callable[[str], str | None]) -> None:
    """Print which videos of splits are not in the data."""
    listed = {name for split in whole for name in split.train + split.validation + split.test}
    missing = sorted(name for name in listed if name not in names and find(name) is None)
    if missing:
        print(f"{len(missing)} videos that the data lacks are left out: {', '.join(missing)}")


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
