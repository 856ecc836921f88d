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
    help="Look at files of annotated videos (TVSum, SumMe, Mr.HiSum, YouTube Highlights), and make them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
data.command(short_help="What a file holds.")(info)
data.command(short_help="Whether a file is what it should be: all that is wrong with it.")(check)
data.command(short_help="What a file of splits tests; new splits.")(splits)
data.command(short_help="A file from videos and annotations, with the features of any backbone.")(convert)
data.command(name="make-synthetic", short_help="A file of Mr.HiSum's form with planted importance.")(make_synthetic)
