"""Encoding as H.264 that every player and browser can show: 8 bit, 4:2:0, even size, the source's color space."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff._runtime import threads_asked
from summdiff.video._clock import Clock
from summdiff.video._filters import OnBlack, without_mixing_fields
from summdiff.video._h264 import ParameterSets, SequenceParameterSet, length_prefixed, parameter_sets
from summdiff.video._overlay import Overlay, Overlays
from summdiff.video._picture import Orientation, display_matrix

# No B-frames: with them, an mp4 cannot state the duration of the last frame at a variable rate, and encoded groups of
# pictures could not be written next to copied ones without knowing all timestamps beforehand.
_OPTIONS = {"preset": "veryfast", "bf": "0", "forced-idr": "1"}
_BT709, _LIMITED_RANGE = 1, 1  # numbers of ITU-T H.273 and of FFmpeg
_BUFFER_SECONDS = 1.0
_WORST_FACTOR = 51
_LEAST_RATE = 1000  # bits per second; x264 refuses 0
_PROFILES = {66: "baseline", 77: "main", 100: "high"}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Limit of the rate of encoded pictures: a buffer that is filled at a rate and that no picture may empty.

    Attributes:
        rate: bits per second.
        buffer: bits that it holds.
    """

    rate: int
    buffer: int

    @classmethod
    def on_average(cls, rate: float, *, first_picture: float, seconds: float, stretches: int) -> RateLimit:
        """Return the limit with which stretches, each encoded with a full buffer at first, have a rate on average.

        Args:
            rate: bits per second.
            first_picture: bits that must be in the buffer at first.
            seconds: length of all stretches together.
            stretches: their number.
        """
        buffer = max(_BUFFER_SECONDS * rate, first_picture)
        limit = max(rate - stretches * buffer / max(seconds, 1e-3), rate / 2, _LEAST_RATE)
        return cls(round(limit), round(buffer))


