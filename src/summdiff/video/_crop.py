"""Cropping pictures to another shape: a window of the upright picture, as large as fits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

from summdiff.options import FRAME_SHAPES
from summdiff.video._container import pixel_aspect
from summdiff.video._decode import TimedFrame
from summdiff.video._filters import filter_graph, layout_of
from summdiff.video._index import FrameIndex, SeekingDecoder
from summdiff.video._picture import Orientation


@dataclass(frozen=True, slots=True)
class CropWindow:
    """A window of a stored picture in pixels, all even."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def of(cls, frame: VideoFrame, pixel_aspect: Fraction, shape: str, position: tuple[float, float]) -> CropWindow:
        """Return the largest window of a shape.

        Args:
            frame: a stored picture.
            pixel_aspect: width of its pixels divided by their height.
            shape: one of `FRAME_SHAPES`.
            position: of the window in the upright picture: 0 is at the left or top, 1 at the right or bottom.
        """
        orientation = Orientation.of(frame)
        aspect = FRAME_SHAPES[shape]
        x = 1 - position[0] if orientation.mirrored else position[0]
        y = 1 - position[1] if orientation.flipped else position[1]
        if orientation.transposed:
            aspect, x, y = 1 / aspect, y, x
        stored_aspect = aspect / pixel_aspect  # of the window, in stored pixels
        width = min(frame.width, round(frame.height * stored_aspect))
        height = min(frame.height, round(frame.width / stored_aspect))
        width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        left, top = (frame.width - width) * x, (frame.height - height) * y
        return cls(round(left / 2) * 2, round(top / 2) * 2, width, height)


class CroppedDecoder(SeekingDecoder):
    """A `SeekingDecoder` whose frames are cropped.

    Args:
        path, index, deinterlace, threads: see `SeekingDecoder`.
        shape, position: see `CropWindow.of`.

    Attributes:
        share: of the area of the stored picture.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        index: FrameIndex,
        *,
        deinterlace: bool,
        threads: int | None,
        shape: str,
        position: tuple[float, float],
    ) -> None:
        super().__init__(path, index, deinterlace=deinterlace, threads=threads)
        self._window = CropWindow.of(self.first, pixel_aspect(self.stream), shape, position)
        self.share = self._window.width * self._window.height / (self.first.width * self.first.height)
        self._graph: Graph | None = None
        self._layout: tuple[str, int, int] | None = None
        self.first = self._crop(self.first)

    def frames(self, start: int, end: int, *, with_current: bool) -> Iterator[TimedFrame]:
        for timed in super().frames(start, end, with_current=with_current):
            yield timed._replace(frame=self._crop(timed.frame))

    def _crop(self, frame: VideoFrame) -> VideoFrame:
        if self._graph is None or self._layout != layout_of(frame):
            self._layout = layout_of(frame)
            window = self._window
            self._graph = filter_graph(frame, ("crop", f"{window.width}:{window.height}:{window.x}:{window.y}"))
        self._graph.vpush(frame)
        return self._graph.vpull()
