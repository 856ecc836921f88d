"""The display shape of a video: that of its first frame, into which frames of other shapes are letterboxed."""

from __future__ import annotations

from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

from summdiff.video._filters import deinterlaced_alone, filter_graph, filtered
from summdiff.video._picture import Orientation

# A decoder's pixel aspect belongs to the picture that it decodes, which is displayed up to this many frames later.
_DECODED_AHEAD = 32
_ALMOST = 0.98  # a picture that fills this share of an axis fills it: no thin bars


class DisplayShape:
    """Keep the shape of the first frame: scale and letterbox those of another size, orientation or pixel aspect.

    Args:
        first: the first frame.
        pixel_aspect: width of its pixels divided by their height, as the container states it.
        own_aspect: the same as the decoder states it; None if it is unknown.

    Attributes:
        kept: whether all frames so far had the shape of the first.
    """

    def __init__(self, first: VideoFrame, *, pixel_aspect: Fraction, own_aspect: Fraction | None) -> None:
        self._width, self._height = first.width, first.height
        self._orientation = self._latest = Orientation.of(first)
        self._rotation = first.rotation  # of the latest orientation, in degrees
        self._pixel_aspect, self._own_aspect = pixel_aspect, own_aspect
        self._groups_without = 0  # groups of pictures since the orientation was stated
        self._graph: Graph | None = None
        self._layout: tuple[str, int, int, Orientation] | None = None
        self._aspect_frames = 0  # frames that still may have another pixel aspect
        self.kept = True

    def __call__(self, frame: VideoFrame, own_aspect: Fraction | None) -> VideoFrame:
        """Return a frame in the shape of the first, given the pixel aspect that the decoder states after it."""
        if own_aspect != self._own_aspect and own_aspect:
            self._aspect_frames = _DECODED_AHEAD
        elif self._aspect_frames:
            self._aspect_frames -= 1
        orientation = self._orientation_of(frame)
        same = (frame.width, frame.height) == (self._width, self._height) and orientation == self._orientation
        if same and not self._aspect_frames:
            return frame
        self.kept = False
        if frame.interlaced_frame:  # before its lines are mixed
            frame = deinterlaced_alone(frame)
        layout = (frame.format.name, frame.width, frame.height, orientation)
        if self._graph is None or self._layout != layout:
            self._layout, self._graph = layout, self._letterbox(frame, orientation)
        self._graph.vpush(frame)
        return next(filtered(self._graph), frame)

    def _orientation_of(self, frame: VideoFrame) -> Orientation:
        """Return a frame's orientation, which H.264 states about once in a group of pictures.

        PyAV's side data refer to their frame, so asking every frame for them would keep its memory from being reused.
        """
        rotation = frame.rotation
        if rotation and rotation != self._rotation:
            self._latest, self._rotation, self._groups_without = Orientation.of(frame), rotation, 0
        elif rotation:
            self._groups_without = 0
        elif self._rotation and frame.key_frame:
            self._groups_without += 1
            if self._groups_without > 1:
                self._latest, self._rotation = Orientation(), 0
        return self._latest

    def _letterbox(self, frame: VideoFrame, orientation: Orientation) -> Graph:
        """Build the filters; the scaler reads the pixel aspect from each frame."""
        ours, turns = self._orientation, []
        for turn, wanted in (
            ("transpose=cclock_flip", orientation.transposed),
            ("hflip", orientation.mirrored),
            ("vflip", orientation.flipped),
            ("vflip", ours.flipped),
            ("hflip", ours.mirrored),
            ("transpose=cclock_flip", ours.transposed),
        ):
            if wanted:
                name, _, arguments = turn.partition("=")
                turns.append((name, arguments))
        own, stated = float(self._own_aspect or 1), float(self._pixel_aspect)
        if orientation.transposed != ours.transposed:
            own, stated = 1 / own, 1 / stated
        pixel_aspect = f"if(lt(abs(sar-{own:.6f}),0.001),{stated:.6f},sar)"
        elongation = f"iw/ih*({pixel_aspect})/{float(self._pixel_aspect):.6f}"  # width by height, in our pixels
        width, height = f"({elongation})*{self._height}", f"{self._width}/({elongation})"
        return filter_graph(
            frame,
            *turns,
            (
                "scale",
                f"w='if(gte({width},{_ALMOST * self._width}),{self._width},max(2,trunc({width}/2)*2))'"
                f":h='if(gte({height},{_ALMOST * self._height}),{self._height},max(2,trunc({height}/2)*2))':eval=frame",
            ),
            ("pad", f"{self._width}:{self._height}:-1:-1:black:eval=frame"),
        )
