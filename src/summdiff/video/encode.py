"""Encodes frames as H.264 that every player and browser shows: 8 bit, 4:2:0, even size, the source's own colours."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.codec.context import Flags
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from summdiff.video.picture import display_matrix
from summdiff.video.source import nominal_rate

# No B-frames: with them, mp4 cannot say how long the last frame of a varying rate lasts, and copied groups of pictures
# could not stand beside encoded ones without knowing all time stamps beforehand.
_OPTIONS = {"preset": "veryfast", "crf": "20", "bf": "0", "forced-idr": "1"}
_BT709, _UNSPECIFIED, _LIMITED_RANGE = 1, 2, 1
_KEY_FRAME_SECONDS = 2  # players jump to key frames only


class Encoder:
    """Adds a video stream to a file and encodes frames into it.

    Turning is left to the player, as in the source: its display matrix is written along, so that no picture is
    resampled and copied pictures fit beside encoded ones.

    Args:
        output: the file.
        first: the first frame of the source, for size, colours and orientation.
        source: the source's stream, for rate and pixel shape.
    """

    def __init__(self, output: OutputContainer, first: VideoFrame, source: VideoStream) -> None:
        rate = nominal_rate(source)
        self._stream = output.add_stream("libx264", rate=rate, options=dict(_OPTIONS))
        matrix = display_matrix(first)
        if matrix is not None:
            self._stream.set_display_matrix(matrix)
        context = self._stream.codec_context
        context.width, context.height = first.width + first.width % 2, first.height + first.height % 2
        context.pix_fmt = "yuv420p"
        context.time_base = source.time_base or Fraction(1, 90000)
        context.flags |= Flags.frame_duration
        context.gop_size = max(1, round(_KEY_FRAME_SECONDS * rate))
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        self._rgb = first.format.is_rgb
        context.colorspace = _BT709 if self._rgb else first.colorspace
        context.color_range = _LIMITED_RANGE
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
        self._reformatter = VideoReformatter()

    def encode(self, frame: VideoFrame, tick: int, duration: int, *, key: bool) -> list[Packet[VideoStream]]:
        """Encode a frame shown at `tick` of the source's time base, counted in the output; packets to write."""
        ready = self._prepared(frame)
        ready.pts, ready.duration, ready.time_base = tick, duration, self._stream.codec_context.time_base
        # The decoder's own types would be taken for orders.
        ready.pict_type = PictureType.I if key else PictureType.NONE
        return self._stream.encode(ready)

    def finish(self) -> list[Packet[VideoStream]]:
        """What the encoder still holds."""
        return self._stream.encode(None)

    def _prepared(self, frame: VideoFrame) -> VideoFrame:
        context = self._stream.codec_context
        even = frame.width % 2 == 0 and frame.height % 2 == 0
        fits = (frame.width + frame.width % 2, frame.height + frame.height % 2) == (context.width, context.height)
        converted = self._reformatter.reformat(
            frame,
            width=frame.width if fits else context.width,  # a size that changes midway is scaled to the first
            height=frame.height if fits else context.height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709 if self._rgb else None,
            dst_color_range=ColorRange.MPEG,
        )
        return converted if even or not fits else _padded(converted)


def _padded(frame: VideoFrame) -> VideoFrame:
    """A yuv420p frame of odd size with its last column and row repeated: 4:2:0 knows even sizes only."""
    width, height = frame.width, frame.height
    padded = VideoFrame(width + width % 2, height + height % 2, "yuv420p")
    for plane, target in zip(frame.planes, padded.planes, strict=True):
        rows = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        grown = np.pad(rows, ((0, target.height - rows.shape[0]), (0, target.line_size - plane.width)), mode="edge")
        target.update(grown.tobytes())
    return padded
