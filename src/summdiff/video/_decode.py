"""Decoding in one sequential pass: frames in display order, each with its presentation time.

All workarounds for faulty timestamps and decoders are here; breaks that all streams have are repaired by the clock. The
frames that come out have strictly increasing times that start at 0.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from summdiff._runtime import threads_asked
from summdiff.errors import VideoError
from summdiff.video._clock import Clock, in_seconds, read_clock
from summdiff.video._container import (
    PIXELS_VARIABLE,
    OpenFile,
    demux,
    limit_pixels,
    max_pixels,
    open_input,
    pixel_aspect,
)
from summdiff.video._filters import deinterlaced, has_alpha
from summdiff.video._hardware import open_for_hardware
from summdiff.video._key_frames import ChosenPacket, KeyFrameFilter
from summdiff.video._shape import DisplayShape
from summdiff.video._streams import silent_track, video_stream

# A larger step back is a break in the clock (joined recordings), a smaller one is a wrong timestamp.
_CLOCK_BREAK_SECONDS = 1.0
# Decoders that must not use frame threads: on damaged streams HEVC's occasionally hangs, and FFV1's crashed twice in
# 20,000 altered films (docs/trust.md).
_NO_FRAME_THREADS = frozenset({"ffv1", "hevc"})
# FFmpeg's own decoders of these leave out the transparency that WebM stores beside the pictures.
_DECODERS_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Decoders that skip frames to which no other one refers, packet by packet; libdav1d decides once, when it is opened,
# and those of VP8 and VP9 have no such frames. Fields of a frame may differ in what refers to them, but in MPEG-2.
_SKIPPING = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"})
_SKIPPING_FIELDS = frozenset({"mpeg1video", "mpeg2video"})

_SHAPE_CHANGES = (
    "The shape of the picture changes midway: later pictures are fitted into the first one's, with black bars."
)
_NO_HARDWARE = "No hardware decoder here can decode this video: it was decoded on the processor."
_SILENT_TRACK = "Sound track {} is silent from start to end: track {} is used."


class TimedFrame(NamedTuple):
    """A decoded frame with its presentation time and duration, in ticks from the first displayed frame."""

    frame: VideoFrame
    ticks: int
    duration: int


class FrameDecoder(OpenFile):
    """Decode a video file in one sequential pass.

    Iterating yields frames in display order; their ticks start at 0 and increase strictly. Timestamps are repaired:

    - a missing one is one frame after its predecessor,
    - a repeated or slightly earlier one is half a frame after it,
    - after a break in the clock (a step back by over a second, or forward by over an hour) time goes on by one frame.

    Damaged packets and frames are skipped and counted. Frames of another shape than the first are letterboxed into its
    shape, see `DisplayShape`.

    Args:
        path: a local video file.
        sparse: seconds. Where key frames are at most this far apart only key frames are decoded, and elsewhere only
            reference frames. 0 decodes every frame.
        threads: decoding threads. None takes $SUMMDIFF_THREADS, or FFmpeg's choice. With several threads, FFmpeg
            conceals damaged pictures differently from run to run; with one it does not. If several threads decode
            no frame at all, one thread is tried.
        deinterlace: deinterlace the frames that are marked as interlaced.
        hardware: decode by hardware, where there is any for the codec; otherwise a note says so.

    Attributes:
        container, stream: the open file and its video stream.
        time_base: seconds per tick.
        frame_ticks: duration of a frame at the nominal rate, in ticks.
        longest_ticks: longest plausible duration of a frame, in ticks.
        regular: whether all timestamps so far were present and increasing, so that `clock` holds for the whole file.
        corrupt: number of damaged packets and frames skipped so far; after a seek, of those from its target on.
        interlaced: whether the first frame is marked as interlaced.
        needed: decides by the tick of a frame whether it is decoded even if no other one refers to it; None decodes
            all. To be set between two frames, if `can_skip`, and in effect while `regular`.

    Raises:
        VideoError: the file cannot be opened, has no usable video stream or too large frames; when iterating: no frame
            can be decoded.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sparse: float = 0.0,
        threads: int | None = None,
        deinterlace: bool = False,
        hardware: bool = False,
    ) -> None:
        self._path, self._sparse_seconds = path, sparse
        self._deinterlace, self._hardware = deinterlace, hardware
        self._open(threads or threads_asked() or 0)

    def _open(self, threads: int) -> None:
        container = open_for_hardware(self._path) if self._hardware else None
        self._without_hardware = self._hardware and container is None
        self.container = container or open_input(self._path)
        try:
            self.stream = video_stream(self.container)
            limit_pixels(self.stream, self._path)
        except BaseException:
            self.container.close()
            raise
        self._codec = self._decoder_of_stream()
        if container is not None:
            threads = 1  # the device decodes
        self._codec.thread_type = "SLICE" if self._codec.name in _NO_FRAME_THREADS else "AUTO"
        self._codec.thread_count = self._threads = threads  # 0: FFmpeg's choice
        self._unstarted = read_clock(self._path)
        self.time_base = self._unstarted.time_base
        self.frame_ticks = max(1, round(1 / (self._unstarted.rate * self.time_base)))
        self.longest_ticks = max(self.frame_ticks, math.ceil(self._unstarted.longest_still / self.time_base))
        self.regular = True
        self.corrupt = 0
        self.interlaced = False
        self.needed: Callable[[int], bool] | None = None
        self._origin: int | None = None
        self._shift = 0  # ticks to add to the timestamps of packets
        self._last: int | None = None  # ticks of the previous frame; None at the start and after a seek
        self._sought = -math.inf  # ticks; frames before may lack those that they refer to
        self._use_dts = False
        self._first_dts: int | None = None
        self._sparse_ticks = round(self._sparse_seconds / self.time_base)
        self._filter: KeyFrameFilter | None = None
        self._shape: DisplayShape | None = None

    def _decoder_of_stream(self) -> VideoCodecContext:
        context = self.stream.codec_context
        if context.name not in _DECODERS_WITH_ALPHA or self.stream.metadata.get("alpha_mode") != "1":
            return context
        other = cast("VideoCodecContext", VideoCodecContext.create(_DECODERS_WITH_ALPHA[context.name], "r"))
        other.extradata, other.options = context.extradata, context.options
        return other

    def close(self) -> None:
        self.container.close()

    @property
    def clock(self) -> Clock:
        """The clock of the file; known once the first frame is decoded."""
        if self._origin is None:
            raise RuntimeError("the clock is unknown before the first frame is decoded")
        return self._unstarted.starting_at(self._origin)

    @property
    def can_skip(self) -> bool:
        """Whether frames can be left out by `needed`; known once the first frame is decoded."""
        name = self._codec.name
        return name in (_SKIPPING_FIELDS if self.interlaced else _SKIPPING)

    def seconds(self, ticks: int) -> float:
        """Convert ticks to seconds, rounded to the nearest float."""
        return in_seconds(ticks, self.time_base)

    @property
    def packets_end(self) -> int | None:
        """Ticks at which the last frame of a sparse pass ends, decoded or not.

        None if the packets' timestamps are unreliable, and after a pass that decodes every frame.
        """
        packets = self._filter
        if packets is None or packets.end is None or self._origin is None or self._last is None:
            return None
        end = packets.end - self._origin
        # An end far behind the last decoded frame comes from a faulty timestamp.
        reliable = packets.reliable and self.regular and end <= self._last + self._sparse_ticks
        return end if reliable else None

    def seek(self, ticks: int) -> None:
        """Continue with a key frame at or before `ticks`, if the container supports it; only while `regular`.

        The container may land elsewhere: check the ticks of the next frame.
        """
        clock = self.clock
        at = clock.container_timestamp(ticks * clock.time_base, clock.stream_time_base)
        self.container.seek(at, stream=self.stream)
        if self._codec.is_open:
            self._codec.flush_buffers()
        self._last, self._sought = None, ticks

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about the frames so far, and about the sound."""
        silent = silent_track(self.container)
        sentences = [] if self._shape is None or self._shape.kept else [_SHAPE_CHANGES]
        sentences += [_NO_HARDWARE] if self._without_hardware else []
        return (*sentences, *([] if silent is None else [_SILENT_TRACK.format(*silent)]))

    def __iter__(self) -> Iterator[TimedFrame]:
        frames = self._timed()
        for frame, ticks, duration in self._deinterlaced(frames) if self._deinterlace else frames:
            if self._shape is None:
                aspect = self._codec.sample_aspect_ratio
                self._shape = DisplayShape(frame, pixel_aspect=pixel_aspect(self.stream), own_aspect=aspect)
            yield TimedFrame(self._shape(frame, self._codec.sample_aspect_ratio), ticks, duration)
        if self._origin is not None:
            return
        if self._threads != 1:
            self.close()
            self._open(threads=1)
            yield from self
            return
        # A decoder that meets too large frames forgets the size that the container stated.
        large = f", or its frames have more than the {max_pixels():,} pixels that {PIXELS_VARIABLE} allows"
        raise VideoError(
            f"'{self.container.name}' has no frame that can be decoded; the file is damaged"
            f"{'' if self.stream.codec_context.width else large}."
        )

    def _timed(self) -> Iterator[TimedFrame]:
        # The decoder of GIF lays pictures on white itself; the fourth byte of a raw pixel in AVI has no meaning.
        opaque = self._codec.name == "gif" or (self._codec.name, self.container.format.name) == ("rawvideo", "avi")
        for decoded in self._decoded():
            frame = decoded.reformat(format="rgb24") if opaque and has_alpha(decoded.format.name) else decoded
            ticks = self._start(frame) if self._origin is None else self._next_ticks(frame)
            self._last = ticks
            plausible = 0 < frame.duration <= self.longest_ticks
            yield TimedFrame(frame, ticks, frame.duration if plausible else self.frame_ticks)

    def _deinterlaced(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        waiting: deque[TimedFrame] = deque()

        def pictures() -> Iterator[VideoFrame]:
            for timed in frames:
                waiting.append(timed)
                yield timed.frame

        for frame in deinterlaced(pictures(), threads=self._threads):
            yield waiting.popleft()._replace(frame=frame)

    def _start(self, frame: VideoFrame) -> int:
        """Set the clock by the first displayed frame; return its ticks, 0."""
        self.interlaced = frame.interlaced_frame
        self._use_dts = frame.pts is None  # AVI and raw streams have at most decode timestamps
        timestamp = frame.dts if self._use_dts else frame.pts
        self.regular = not self._use_dts
        # These files do not state the encoder's delay: take the first packet's time for the first frame's.
        self._origin = (self._first_dts if self._use_dts else timestamp) or 0
        self._shift = -(timestamp or 0)
        return 0

    def _next_ticks(self, frame: VideoFrame) -> int:
        """Return the presentation time of a later frame, repaired where its timestamp is missing or implausible."""
        timestamp = frame.dts if self._use_dts else frame.pts
        step = None if timestamp is None or self._last is None else timestamp + self._shift - self._last
        if timestamp is not None and (step is None or 0 < step <= self.longest_ticks):
            return timestamp + self._shift
        self.regular = False
        last = self._last or 0
        if timestamp is None:
            return last + self.frame_ticks
        if step is not None and (step > 0 or -step > round(_CLOCK_BREAK_SECONDS / self.time_base)):
            self._shift = last + self.frame_ticks - timestamp
            return last + self.frame_ticks
        return last + max(1, self.frame_ticks // 2)

    def _decoded(self) -> Iterator[VideoFrame]:
        """Yield every undamaged frame in display order, and count the damaged ones."""
        packets = self._unstarted.repaired(demux(self.container, self.stream))
        chosen: Iterator[ChosenPacket] = (ChosenPacket(packet, isolated=False) for packet in packets)
        if self._sparse_ticks:
            self._filter = KeyFrameFilter(packets, longest_gap=self._sparse_ticks)
            chosen = iter(self._filter)
        while True:
            isolated = False
            try:
                packet, isolated = next(chosen, (None, False))
            except av.FFmpegError:  # the file is truncated: flush the decoder
                self.corrupt += 1
                packet = None
            if self._first_dts is None and packet is not None:
                self._first_dts = packet.dts
            self._codec.skip_frame = "NONREF" if self._is_dispensable(packet) else "DEFAULT"
            for frame in self._decode_isolated(packet) if isolated else self._decode(packet):
                if frame.is_corrupt:
                    self._count_damage(frame.pts)
                else:
                    yield frame
            if packet is None:
                return

    def _is_dispensable(self, packet: Packet[VideoStream] | None) -> bool:
        """Whether the frame of a packet may be left out if no other one refers to it."""
        if self._filter is not None:
            return self._filter.first_group_done  # the first displayed frame sets the clock
        if self.needed is None or not self.regular or packet is None or packet.pts is None:
            return False
        return not self.needed(packet.pts + self._shift)

    def _decode_isolated(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Decode a key frame between two flushes, so that its skipped neighbors do not disturb the display order."""
        frames = self._decode(None)
        self._codec.flush_buffers()
        frames += self._decode(packet) + self._decode(None)
        self._codec.flush_buffers()
        return frames

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        try:
            return self._codec.decode(packet)
        except av.EOFError:  # already flushed by the empty packet that ends demuxing
            return []
        except av.FFmpegError:
            self._count_damage(None if packet is None else packet.pts)
            return []

    def _count_damage(self, pts: int | None) -> None:
        self.corrupt += pts is None or pts + self._shift >= self._sought
