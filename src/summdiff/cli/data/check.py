"""`summdiff data check`: report everything wrong with a file of annotated videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from summdiff.cli._progress import count_bar, one_line


def check(
    file: Annotated[Path, typer.Argument(help="A file of annotated videos, HDF5.", show_default=False, readable=False)],
    kind: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="tvsum, summe, mr_hisum or youtube_highlights.", show_default="by its keys"),
    ] = None,
    features: Annotated[
        bool, typer.Option(help="Read all features; otherwise only their shapes, which is fast.")
    ] = True,
    fps: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Frames per second of videos whose file states none.", show_default="known"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes that read at the same time.")
    ] = None,
    shown: Annotated[int, typer.Option(min=0, metavar="N", help="Largest number of problems to print.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, all problems included.")] = False,
) -> None:
    """Check every key of every video and list all problems. The exit code is 1 if there is any.

    Checks shapes, value ranges, that segments cover the video, and that keys agree with each other: for instance that
    `gt_summary` is the knapsack's selection by `gtscore`, and by which convention of segment ends. Also says what
    cannot be done with the file, for lack of keys; that is no problem.
    """
    from summdiff.data.check import check as look

    with count_bar("checking") as on_progress:
        report = look(file, kind, features=features, fps=fps, processes=processes, on_progress=on_progress)
    if as_json:
        print(json.dumps(report.as_json(), indent=1))
        raise typer.Exit(bool(report.problems))
    for name, value in report.facts().items():
        print(f"{name:<12}{one_line(str(value))}")
    for text, rule in report.rules.items():
        exactly = "" if rule.exactly is None else f", exactly in {rule.exactly}"
        print(f"{text}: {rule.kept} of {rule.videos} videos{exactly}")
    for sentence in report.impossible:
        print(f"not possible with this file: {one_line(sentence)}")
    if not report.problems:
        print("no problems")
        return
    print(f"{len(report.problems)} problem{'s' * (len(report.problems) > 1)}:")
    for problem in report.problems[:shown]:
        print(f"  {one_line(str(problem))}")
    if len(report.problems) > shown:
        print(f"  and {len(report.problems) - shown} more; --shown {len(report.problems)} or --json lists them all")
    raise typer.Exit(1)
