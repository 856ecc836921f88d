"""Moving previews that fit into a message: at most 5 MB, whatever the video."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from summdiff.atomic import written_whole
from summdiff.export.moments import preview, preview_milliseconds
from summdiff.summary import Summary

LARGEST = 5_000_000  # bytes; the file is smaller
_SHORT_SIDE = 180  # pixels
_SMALLEST = 16
_OPTIONS: dict[str, dict[str, Any]] = {
    "gif": {"optimize": False, "disposal": 1},
    "webp": {"quality": 60, "method": 2, "minimize_size": False},
}


def write_animation(summary: Summary, path: Path, kind: Literal["gif", "webp"]) -> None:
    """Write a preview that repeats for ever, 180 pixels on its short side or less where that is too many bytes."""
    from PIL import Image

    pictures = [Image.fromarray(picture) for picture in preview(summary, short_side=_SHORT_SIDE)]
    width, height = pictures[0].size
    with written_whole(path) as temporary:
        while True:
            frames = _ready([picture.resize((width, height)) for picture in pictures], kind)
            buffer = BytesIO()
            frames[0].save(
                buffer,
                format=kind.upper(),
                save_all=True,
                append_images=frames[1:],
                duration=preview_milliseconds(),
                loop=0,
                **_OPTIONS[kind],
            )
            if buffer.tell() < LARGEST or min(width, height) <= _SMALLEST:
                break
            # Bytes go with the area; somewhat more is taken off, for noise does not shrink along.
            factor = min(0.85, 0.95 * (LARGEST / buffer.tell()) ** 0.5)
            width, height = max(_SMALLEST, int(width * factor)), max(_SMALLEST, int(height * factor))
        temporary.write_bytes(buffer.getvalue())


def _ready(pictures: list[Any], kind: Literal["gif", "webp"]) -> list[Any]:
    """Pictures in the colours that the format has: for GIF, 256 that are the same for all of them.

    They are taken from every sixth picture. Without dithering, what stands still stays the same and costs nothing.
    """
    from PIL import Image

    if kind == "webp":
        return pictures
    some = pictures[::6]
    width, height = (max(1, side // 2) for side in some[0].size)
    column = Image.new("RGB", (width, height * len(some)))
    for place, picture in enumerate(some):
        column.paste(picture.resize((width, height)), (0, height * place))
    palette = column.quantize(256, method=Image.Quantize.MEDIANCUT)
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
