"""The importance curve as a drawing that stays sharp at any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.png import plot, quiet_about_glyphs
from summdiff.summary import Summary


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Draw the score plot as SVG. Text stays text, so that names in any script show with the reader's own fonts."""
    import matplotlib as mpl

    # A fixed salt and no date: the same summary gives the same file.
    with (
        written_whole(path) as temporary,
        quiet_about_glyphs(),
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "summdiff"}),
    ):
        plot(summary).savefig(temporary, format="svg", metadata={"Date": None})
