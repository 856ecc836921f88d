"""From decoded frames to pictures: which way is up, square pixels, and how much changed since the frame before."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# Of the longer side by the shorter; a picture of 16,384 x 2 pixels would be two million pixels long otherwise.
_LONGEST_SHAPE = 8
_SAMPLES_DOWN, _SAMPLES_ACROSS = 18, 32


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the stored picture is turned for display: first transposed, then mirrored left-right and upside down."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Read the display matrix that travels with a decoded frame, rounded to quarter turns.

        The matrix [a b u; c d v; x y w] sends a stored point (p, q), y pointing down, to (a p + c q, b p + d q).
        """
        matrix = display_matrix(frame)
        if matrix is None:
            return cls()
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @property
    def rotation(self) -> int:
        """Clockwise turn in degrees: 0, 90, 180 or 270. Of a mirrored picture: the turn after mirroring it."""
        if self.transposed:
            return 270 if self.flipped else 90
        return 180 if self.flipped else 0

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a stored picture (H, W, 3) upright; contiguous."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        if self.mirrored:
            image = image[:, ::-1]
        if self.flipped:
            image = image[::-1]
        return np.ascontiguousarray(image)


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers of the frame's display matrix (FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX), or None."""
    side_data: Any = frame.side_data  # typed as a dict by PyAV, but iterates over its values
    for data in side_data:
        if data.type == SideDataType.DISPLAYMATRIX:
            return struct.unpack("=9i", bytes(data)[:36])
    return None


class Scaler:
    """Turns frames into small upright RGB pictures with square pixels, in one step of FFmpeg's scaler.

    The size follows from the first frame; later ones are brought to the same size. Pictures more than eight times as
    long as wide are squeezed to that.

    Args:
        short_side: pixels of the shorter side of the result.
        pixel_aspect: width of a stored pixel divided by its height.
    """

    def __init__(self, *, short_side: int, pixel_aspect: Fraction) -> None:
        self._short_side = short_side
        self._pixel_aspect = pixel_aspect
        self._reformatter = VideoReformatter()
        self._orientation: Orientation | None = None
        self._width = self._height = 0

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """The frame as (H, W, 3) uint8 RGB."""
        if self._orientation is None:
            self._orientation = Orientation.of(frame)
            across, down = frame.width * float(self._pixel_aspect), float(frame.height)
            scale = self._short_side / min(across, down)
            longest = _LONGEST_SHAPE * self._short_side
            self._width, self._height = (max(1, min(round(side * scale), longest)) for side in (across, down))
        # Untagged video is BT.709 from HD upwards by convention; FFmpeg's scaler would take BT.601 for all.
        untagged_hd = frame.colorspace == _UNSPECIFIED and min(frame.width, frame.height) >= 720
        small = self._reformatter.reformat(
            frame,
            width=self._width,
            height=self._height,
            format="rgb24",
            src_colorspace=Colorspace.ITU709 if untagged_hd else None,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
        )
        return self._orientation.apply(np.asarray(small.to_ndarray(), dtype=np.uint8))


class LumaChange:
    """How much the picture changed from one frame to the next, measured on a sparse grid of its brightness.

    Costs next to nothing: some six hundred samples are read straight from the decoder's own picture.
    """

    def __init__(self) -> None:
        self._previous: NDArray[Any] | None = None
        self._layout: tuple[str, int, int] | None = None
        self._dtype: np.dtype[Any] | None = None
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> float:
        """Mean absolute difference from the frame before, in steps of the stored samples.

        Comparable between frames of one video only. Infinite where size or pixel format changed, 0 for the first.
        """
        layout = (frame.format.name, frame.width, frame.height)
        if layout != self._layout:
            changed, self._layout = self._layout is not None, layout
            self._dtype = _sample_type(frame)
            self._previous = self._samples(frame)
            return float("inf") if changed else 0.0
        samples = self._samples(frame)
        difference = np.abs(samples - self._previous)
        self._previous = samples
        return float(difference.sum() / difference.size)  # half the cost of mean() on so few numbers

    def _samples(self, frame: VideoFrame) -> NDArray[Any]:
        if self._dtype is None:
            small = self._reformatter.reformat(frame, width=_SAMPLES_ACROSS, height=_SAMPLES_DOWN, format="gray8")
            return np.asarray(small.to_ndarray(), dtype=np.int32)
        plane: Any = frame.planes[0]  # a buffer, which typing knows from Python 3.12 on
        width, height = frame.width, frame.height
        stored: NDArray[Any] = np.frombuffer(plane, dtype=self._dtype)
        rows = stored[: stored.size // height * height].reshape(height, -1)
        down, across = max(1, height // _SAMPLES_DOWN), max(1, width // _SAMPLES_ACROSS)
        return rows[down // 2 :: down, across // 2 : width : across].astype(np.int32)  # a copy: the decoder reuses


def _sample_type(frame: VideoFrame) -> np.dtype[Any] | None:
    """Type of the numbers in the first plane; None where they are not brightness (palettes, bit fields, floats)."""
    layout = frame.format
    bits = layout.components[0].bits
    if layout.has_palette or layout.is_bit_stream or not 8 <= bits <= 16:
        return None
    if bits == 8:
        return np.dtype(np.uint8)
    return np.dtype(">u2" if layout.is_big_endian else "<u2")
