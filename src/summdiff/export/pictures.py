"""The importance curve as PNG and SVG, and a contact sheet of the chosen shots."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import cut_of, evenly_spread, key_moments, pictures_at
from summdiff.export._strings import printable
from summdiff.summary import Summary, clock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CURVE, _CHOSEN, _LIKELY, _EDGE = "#2b5c9e", "#f0a828", "#8a5800", "#5a6274"
_MAX_OUTLINED_SHOTS = 400  # with more, the outlines would cover the colors
_MAX_TITLE = 90  # characters
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds between labels

_FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
_MAX_PICTURES = 60  # on a contact sheet
_SHORT_SIDE, _GAP, _LABEL, _HEAD = 180, 12, 26, 44  # pixels
_PAPER, _INK, _SOFT = "#f6f6f4", "#1c2530", "#5b6672"


def write_png(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Draw the curve as PNG."""
    buffer = BytesIO()
    with _no_warnings_about_glyphs():
        plot_scores(summary).savefig(buffer, format="png", dpi=150)
    write_file(path, buffer.getvalue())


def write_svg(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Draw the curve as SVG. Text stays text, so that names in any script are shown with the reader's own fonts."""
    import matplotlib as mpl

    buffer = BytesIO()
    # A fixed salt and no date: the same summary gives the same file.
    with _no_warnings_about_glyphs(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "summdiff"}):
        plot_scores(summary).savefig(buffer, format="svg", metadata={"Date": None})
    write_file(path, buffer.getvalue())


@contextmanager
def _no_warnings_about_glyphs() -> Iterator[None]:
    """Ignore matplotlib's warnings about names in scripts that its font lacks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def plot_scores(summary: Summary) -> Figure:
    """Draw importance over time with a band of one standard deviation; the chosen parts are shaded.

    Blocks at the bottom are the shots; the darker a block, the more samples contain the shot in their own summary.
    """
    import numpy as np
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    times, mean, std = (np.array(row) for row in (summary.scores.times, summary.scores.mean, summary.scores.std))
    edges = np.append(times, summary.video.duration)  # a score holds until the next step
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots()
    for part in summary.selection:
        axes.axvspan(part.start, part.end, color=_CHOSEN, alpha=0.45, linewidth=0)
    axes.broken_barh(
        [(shot.start, shot.duration) for shot in summary.shots],
        (0, 0.05),
        transform=axes.get_xaxis_transform(),
        facecolors=[to_rgba(_LIKELY, shot.probability) for shot in summary.shots],
        edgecolors=_EDGE,
        linewidth=0.5 if len(summary.shots) <= _MAX_OUTLINED_SHOTS else 0,
    )
    band = axes.stairs(mean + std, edges, baseline=mean - std, fill=True, color=_CURVE, alpha=0.2)
    line = axes.stairs(mean, edges, baseline=None, color=_CURVE, linewidth=1.4)
    low, high = float((mean - std).min()), float((mean + std).max())
    margin = 0.15 * (high - low) + 0.02
    axes.set(xlim=(0, summary.video.duration), ylim=(max(low - margin, 0), min(high + margin, 1)), ylabel="importance")
    step = next((step for step in _TICKS if summary.video.duration / step <= 10), _TICKS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
    axes.spines[["top", "right"]].set_visible(False)
    name = printable(Path(summary.video.path).name).replace("$", r"\$")  # matplotlib typesets $…$ as mathematics
    chosen, whole = clock(summary.selected_duration), clock(summary.video.duration)
    axes.set_title(f"{_shortened(name, _MAX_TITLE, len)}: {chosen} of {whole} in the summary", loc="left", fontsize=10)
    figure.legend(
        [line, band, Patch(color=_CHOSEN, alpha=0.45), Patch(facecolor=_LIKELY, alpha=0.6, edgecolor=_EDGE)],
        ["importance", "uncertainty (one standard deviation)", "in the summary", "shots, darker if chosen more often"],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=9,
    )
    return figure


def write_sheet(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Draw a contact sheet as JPEG: a picture of each chosen shot with its times, of at most 60, evenly spread."""
    from PIL import Image, ImageDraw

    chosen = key_moments(summary)
    moments = evenly_spread(chosen, _MAX_PICTURES)
    times = [moment.time for moment in moments]
    pictures = [Image.fromarray(picture) for picture in pictures_at(summary, times, short_side=_SHORT_SIDE)]
    width, height = pictures[0].size
    # The sheet is about as wide as a page.
    columns = max(1, min(len(pictures), math.ceil(math.sqrt(len(pictures) * 1.4 * height / width))))
    rows = math.ceil(len(pictures) / columns)
    sheet_width = max(columns * (width + _GAP) + _GAP, 2 * width)
    sheet_height = _HEAD + rows * (height + _LABEL + _GAP) + _GAP
    sheet = Image.new("RGB", (sheet_width, sheet_height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    shown = f"{len(moments)} of {len(chosen)}" if len(moments) < len(chosen) else f"{len(chosen)}"
    facts = f"{shown} chosen shots, {clock(cut_of(summary).duration)} of {clock(summary.video.duration)}"
    large, small = font(17), font(14)
    room = sheet_width - 3 * _GAP - draw.textlength(facts, small)
    title = _shortened(printable(Path(summary.video.path).name), room, lambda text: draw.textlength(text, large))
    draw.text((_GAP, _GAP), title, _INK, large)
    draw.text((sheet_width - _GAP - draw.textlength(facts, small), _GAP + 3), facts, _SOFT, small)
    for place, (moment, picture) in enumerate(zip(moments, pictures, strict=True)):
        left = _GAP + place % columns * (width + _GAP)
        top = _HEAD + place // columns * (height + _LABEL + _GAP)
        sheet.paste(picture, (left, top))
        draw.text((left, top + height + 4), f"{clock(moment.start)} – {clock(moment.end)}", _INK, small)
    buffer = BytesIO()
    sheet.save(buffer, format="JPEG", quality=88)
    write_file(path, buffer.getvalue())


def font(size: int) -> Any:
    """Load DejaVu Sans, which has Latin, Greek and Cyrillic letters."""
    from PIL import ImageFont

    return ImageFont.truetype(str(_FONT), size)


def _shortened(text: str, room: float, length: Callable[[str], float]) -> str:
    """Return the text, with an ellipsis in its middle if it is longer than `room`."""
    if length(text) <= room:
        return text
    for keep in range(len(text) - 1, 0, -1):
        short = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
        if length(short) <= room:
            return short
    return ""


_CURVE_PICTURE = "the importance curve with its band, the chosen parts shaded, and a legend"

FORMATS = (
    Format(
        "png",
        {"png": write_png},
        _CURVE_PICTURE,
        opens_in="image viewers",
        libraries=("matplotlib",),
        install="summdiff[plot]",
    ),
    Format(
        "svg",
        {"svg": write_svg},
        _CURVE_PICTURE,
        opens_in="image viewers, papers",
        libraries=("matplotlib",),
        install="summdiff[plot]",
    ),
    Format(
        "sheet",
        {"sheet.jpg": write_sheet},
        "contact sheet: a picture of each chosen shot with its times, at most 60",
        opens_in="image viewers",
    ),
)
