"""Encodes frames as H.264 that every player and browser shows: 8 bit, 4:2:0, even size, the source's own colours."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from summdiff._runtime import threads_asked
from summdiff.video.h264 import ParameterSets, Sequence, parameter_sets, with_lengths
from summdiff.video.picture import display_matrix
from summdiff.video.source import nominal_rate

# No B-frames: with them, mp4 cannot say how long the last frame of a varying rate lasts, and copied groups of pictures
# could not stand beside encoded ones without knowing all time stamps beforehand.
_OPTIONS = {"preset": "veryfast", "crf": "20", "bf": "0", "forced-idr": "1"}
_BT709, _LIMITED_RANGE = 1, 1  # numbers of ITU-T H.273 and of FFmpeg
_FALLBACK_TIME_BASE = Fraction(1, 90000)
_KEY_FRAME_SECONDS = 2  # players jump to key frames only
_PROFILES = {66: "baseline", 77: "main", 100: "high"}


class Encoder:
    """Adds a video stream to a file and encodes frames into it.

    Turning is left to the player, as in the source: its display matrix is written along, so that no picture is
    resampled and copied pictures fit beside encoded ones.

    Args:
        output: the file.
        first: the first frame of the source, for size, colours and orientation.
        source: the source's stream, for rate and pixel shape.
        beside: parameter sets of pictures that will be copied into the same stream; its packets then have lengths
            instead of start codes, as `summdiff.video.h264.with_lengths` makes them.
        delay: ticks by which decoding runs ahead of display in copied pictures.

    Attributes:
        stream: the output's stream.
    """

    def __init__(
        self,
        output: OutputContainer,
        first: VideoFrame,
        source: VideoStream,
        *,
        beside: ParameterSets | None,
        delay: int,
    ) -> None:
        self._first = first
        self._source = source
        self._beside = beside
        self._delay = delay
        self._rate = nominal_rate(source)
        self._rgb = first.format.is_rgb
        self._reformatter = VideoReformatter()
        self.stream = output.add_stream("libx264", rate=self._rate)
        self._context: VideoCodecContext | None = self.stream.codec_context
        self._configure(self._context)
        matrix = display_matrix(first)
        if matrix is not None:
            self.stream.set_display_matrix(matrix)
        if beside is not None:
            self._context.open()
            own = parameter_sets(self._context.extradata or b"")
            self.stream.codec_context.extradata = beside.with_sets_of(own).configuration()
        self._width, self._height = self._context.width, self._context.height

    def encode(self, frame: VideoFrame, tick: int, duration: int, *, key: bool) -> list[Packet[VideoStream]]:
        """Encode a frame shown at `tick` of the source's time base, counted in the output; packets to write."""
        if self._context is None:
            self._context = av.CodecContext.create("libx264", "w")
            self._configure(self._context)
        ready = self._prepared(frame)
        ready.pts, ready.duration, ready.time_base = tick, duration, self._context.time_base
        # The decoder's own types would be taken for orders.
        ready.pict_type = PictureType.I if key else PictureType.NONE
        return self._finished(self._context.encode(ready))

    def finish(self) -> list[Packet[VideoStream]]:
        """What the encoder still holds. A frame encoded after this starts afresh, with a key frame."""
        if self._context is None:
            return []
        packets = self._finished(self._context.encode(None))
        self._context = None
        return packets

    def _configure(self, context: VideoCodecContext) -> None:
        first, options = self._first, dict(_OPTIONS)
        if self._beside is not None:
            options["x264-params"] = f"sps-id={self._beside.free_id()}"
            profile = max(Sequence.parse(unit).profile for unit in self._beside.sequence)
            options["profile"] = _PROFILES[profile]
        context.options = options
        context.thread_count = threads_asked() or 0  # 0: as many as x264 thinks fit
        context.width, context.height = first.width + first.width % 2, first.height + first.height % 2
        context.pix_fmt = "yuv420p"
        context.time_base = self._source.time_base or _FALLBACK_TIME_BASE
        context.framerate = self._rate
        context.flags |= Flags.frame_duration | Flags.global_header
        context.gop_size = max(1, round(_KEY_FRAME_SECONDS * self._rate))
        if self._source.sample_aspect_ratio:
            context.sample_aspect_ratio = self._source.sample_aspect_ratio
        context.colorspace = _BT709 if self._rgb else first.colorspace
        context.color_range = _LIMITED_RANGE
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc

    def _finished(self, packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        if self._beside is not None:
            return [
                self.packet(
                    with_lengths(bytes(packet), 0),
                    shown=packet.pts or 0,
                    decoded=packet.pts or 0,
                    duration=packet.duration or 0,
                    key=packet.is_keyframe,
                )
                for packet in packets
            ]
        for packet in packets:
            packet.stream = self.stream
        return packets

    def packet(self, data: bytes, *, shown: int, decoded: int, duration: int, key: bool) -> Packet[VideoStream]:
        """A packet of the output's stream.

        Args:
            data: units with lengths.
            shown: tick of the output at which its picture is shown.
            decoded: the same of the picture in whose place it stands in decoding order.
            duration: ticks for which its picture is shown.
            key: whether a player can start here.
        """
        packet = cast("Packet[VideoStream]", Packet(data))
        packet.stream = self.stream
        packet.time_base = self._source.time_base or _FALLBACK_TIME_BASE
        packet.pts, packet.dts, packet.duration, packet.is_keyframe = shown, decoded - self._delay, duration, key
        return packet

    def _prepared(self, frame: VideoFrame) -> VideoFrame:
        width, height = frame.width, frame.height
        fits = (width + width % 2, height + height % 2) == (self._width, self._height)
        converted = self._reformatter.reformat(
            frame,
            width=width if fits else self._width,  # a size that changes midway is scaled to the first
            height=height if fits else self._height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709 if self._rgb else None,
            dst_color_range=ColorRange.MPEG,
        )
        return _padded(converted) if converted.width % 2 or converted.height % 2 else converted


def _padded(frame: VideoFrame) -> VideoFrame:
    """A yuv420p frame of odd size with its last column and row repeated: 4:2:0 knows even sizes only."""
    width, height = frame.width, frame.height
    padded = VideoFrame(width + width % 2, height + height % 2, "yuv420p")
    for plane, target in zip(frame.planes, padded.planes, strict=True):
        rows = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        grown = np.pad(rows, ((0, target.height - rows.shape[0]), (0, target.line_size - plane.width)), mode="edge")
        target.update(grown.tobytes())
    return padded
