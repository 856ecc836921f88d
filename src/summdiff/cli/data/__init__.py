"""The commands of `summdiff data`: inspect, check and make files of annotated videos."""

from __future__ import annotations

import typer

from summdiff.cli.data.check import check
from summdiff.cli.data.convert import convert
from summdiff.cli.data.info import info
from summdiff.cli.data.make_synthetic import make_synthetic
from summdiff.cli.data.splits import splits

data = typer.Typer(
    name="data",
    help="Inspect and make files of annotated videos (TVSum, SumMe, Mr.HiSum, YouTube Highlights).",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
data.command(short_help="Show the content of a file.")(info)
data.command(short_help="Report everything wrong with a file.")(check)
data.command(short_help="Describe a file of splits, or make one.")(splits)
data.command(short_help="Make a file from videos and annotations, with any backbone.")(convert)
data.command(name="make-synthetic", short_help="Make a file in Mr.HiSum's format with synthetic importance.")(
    make_synthetic
)
