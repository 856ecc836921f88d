"""The importance curve as a picture."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from summdiff.atomic import written_whole
from summdiff.export.names import plain
from summdiff.export.times import clock
from summdiff.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CURVE, _CHOSEN, _LIKELY, _EDGE = "#1f4e8c", "#f2a93b", "#a35c00", "#6b7580"
_MOST_SHOTS = 400  # more edges than this would be a bar
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds between labels


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Draw the score plot as PNG."""
    with written_whole(path) as temporary, quiet_about_glyphs():
        plot(summary).savefig(temporary, format="png", dpi=150)


@contextmanager
def quiet_about_glyphs() -> Iterator[None]:
    """Matplotlib's font lacks many scripts; a name in one of them is no reason for a warning on the command line."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def plot(summary: Summary) -> Figure:
    """Importance over time with the band of one standard deviation; the chosen parts are shaded.

    Shots are blocks at the bottom, the darker the more of the samples have them in their own summary.
    """
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    times, mean, std = (np.array(row) for row in (summary.scores.times, summary.scores.mean, summary.scores.std))
    # Drawn as steps: a score holds until the next one.
    edges = np.append(times, summary.video.duration)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots()
    for part in summary.selection:
        axes.axvspan(part.start, part.end, color=_CHOSEN, alpha=0.45, linewidth=0)
    axes.broken_barh(
        [(shot.start, shot.duration) for shot in summary.shots],
        (0, 0.05),
        transform=axes.get_xaxis_transform(),
        facecolors=[to_rgba(_LIKELY, shot.probability) for shot in summary.shots],
        edgecolors=_EDGE,
        linewidth=0.5 if len(summary.shots) <= _MOST_SHOTS else 0,
    )
    axes.stairs(mean + std, edges, baseline=mean - std, fill=True, color=_CURVE, alpha=0.2)
    axes.stairs(mean, edges, baseline=None, color=_CURVE, linewidth=1.4)
    low, high = float((mean - std).min()), float((mean + std).max())
    margin = 0.15 * (high - low) + 0.02
    axes.set(xlim=(0, summary.video.duration), ylim=(max(low - margin, 0), min(high + margin, 1)), ylabel="importance")
    step = next((step for step in _TICKS if summary.video.duration / step <= 10), _TICKS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
    axes.spines[["top", "right"]].set_visible(False)
    # The name is data, not markup: matplotlib would read $…$ as mathematics.
    name = plain(Path(summary.video.path).name).replace("$", r"\$")
    chosen, whole = clock(summary.selected_duration), clock(summary.video.duration)
    axes.set_title(f"{name}: {chosen} of {whole} chosen", loc="left", fontsize=10)
    return figure
