"""`summdiff data check`: report everything wrong with a file of annotated videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from summdiff.cli._progress import count_bar, one_line


def check(
    file: Annotated[Path, typer.Argument(help="A file of annotated videos, HDF5.", show_default=False)],
    kind: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="tvsum, summe, mr_hisum or youtube_highlights.", show_default="by its keys"),
    ] = None,
    features: Annotated[bool, typer.Option(help="Read all features too; without, only their shapes, quickly.")] = True,
    processes: Annotated[int | None, typer.Option(min=1, metavar="N", help="That read at the same time.")] = None,
    shown: Annotated[int, typer.Option(min=0, metavar="N", help="Problems to show at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, all problems included.")] = False,
) -> None:
    """Look at every key of every video, and list all that is wrong. Leaves with code 1 if anything is.

    Shapes, value ranges, segments that cover the video, and whether keys agree with each other: for instance whether
    `gt_summary` is what the knapsack makes of `gtscore`, and by which convention of segment ends.
    """
    from summdiff.data.check import check as look

    with count_bar("checking") as on_progress:
        report = look(file, kind, features=features, processes=processes, on_progress=on_progress)
    if as_json:
        print(json.dumps(report.as_json(), indent=1))
        raise typer.Exit(bool(report.problems))
    for name, value in report.facts().items():
        print(f"{name:<12}{one_line(str(value))}")
    for text, rule in report.rules.items():
        exactly = "" if rule.exactly is None else f", exactly so in {rule.exactly}"
        print(f"{text}: {rule.kept} of {rule.videos} videos{exactly}")
    if not report.problems:
        print("no problems")
        return
    print(f"{len(report.problems)} problem{'s' * (len(report.problems) > 1)}:")
    for problem in report.problems[:shown]:
        print(f"  {one_line(str(problem))}")
    if len(report.problems) > shown:
        print(f"  and {len(report.problems) - shown} more; --shown {len(report.problems)} or --json lists them all")
    raise typer.Exit(1)
