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
        buffer = rate * buffer_seconds(rate, first_picture)
        limit = max(rate - stretches * buffer / max(seconds, 1e-3), rate / 2, _LEAST_RATE)
        return cls(round(limit), round(buffer))


def buffer_seconds(rate: float, first_picture: float) -> float:
    """Return the seconds in which a rate fills a buffer that holds the bits of a first picture."""
    return max(_BUFFER_SECONDS, first_picture / max(rate, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class EncoderSettings:
    """Settings of all encoders of one video stream.

    Attributes:
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
    """

    first: VideoFrame
    source: VideoStream
    clock: Clock
    factor: float
    key_interval: float
    interlaced: bool
    most: RateLimit | None = None
    copied_sets: ParameterSets | None = None
    decode_delay: int = 0
    overlay: Overlay | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the encoded pictures."""
        rows = 4 if self.interlaced else 2  # 4:2:0 needs an even number of lines in each field
        return self.first.width + self.first.width % 2, -(-self.first.height // rows) * rows

    def configure(self, context: VideoCodecContext) -> None:
        """Set up an encoder that is not yet open."""
        first, options = self.first, _OPTIONS | {"crf": f"{min(self.factor, _WORST_FACTOR):.1f}"}
        parameters = {}
        if self.most is not None:
            options |= {"maxrate": str(self.most.rate), "bufsize": str(self.most.buffer)}
            parameters["vbv-init"] = "1"
        if self.copied_sets is not None:
            parameters["sps-id"] = str(self.copied_sets.unused_id())
            profile = max(SequenceParameterSet.parse(unit).profile for unit in self.copied_sets.sequence)
            options["profile"] = _PROFILES[profile]
        options["x264-params"] = ":".join(f"{name}={value}" for name, value in parameters.items())
        context.options = options
        context.thread_count = 1  # files do not depend on the number of cores: stretches are encoded side by side
        context.width, context.height = self.size
        context.pix_fmt = "yuv420p"
        context.time_base = self.clock.time_base
        context.framerate = self.clock.rate
        context.flags |= Flags.frame_duration | Flags.global_header
        if self.interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.gop_size = max(1, round(self.key_interval * self.clock.rate))
        if self.source.sample_aspect_ratio:
            context.sample_aspect_ratio = self.source.sample_aspect_ratio
        context.colorspace = _BT709 if first.format.is_rgb else first.colorspace
        context.color_range = _LIMITED_RANGE
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc


class H264Stream:
    """A video stream of a file, into which packets are written that were encoded or copied.

    Frames are not rotated: the source's display matrix is written instead, as players expect it, so that no picture is
    resampled and encoded frames match copied ones.

    Args:
        output: the file.
        settings: of the stream's encoders.
    """

    def __init__(self, output: OutputContainer, settings: EncoderSettings) -> None:
        self._settings = settings
        self._stream = output.add_stream("libx264", rate=settings.clock.rate)
        context = self._stream.codec_context
        settings.configure(context)
        matrix = display_matrix(settings.first)
        if matrix is not None:
            self._stream.set_display_matrix(matrix)
        context.open()  # for its parameter sets, which are those of every encoder with these settings
        if settings.copied_sets is not None:
            own_sets = parameter_sets(context.extradata or b"")
            context.extradata = settings.copied_sets.joined_with(own_sets).configuration()

    def encoded(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Return a packet of an encoder as one of this stream."""
        if self._settings.copied_sets is None:
            packet.stream = self._stream
            return packet
        pts = packet.pts or 0
        data = length_prefixed(bytes(packet), 0)
        return self.packet(data, pts=pts, dts=pts, duration=packet.duration or 0, key=packet.is_keyframe)

    def packet(self, data: bytes, *, pts: int, dts: int, duration: int, key: bool) -> Packet[VideoStream]:
        """Make a packet.

        Args:
            data: NAL units with lengths.
            pts: tick of the output at which its frame is displayed.
            dts: the same of the frame whose place in display order it takes in decoding order.
            duration: ticks for which its frame is displayed.
            key: whether a player can start here.
        """
        packet = cast("Packet[VideoStream]", Packet(data))
        packet.stream = self._stream
        packet.time_base = self._settings.clock.time_base
        packet.pts, packet.dts = pts, dts - self._settings.decode_delay
        packet.duration, packet.is_keyframe = duration, key
        return packet


class H264Encoder:
    """Encode a run of frames, from a key frame on; each run has an encoder of its own."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._width, self._height = settings.size
        aspect = settings.source.sample_aspect_ratio or Fraction(1)
        overlay = settings.overlay
        self._overlays = None if overlay is None else Overlays(overlay, Orientation.of(settings.first), aspect)
        self._rgb = settings.first.format.is_rgb
        self._on_black, self._reformatter = OnBlack(), VideoReformatter()
        self._context = av.CodecContext.create("libx264", "w")
        settings.configure(self._context)

    def encode(self, frame: VideoFrame, pts: int, duration: int, *, key: bool) -> list[Packet[VideoStream]]:
        """Encode a frame displayed at tick `pts` of the output; return the packets that are ready.

        Args:
            frame: of the source, or a mixture.
            pts: tick of the output, in the time base of the source's clock.
            duration: in ticks.
            key: whether to make it a key frame.
        """
        converted = self._convert(frame)
        if self._overlays is not None:
            converted = self._overlays.on(converted, pts * self._settings.clock.time_base)
        converted.pts, converted.duration, converted.time_base = pts, duration, self._context.time_base
        # The encoder would follow the source's picture types.
        converted.pict_type = PictureType.I if key else PictureType.NONE
        return self._context.encode(converted)

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
        """End the run and return the rest of its packets."""
        return self._context.encode(None)

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
