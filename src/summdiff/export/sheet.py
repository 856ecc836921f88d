"""A contact sheet: one picture of each chosen shot, with its times."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from summdiff.atomic import written_whole
from summdiff.export.moments import chosen_moments, thinned
from summdiff.export.names import plain
from summdiff.export.times import clock
from summdiff.summary import Summary
from summdiff.video import stills

_FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
_MOST = 60  # pictures
_SHORT_SIDE = 180
_GAP, _LABEL, _HEAD = 12, 26, 44  # pixels
_PAPER, _INK, _SOFT = "#f6f6f4", "#1c2530", "#5b6672"


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Draw the sheet as JPEG; of very many shots, sixty that are evenly spread."""
    from PIL import Image, ImageDraw

    chosen = chosen_moments(summary)
    moments = thinned(chosen, _MOST)
    pictures = [
        Image.fromarray(picture)
        for picture in stills(summary.video.path, [moment.time for moment in moments], short_side=_SHORT_SIDE)
    ]
    width, height = pictures[0].size
    # About as wide as a page, and no emptier than needed.
    columns = max(1, min(len(pictures), math.ceil(math.sqrt(len(pictures) * 1.4 * height / width))))
    rows = math.ceil(len(pictures) / columns)
    across = max(columns * (width + _GAP) + _GAP, 2 * width)
    down = _HEAD + rows * (height + _LABEL + _GAP) + _GAP
    sheet = Image.new("RGB", (across, down), _PAPER)
    draw = ImageDraw.Draw(sheet)
    shown = (
        f"{len(moments)} of {len(chosen)} chosen shots" if len(moments) < len(chosen) else f"{len(chosen)} chosen shots"
    )
    right = f"{shown}, {clock(summary.selected_duration)} of {clock(summary.video.duration)}"
    bold, small = _font(17), _font(14)
    room = across - 3 * _GAP - draw.textlength(right, small)
    draw.text(
        (_GAP, _GAP),
        _fitting(plain(Path(summary.video.path).name), room, lambda t: draw.textlength(t, bold)),
        _INK,
        bold,
    )
    draw.text((across - _GAP - draw.textlength(right, small), _GAP + 3), right, _SOFT, small)
    for place, (moment, picture) in enumerate(zip(moments, pictures, strict=True)):
        left = _GAP + place % columns * (width + _GAP)
        top = _HEAD + place // columns * (height + _LABEL + _GAP)
        sheet.paste(picture, (left, top))
        draw.text((left, top + height + 4), f"{clock(moment.start)} – {clock(moment.end)}", _INK, small)
    # Encoded in memory first: Pillow does not notice a disk that is full while it writes a JPEG.
    buffer = BytesIO()
    sheet.save(buffer, format="JPEG", quality=88)
    with written_whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _font(size: int) -> Any:
    """Return DejaVu Sans, which has Latin, Greek, Cyrillic and more."""
    from PIL import ImageFont

    return ImageFont.truetype(str(_FONT), size)


def _fitting(text: str, room: float, length: Callable[[str], float]) -> str:
    """The text, shortened in its middle where it is too long."""
    if length(text) <= room:
        return text
    for keep in range(len(text) - 1, 0, -1):
        short = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
        if length(short) <= room:
            return short
    return ""
