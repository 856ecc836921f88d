"""Writing a summary to files.

Each public module declares its formats in `FORMATS` and imports heavy libraries only in the functions that need them.
A module that is added here, or a plug-in in the entry-point group `summdiff.exports`, needs no other change.

- `mp4`, `json`: the short video, and everything that was decided
- `html`: a report; `write_index` writes the page that links several
- `pictures`, `animation`: curve, contact sheet, moving preview
- `text`: subtitles, chapters, lists for FFmpeg and yt-dlp
- `transcripts`: what is said, with times; `captions_of` divides it into captions
- `tables`: shots and scores as CSV
- `editors`, `fcpxml`: timelines for video editors
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from summdiff.export._caption_lines import captions_of
from summdiff.export._formats import (
    DEFAULT_FORMATS,
    Format,
    OnProgress,
    Writer,
    built_in_formats,
    check_formats,
    check_targets,
    format_names,
    save,
    targets,
)
from summdiff.export._report_index import check_index, write_index
from summdiff.export._strings import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from summdiff.summary import Summary

__all__ = [
    "DEFAULT_FORMATS",
    "Format",
    "OnProgress",
    "Writer",
    "built_in_formats",
    "captions_of",
    "check_formats",
    "check_index",
    "check_targets",
    "format_names",
    "plot",
    "printable",
    "save",
    "targets",
    "write_index",
]


def plot(summary: Summary) -> Figure:
    """Draw the importance curve with its uncertainty and the chosen parts.

    Raises:
        UsageError: matplotlib is missing.
    """
    check_formats(["png"])
    from summdiff.export.pictures import plot_scores

    return plot_scores(summary)
