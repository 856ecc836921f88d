"""`summdiff reproduce`: the paper's tables and figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from summdiff.cli.crossval import read_seeds
from summdiff.errors import UsageError


def reproduce(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="table1|...|table7|figure3|all|STUDY|FILE.yaml",
            help="Tables and figures of the paper, our own measurements (docs/reproduce.md), or a file of tables.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="HDF5 file of a data set; may be repeated. [default: those in $SUMMDIFF_DATA]",
            readable=False,
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Split of a Mr.HiSum file. [default: <name>_split.json beside it, or folds]",
            readable=False,
        ),
    ] = None,
    seeds: Annotated[
        list[str] | None, typer.Option(metavar="0,1,2", help="Train each system once for each seed. [default: 0]")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny version of everything, in minutes; its numbers mean nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be trained, and how long it takes.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the results. [default: results, quick: results-quick]", readable=False
        ),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder of the trained systems. [default: runs/reproduce]", readable=False),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a field of every recipe; may be repeated."),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Folds trained at the same time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="CPU threads of each process.")] = 1,
    accelerator: Annotated[str, typer.Option(metavar="cpu|cuda|mps|auto", help="Where networks train.")] = "auto",
) -> None:
    """Make the paper's tables and figures: train and judge missing systems and compare with the paper's numbers.

    Without --data the data sets are TVSum and YouTube Highlights in $SUMMDIFF_DATA. Trained systems are kept and shared
    by the tables. Ctrl-C stops; the same command continues. Each table gets a folder with CSV, Markdown, a JSON file
    with its provenance, and a page, README.md.
    """
    from summdiff.research.reproduce import ProgressLines, ReproduceRequest
    from summdiff.research.reproduce import reproduce as run
    from summdiff.research.training.processes import Interrupted

    if accelerator not in ("cpu", "cuda", "mps", "auto"):
        raise UsageError(f"There is no accelerator '{accelerator}': use cpu, cuda, mps or auto.")
    request = ReproduceRequest(
        names,
        data=data or (),
        split=split,
        seeds=read_seeds(seeds or ["0"]),
        quick=quick,
        output=output,
        runs=runs,
        changes=overrides or (),
        place={"accelerator": accelerator, "threads": threads},
        processes=processes,
        command=" ".join(["summdiff", *sys.argv[1:]]),
    )
    try:
        for page in run(request, dry_run=dry_run, progress=ProgressLines()):
            print(page)
    except Interrupted as stop:
        print(f"summdiff: {stop}", file=sys.stderr)
        raise typer.Exit(stop.exit_code) from stop
