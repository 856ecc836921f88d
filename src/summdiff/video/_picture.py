"""Pictures from decoded frames: orientation, scaling to square pixels, and samples of their luma."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from summdiff.video._filters import OnBlack, deinterlaced_alone

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# Longer side divided by the shorter one; without it, 16,384 x 2 pixels would become two million pixels wide.
_MAX_ELONGATION = 8
_SAMPLE_ROWS, _SAMPLE_COLUMNS = 18, 32


@dataclass(frozen=True, slots=True)
class Orientation:
    """Orientation of a stored picture for display: transpose it, then mirror it (left-right) and flip it (up-down)."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Read a frame's display matrix, rounded to quarter turns.

        The matrix [a b u; c d v; x y w] maps a stored point (p, q), y pointing down, to (a p + c q, b p + d q).
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
        """Clockwise rotation in degrees: 0, 90, 180 or 270. A mirrored picture is rotated after mirroring."""
        if self.transposed:
            return 270 if self.flipped else 90
        return 180 if self.flipped else 0

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a stored picture (H, W, 3) upright; the result is contiguous."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        if self.mirrored:
            image = image[:, ::-1]
        if self.flipped:
            image = image[::-1]
        return np.ascontiguousarray(image)


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """Return the nine numbers of a frame's display matrix (FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX), or None."""
    side_data: Any = frame.side_data  # typed as a dict by PyAV, but iterates over its values
    for data in side_data:
        if data.type == SideDataType.DISPLAYMATRIX:
            return struct.unpack("=9i", bytes(data)[:36])
    return None


class Scaler:
    """Convert frames to small upright RGB images with square pixels, in one step of FFmpeg's scaler.

    Interlaced frames are deinterlaced and transparent ones laid on black.

    The first frame sets the size of all images. Images are at most eight times as long as wide; longer frames are
    squeezed.

    Args:
        short_side: pixels of the shorter side of the images.
        pixel_aspect: width of a stored pixel divided by its height.
        first: the first frame of the video, where the first one to convert is another.
    """

    def __init__(self, *, short_side: int, pixel_aspect: Fraction, first: VideoFrame | None = None) -> None:
        self._short_side = short_side
        self._pixel_aspect = pixel_aspect
        self._reformatter, self._on_black = VideoReformatter(), OnBlack()
        self._orientation: Orientation | None = None
        self._width = self._height = 0
        if first is not None:
            self._orientation = self._take_shape(first)

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Convert a frame to (H, W, 3) uint8 RGB."""
        if self._orientation is None:
            self._orientation = self._take_shape(frame)
        if frame.interlaced_frame:
            frame = deinterlaced_alone(frame)
        frame = self._on_black(frame)
        # By convention, untagged video is BT.709 from HD upwards; FFmpeg's scaler assumes BT.601 at all sizes.
        untagged_hd = frame.colorspace == _UNSPECIFIED and min(frame.width, frame.height) >= 720
        small = self._reformatter.reformat(
            frame,
            width=self._width,
            height=self._height,
            format="gbrp",  # planes take half the time of rgb24 and give the same values
            src_colorspace=Colorspace.ITU709 if untagged_hd else None,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
        )
        return self._orientation.apply(np.asarray(small.to_ndarray(), dtype=np.uint8))

    def _take_shape(self, frame: VideoFrame) -> Orientation:
        width, height = frame.width * float(self._pixel_aspect), float(frame.height)
        scale = self._short_side / min(width, height)
        longest = _MAX_ELONGATION * self._short_side
        self._width, self._height = (max(1, min(round(side * scale), longest)) for side in (width, height))
        return Orientation.of(frame)


class Luma(NamedTuple):
    """About 600 luma samples of a frame.

    Attributes:
        samples: (rows, columns) int32 in [0, `white`].
        white: sample value of white.
        layout: pixel format, width and height of the frame.
    """

    samples: NDArray[np.int32]
    white: int
    layout: tuple[str, int, int]

    def change_from(self, before: Luma) -> float:
        """Return the mean absolute difference from another frame, in units of white.

        Comparable within one video only. Infinite if the size or pixel format is another.
        """
        if before.layout != self.layout:
            return math.inf
        difference = np.abs(self.samples - before.samples)
        return float(difference.sum() / difference.size) / self.white  # twice as fast as mean() on so few numbers


class LumaSampler:
    """Take luma samples of frames, read directly from the decoder's buffer."""

    def __init__(self) -> None:
        self._white = 255
        self._layout: tuple[str, int, int] | None = None
        self._dtype: np.dtype[Any] | None = None
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Luma:
        """Return the samples of a frame."""
        layout = (frame.format.name, frame.width, frame.height)
        if layout != self._layout:
            self._layout, self._dtype = layout, _sample_type(frame)
            self._white = 255 if self._dtype is None else (1 << frame.format.components[0].bits) - 1
        return Luma(self._samples(frame), self._white, layout)

    def _samples(self, frame: VideoFrame) -> NDArray[np.int32]:
        if self._dtype is None:
            small = self._reformatter.reformat(frame, width=_SAMPLE_COLUMNS, height=_SAMPLE_ROWS, format="gray8")
            return np.asarray(small.to_ndarray(), dtype=np.int32)
        plane: Any = frame.planes[0]  # a buffer; typing can say so from Python 3.12 on
        width, height = frame.width, frame.height
        stored: NDArray[Any] = np.frombuffer(plane, dtype=self._dtype)
        rows = stored[: stored.size // height * height].reshape(height, -1)
        down, across = max(1, height // _SAMPLE_ROWS), max(1, width // _SAMPLE_COLUMNS)
        return rows[down // 2 :: down, across // 2 : width : across].astype(np.int32)  # the decoder reuses its buffer


def _sample_type(frame: VideoFrame) -> np.dtype[Any] | None:
    """Return the data type of the first plane; None if it does not hold plain luma (palettes, bit fields, floats)."""
    layout = frame.format
    bits = layout.components[0].bits
    shifted = layout.name.startswith("p0")  # by hardware: the bits are the upper ones of 16
    if layout.has_palette or layout.is_bit_stream or shifted or not 8 <= bits <= 16:
        return None
    if bits == 8:
        return np.dtype(np.uint8)
    return np.dtype(">u2" if layout.is_big_endian else "<u2")
