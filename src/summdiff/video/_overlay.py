"""Drawing over pictures: an overlay for the picture as it is displayed, blended into the picture as it is stored."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from summdiff.video._picture import Orientation

# For (height, width) of a displayed picture and a time in seconds: lightness and opacity (height, width, 2), or None.
# It is called from several threads at once.
Overlay = Callable[[tuple[int, int], Fraction], NDArray[np.uint8] | None]

_NEUTRAL = 128  # chroma of grey
_DARKEST, _RANGE = 16, 219  # of limited range


class Overlays:
    """Blends the pictures of an overlay into yuv420p frames.

    Args:
        overlay: what is drawn.
        orientation: of the frames.
        pixel_aspect: width of a pixel relative to its height.
    """

    def __init__(self, overlay: Overlay, orientation: Orientation, pixel_aspect: Fraction) -> None:
        self._overlay, self._orientation, self._aspect = overlay, orientation, pixel_aspect
        self._last: tuple[NDArray[np.uint8] | None, tuple[int, int], list[NDArray[np.int16]]] = (None, (0, 0), [])

    def on(self, frame: VideoFrame, seconds: Fraction) -> VideoFrame:
        """Return a yuv420p frame with what is drawn over it at a time; the frame itself if nothing is."""
        size = frame.height, frame.width
        displayed = (size[0], max(1, round(size[1] * self._aspect)))
        if self._orientation.transposed:
            displayed = displayed[::-1]
        drawn = self._overlay(displayed, seconds)
        if drawn is None:
            return frame
        if drawn is not self._last[0] or size != self._last[1]:
            self._last = drawn, size, self._planes(drawn, size)
        light, opacity, opacity_of_color = self._last[2]
        blended = VideoFrame(frame.width, frame.height, "yuv420p")
        for place, (source, target) in enumerate(zip(frame.planes, blended.planes, strict=True)):
            rows = np.frombuffer(cast(Any, source), np.uint8).reshape(-1, source.line_size)[
                : source.height, : source.width
            ]
            share = opacity if place == 0 else opacity_of_color
            aim = light if place == 0 else np.int16(_NEUTRAL)
            padded = np.zeros((target.height, target.line_size), dtype=np.uint8)
            padded[:, : target.width] = rows + ((aim - rows.astype(np.int16)) * share.astype(np.int32) + 127) // 255
            target.update(padded.tobytes())
        blended.colorspace, blended.color_range = frame.colorspace, frame.color_range
        return blended

    def _planes(self, drawn: NDArray[np.uint8], size: tuple[int, int]) -> list[NDArray[np.int16]]:
        """Return lightness and opacity (H, W), and the opacity of the color (H / 2, W / 2), as frames are stored."""
        stored = drawn
        if self._orientation.flipped:
            stored = stored[::-1]
        if self._orientation.mirrored:
            stored = stored[:, ::-1]
        if self._orientation.transposed:
            stored = stored.swapaxes(0, 1)
        columns = np.arange(size[1]) * stored.shape[1] // size[1]  # back to pixels that are not square
        numbers = stored[: size[0], columns].astype(np.int16)
        light = _DARKEST + numbers[:, :, 0] * _RANGE // 255
        opacity: NDArray[np.int16] = numbers[:, :, 1]
        color = opacity[::2, ::2]
        return [light.astype(np.int16), opacity, color[: -(-size[0] // 2), : -(-size[1] // 2)]]