class H264Encoder:
    """Add a video stream to a file and encode frames for it.

    Frames are not rotated: the source's display matrix is written instead, as players expect it, so that no picture is
    resampled and encoded frames match copied ones.

    Args:
        output: the file.
        first: the first frame of the source, for size, colors and orientation.
        source: the source's stream, for the pixel aspect ratio.
        clock: the source's clock, for rate and time base.
        factor: constant rate factor.
        key_interval: most seconds from one key frame to the next.
        most: limit of the rate; None for no limit.
        interlaced: write interlaced frames as such, instead of as progressive ones.
        copied_sets: parameter sets of frames that will be copied into the same stream. Packets then have lengths
            instead of start codes, see `summdiff.video._h264.length_prefixed`.
        decode_delay: ticks by which decoding precedes display in copied frames.
        overlay: drawn over every frame; None for nothing.

    Attributes:
        stream: the output's stream.
    """

    def __init__(
        self,
        output: OutputContainer,
        first: VideoFrame,
        source: VideoStream,
        clock: Clock,
        *,
        factor: float,
        key_interval: float,
        most: RateLimit | None,
        interlaced: bool,
        copied_sets: ParameterSets | None,
        decode_delay: int,
        overlay: Overlay | None = None,
    ) -> None:
        self._first = first
        aspect = source.sample_aspect_ratio or Fraction(1)
        self._overlays = None if overlay is None else Overlays(overlay, Orientation.of(first), aspect)
        self._source = source
        self._factor, self._key_interval, self._most, self._interlaced = factor, key_interval, most, interlaced
        rows = 4 if interlaced else 2  # 4:2:0 needs an even number of lines in each field
        self._width, self._height = first.width + first.width % 2, -(-first.height // rows) * rows
        self._copied_sets = copied_sets
        self._decode_delay = decode_delay
        self._time_base, self._rate = clock.time_base, clock.rate
        self._rgb = first.format.is_rgb
        self._on_black, self._reformatter = OnBlack(), VideoReformatter()
        self.stream = output.add_stream("libx264", rate=self._rate)
        self._context: VideoCodecContext | None = self.stream.codec_context
        self._configure(self._context)
        matrix = display_matrix(first)
        if matrix is not None:
            self.stream.set_display_matrix(matrix)
        if copied_sets is not None:
            self._context.open()
            own_sets = parameter_sets(self._context.extradata or b"")
            self.stream.codec_context.extradata = copied_sets.joined_with(own_sets).configuration()

    def encode(self, frame: VideoFrame, pts: int, duration: int, *, key: bool) -> list[Packet[VideoStream]]:
        """Encode a frame displayed at tick `pts` of the output; return the packets to write.

        Args:
            frame: of the source, or a mixture.
            pts: tick of the output, in the time base of the source's clock.
            duration: in ticks.
            key: whether to make it a key frame.
        """
        if self._context is None:
            self._context = av.CodecContext.create("libx264", "w")
            self._configure(self._context)
        converted = self._convert(frame)
        if self._overlays is not None:
            converted = self._overlays.on(converted, pts * self._time_base)
        converted.pts, converted.duration, converted.time_base = pts, duration, self._context.time_base
        # The encoder would follow the source's picture types.
        converted.pict_type = PictureType.I if key else PictureType.NONE
        return self._for_output(self._context.encode(converted))

    def mixture(self, before: VideoFrame, after: VideoFrame, share: float) -> VideoFrame:
        """Mix two frames of the source, with a share of the second in [0, 1]."""
        frames = self._convert(before), self._convert(after)
        mixed = VideoFrame(self._width, self._height, "yuv420p")
        weight = round(256 * share)
        for first, second, target in zip(frames[0].planes, frames[1].planes, mixed.planes, strict=True):
            rows = _rows(first).astype(np.uint16) * (256 - weight) + _rows(second).astype(np.uint16) * weight
            padded = np.zeros((target.height, target.line_size), dtype=np.uint8)
            padded[:, : target.width] = (rows + 128) >> 8
            target.update(padded.tobytes())
        mixed.colorspace, mixed.color_range = frames[0].colorspace, frames[0].color_range
        return mixed

    def finish(self) -> list[Packet[VideoStream]]:
        """Flush the encoder and return its packets. The next frame starts a new group of pictures."""
        if self._context is None:
            return []
        packets = self._for_output(self._context.encode(None))
        self._context = None
        return packets

    def packet(self, data: bytes, *, pts: int, dts: int, duration: int, key: bool) -> Packet[VideoStream]:
        """Make a packet of the output's stream.

        Args:
            data: NAL units with lengths.
            pts: tick of the output at which its frame is displayed.
            dts: the same of the frame whose place in display order it takes in decoding order.
            duration: ticks for which its frame is displayed.
            key: whether a player can start here.
        """
        packet = cast("Packet[VideoStream]", Packet(data))
        packet.stream = self.stream
        packet.time_base = self._time_base
        packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts - self._decode_delay, duration, key
        return packet

    def _configure(self, context: VideoCodecContext) -> None:
        first, options = self._first, _OPTIONS | {"crf": f"{min(self._factor, _WORST_FACTOR):.1f}"}
        parameters = {}
        if self._most is not None:
            options |= {"maxrate": str(self._most.rate), "bufsize": str(self._most.buffer)}
            parameters["vbv-init"] = "1"
        if self._copied_sets is not None:
            parameters["sps-id"] = str(self._copied_sets.unused_id())
            profile = max(SequenceParameterSet.parse(unit).profile for unit in self._copied_sets.sequence)
            options["profile"] = _PROFILES[profile]
        options["x264-params"] = ":".join(f"{name}={value}" for name, value in parameters.items())
        context.options = options
        # With a limited rate, x264's threads look at what the others have just written: no two files would be alike.
        # 0: x264's choice
        context.thread_count = 1 if self._most is not None else threads_asked() or 0
        context.width, context.height = self._width, self._height
        context.pix_fmt = "yuv420p"
        context.time_base = self._time_base
        context.framerate = self._rate
        context.flags |= Flags.frame_duration | Flags.global_header
        if self._interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.gop_size = max(1, round(self._key_interval * self._rate))
        if self._source.sample_aspect_ratio:
            context.sample_aspect_ratio = self._source.sample_aspect_ratio
        context.colorspace = _BT709 if self._rgb else first.colorspace
        context.color_range = _LIMITED_RANGE
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc

    def _for_output(self, packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        if self._copied_sets is None:
            for packet in packets:
                packet.stream = self.stream
            return packets
        return [
            self.packet(
                length_prefixed(bytes(packet), 0),
                pts=packet.pts or 0,
                dts=packet.pts or 0,
                duration=packet.duration or 0,
                key=packet.is_keyframe,
            )
            for packet in packets
        ]

    def _convert(self, frame: VideoFrame) -> VideoFrame:
        """Convert a frame to the output's pixel format and even size."""
        frame = self._on_black(frame)
        if frame.interlaced_frame and frame.format.name != "yuv420p":
            frame = without_mixing_fields(frame)
        converted = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709 if self._rgb else None,
            dst_color_range=ColorRange.MPEG,
        )
        fits = (converted.width, converted.height) == (self._width, self._height)
        return converted if fits else _grown(converted, self._width, self._height)


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    """Return the samples (rows, columns) of a plane of 8 bits."""
    stored: NDArray[np.uint8] = np.frombuffer(cast(Any, plane), np.uint8)
    return stored.reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _grown(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """Repeat the last column and row of a yuv420p frame, up to a size."""
    padded = VideoFrame(width, height, "yuv420p")
    for plane, target in zip(frame.planes, padded.planes, strict=True):
        rows = _rows(plane)
        grown = np.pad(rows, ((0, target.height - rows.shape[0]), (0, target.line_size - plane.width)), mode="edge")
        target.update(grown.tobytes())
    return padded
