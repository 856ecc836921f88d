"""Captions drawn into the pictures: white letters with a black edge, near the lower border."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from summdiff.export.pictures import font

if TYPE_CHECKING:
    from summdiff.video import Cue

_LETTER_SHARE, _LEAST_LETTERS = 0.055, 8  # size of the letters as a share of the shorter side; in pixels
_EDGE_SHARE = 0.1  # of the letters
_BOTTOM_SHARE = 0.06  # of the height
_WIDEST_SHARE = 0.92  # of the width


class BurnedCaptions:
    """An overlay with the caption of each moment; see `summdiff.video.Overlay`.

    Args:
        cues: in seconds of the written video, in order.
    """

    def __init__(self, cues: Sequence[Cue]) -> None:
        self._starts, self._cues = [cue.start for cue in cues], cues

    def __call__(self, size: tuple[int, int], seconds: Fraction) -> NDArray[np.uint8] | None:
        """Return lightness and opacity (height, width, 2) for a picture of this size; None for no caption."""
        place = bisect_right(self._starts, seconds) - 1
        if place < 0 or seconds >= self._cues[place].end:
            return None
        return _drawn(self._cues[place].text, *size)


@lru_cache(maxsize=16)  # parts that are encoded side by side have captions of their own
def _drawn(text: str, height: int, width: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    letters = max(_LEAST_LETTERS, round(_LETTER_SHARE * min(height, width)))
    light, opacity = Image.new("L", (width, height)), Image.new("L", (width, height))
    while True:
        edge, loaded = max(1, round(_EDGE_SHARE * letters)), font(letters)
        box = ImageDraw.Draw(light).multiline_textbbox((0, 0), text, loaded, stroke_width=edge, align="center")
        if box[2] - box[0] <= _WIDEST_SHARE * width or letters <= _LEAST_LETTERS:
            break
        letters = max(_LEAST_LETTERS, int(letters * _WIDEST_SHARE * width / (box[2] - box[0])))
    at = (width - box[0] - box[2]) / 2, height * (1 - _BOTTOM_SHARE) - box[3]
    ImageDraw.Draw(opacity).multiline_text(at, text, 255, loaded, align="center", stroke_width=edge, stroke_fill=255)
    ImageDraw.Draw(light).multiline_text(at, text, 255, loaded, align="center", stroke_width=edge, stroke_fill=0)
    return np.stack([np.asarray(light), np.asarray(opacity)], axis=2)
