"""The `summdiff` command and its error messages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from summdiff._version import __version__
from summdiff.cli._progress import one_line
from summdiff.cli.crossval import crossval
from summdiff.cli.data import data
from summdiff.cli.doctor import doctor
from summdiff.cli.evaluate import evaluate
from summdiff.cli.export_graphs import export_graphs
from summdiff.cli.extract import extract
from summdiff.cli.fit_pca import fit_pca
from summdiff.cli.recipes import recipes
from summdiff.cli.reproduce import reproduce
from summdiff.cli.serve import serve
from summdiff.cli.summarize import summarize
from summdiff.cli.train import train
from summdiff.errors import SummdiffError, UsageError

_INTERRUPTED = 130  # exit code of Typer after Ctrl+C

_VERBS: dict[str, Callable[..., None]] = {
    "summarize": summarize,
    "extract": extract,
    "serve": serve,
    "train": train,
    "crossval": crossval,
    "recipes": recipes,
    "evaluate": evaluate,
    "reproduce": reproduce,
    "export-graphs": export_graphs,
    "fit-pca": fit_pca,
    "doctor": doctor,
}


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"summdiff {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn a long video into a short one that keeps what people find important."""


def make_app(only: str | None = None) -> typer.Typer:
    """Make the command line, or as much of it as one verb needs: describing all verbs takes longer than most imports.

    Args:
        only: a verb; None for all.
    """
    made = typer.Typer(
        name="summdiff",
        no_args_is_help=True,
        rich_markup_mode="markdown",  # joins the lines of a paragraph
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_common)
    for name, verb in _VERBS.items():
        if only in (None, name):
            made.command(name)(verb)
    if only in (None, "data"):
        made.add_typer(data)
    return made


app = make_app()


def main() -> None:
    """Run the command line. An error is one sentence, with exit code 2 for a wrong option and 1 otherwise."""
    asked = sys.argv[1] if len(sys.argv) > 1 else None
    try:
        (make_app(asked) if asked in {*_VERBS, "data"} else app)()
    except UsageError as error:
        print(f"summdiff: {one_line(str(error))}", file=sys.stderr)
        sys.exit(2)
    except SummdiffError as error:
        print(f"summdiff: {one_line(str(error))}", file=sys.stderr)
        sys.exit(1)
    except SystemExit as leave:
        if leave.code == _INTERRUPTED:
            print("summdiff: stopped; no half-written files remain.", file=sys.stderr)
        raise
