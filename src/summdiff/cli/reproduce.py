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
            metavar="table1|...|table7|figure3|all|docs",
            help="What to make; docs writes docs/results.md from what is in the results.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="HDF5 of a data set, maybe several times. [default: those in $SUMMDIFF_DATA]"
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Split of a Mr.HiSum file. [default: <name>_split.json beside it, or folds]"),
    ] = None,
    seeds: Annotated[
        list[str] | None, typer.Option(metavar="0,1,2", help="One training of each cell for each. [default: 0]")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny version of everything, in minutes; its numbers mean nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be trained, and how long that takes here.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the tables go, or are. [default: results, quick: results-quick]"),
    ] = None,
    document: Annotated[Path, typer.Option(metavar="FILE", help="What docs writes.")] = Path("docs/results.md"),
    cells: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where what is trained is kept. [default: runs/reproduce]")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A field to change in every recipe, maybe several times."),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Folds trained at the same time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Of the processor, for each process.")] = 1,
    accelerator: Annotated[str, typer.Option(metavar="cpu|cuda|mps|auto", help="Where networks learn.")] = "auto",
) -> None:
    """Make the paper's tables and figures: train what has to be trained, judge it, set it beside the paper's numbers.

    Without --data these are of TVSum and YouTube Highlights, in the folder $SUMMDIFF_DATA. What is trained is kept, by
    recipe and data: tables share it, Ctrl-C stops cleanly, and the same command goes on from there. Each table gets a
    folder with CSV, Markdown, a JSON file that says how it came about, and a page, README.md.
    """
    from summdiff.research.reproduce.progress import Progress
    from summdiff.research.reproduce.reproduce import Request, write_document
    from summdiff.research.reproduce.reproduce import reproduce as run
    from summdiff.research.training.processes import Interrupted

    if "docs" in names:
        if len(names) > 1:
            raise UsageError("docs is made of what is there already: ask for it by itself.")
        print(write_document(output or Path("results-quick" if quick else "results"), document))
        return
    if accelerator not in ("cpu", "cuda", "mps", "auto"):
        raise UsageError(f"There is no accelerator '{accelerator}': use cpu, cuda, mps or auto.")
    asked = Request(
        names,
        data=data or (),
        split=split,
        seeds=read_seeds(seeds or ["0"]),
        quick=quick,
        output=output,
        cells=cells,
        overrides=overrides or (),
        place={"accelerator": accelerator, "threads": threads},
        processes=processes,
        command=" ".join(["summdiff", *sys.argv[1:]]),
    )
    try:
        for page in run(asked, dry_run=dry_run, progress=Progress()):
            print(page)
    except Interrupted as stop:
        print(f"summdiff: {stop}", file=sys.stderr)
        raise typer.Exit(stop.exit_code) from stop
