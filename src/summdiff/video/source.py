"""Opens a local video file and hands out its displayed frames in order, each with its place in time.

This is the only place that knows how containers and decoders misbehave. What comes out is a clean time line: it
starts at 0 with the first displayed frame and never stands still or goes back.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import av
import av.container
import av.stream
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from summdiff._runtime import threads_asked, whole_number
from summdiff.errors import UsageError, VideoError
from summdiff.video.keyframes import Chosen, Sparse

# A step back by more than this is a break in the clock (joined recordings), a smaller one is a faulty time stamp.
_CLOCK_BREAK_SECONDS = 1.0
# A picture that stands for longer is a break in the clock as well: a faulty time stamp must not make years of video.
LONGEST_STILL_SECONDS = 3600.0
_PICTURE_FORMATS = ("image2", "_pipe", "tty")
# Forms of file that only name other files or streams, which nobody asked to have opened.
_LISTS = frozenset({"concat", "dash", "hls", "imf", "rtp", "rtsp", "sap", "sdp", "webm_dash_manifest"})
# Decoders whose threads must not take a picture each: on damaged streams HEVC's then waits for ever now and then, and
# FFV1's crashed twice, in a thread of its own, in 20,000 changed films of all kinds (docs/trust.md).
_NO_PICTURE_THREADS = frozenset({"ffv1", "hevc"})
# A decoder holds up to sixteen pictures and more, so that larger ones than these, 8192 x 8192, take gigabytes.
_MOST_PIXELS = 2**26
_PIXELS_VARIABLE = "SUMMDIFF_MAX_PIXELS"


FileVersion = tuple[int, int, int, int]


class Timed(NamedTuple):
    """A decoded frame and when it is on display, in units of the stream's time base from the first displayed frame."""

    frame: VideoFrame
    ticks: int
    duration: int


def open_input(path: str | os.PathLike[str], *, formats: Iterable[str] | None = None) -> InputContainer:
    """Open a local file for reading.

    Args:
        path: the file.
        formats: FFmpeg's names of the containers that are let in; None: all that hold videos themselves.

    Raises:
        VideoError: the path does not exist, is not a regular file, is empty, or is no video that FFmpeg knows.
    """
    # An absolute path keeps FFmpeg from taking "a:b.mp4" for a protocol or "-i.mp4" for an option.
    absolute = Path(os.path.abspath(os.fspath(path)))  # noqa: PTH100  (Path.resolve would follow links)
    try:
        if not absolute.exists():
            raise VideoError(f"'{path}' does not exist; check the path.")
        if absolute.is_dir():
            raise VideoError(f"'{path}' is a folder; name a video file inside it.")
        if not absolute.is_file():
            raise VideoError(f"'{path}' is not a regular file; save the video to disk first.")
        if absolute.stat().st_size == 0:
            raise VideoError(f"'{path}' is empty (0 bytes); it may be an unfinished download or recording.")
        # Titles in unknown encodings must not stop us.
        container = av.open(str(absolute), mode="r", options=_open_options(formats), metadata_errors="replace")
    except av.ArgumentError as error:
        raise VideoError(f"'{path}' cannot be read as a video: it is damaged, or a list of other files.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(f"'{path}' cannot be read as a video: {reason}.") from error
    # PyAV lets FFmpeg guess missing time stamps from decoding times, which in AVI files puts B-frames out of order.
    generate: Any = av.container.Flags.gen_pts  # PyAV's own types take a member of this enum for the enum
    container.flags &= ~generate.value
    if container.format.name.endswith(_PICTURE_FORMATS):
        container.close()
        raise VideoError(f"'{path}' is a picture or a text, not a video.")
    return container


def most_pixels() -> int:
    """How many pixels a picture may have: $SUMMDIFF_MAX_PIXELS, else 67 million.

    Raises:
        UsageError: the variable holds something else than a whole number above 0.
    """
    return min(whole_number(_PIXELS_VARIABLE, _MOST_PIXELS, "pixels", error=UsageError), 2**31 - 1)


def _decoder_limit() -> str:
    """The same with what decoders add at the edges."""
    return str(min(most_pixels() * 5 // 4 + 100_000, 2**31 - 1))


@cache
def _video_formats() -> str:
    return ",".join(sorted(av.formats_available - _LISTS))


def _open_options(formats: Iterable[str] | None) -> dict[str, str]:
    """What keeps a file to itself and to a bearable size."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": _video_formats() if formats is None else ",".join(formats),
        "max_pixels": _decoder_limit(),  # for the decoders that look into what the container leaves open
    }


def _limit_pixels(stream: VideoStream, path: str | os.PathLike[str]) -> None:
    """Raise a VideoError where pictures are too large; those that get so later are damage to the decoder."""
    context, most = stream.codec_context, most_pixels()
    if context.width * context.height > most:
        raise VideoError(
            f"'{path}' has pictures of {context.width} x {context.height} pixels, but {most:,} pixels are allowed, as "
            f"larger ones take gigabytes of memory: set {_PIXELS_VARIABLE} to allow more."
        )
    context.options = {"max_pixels": _decoder_limit()}


def file_version(path: str | os.PathLike[str]) -> FileVersion:
    """What changes when a file is written anew: its place on the disk, its time and its size; zeros for no file."""
    try:
        status = os.stat(path)  # noqa: PTH116  (a Path would be made for nothing)
    except (OSError, ValueError):  # the latter: no name that a file could have
        return 0, 0, 0, 0
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def video_stream(container: InputContainer) -> VideoStream:
    """The video stream that a player shows: of those marked as default the one with the most pixels.

    Cover pictures and thumbnails are no video streams.

    Raises:
        VideoError: there is none, or no decoder for it.
    """
    stills = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & stills]
    if not streams:
        found = "only sound" if container.streams.audio else "no picture"
        raise VideoError(f"'{container.name}' has {found}; a video stream is needed.")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise VideoError(f"'{container.name}' uses a video codec that this FFmpeg cannot decode; convert it first.")
    return max(
        known,
        key=lambda stream: (
            bool(stream.disposition & av.stream.Disposition.default),
            stream.codec_context.width * stream.codec_context.height,
        ),
    )


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first sound stream marked as default, else the first one that can be decoded, else None."""
    known = [stream for stream in container.streams.audio if stream.codec_context is not None]
    marked = [stream for stream in known if stream.disposition & av.stream.Disposition.default]
    return next(iter(marked + known), None)


def nominal_rate(stream: VideoStream) -> Fraction:
    """Frames per second as the container tells it; 25 where it tells nothing usable."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 1 / LONGEST_STILL_SECONDS <= rate <= 1000:
            return rate
    return Fraction(25)


class FrameSource:
    """One sequential pass over the frames of a video file.

    Iterating yields `Timed` frames in display order: the first at 0 ticks, each later than the one before it. Frames
    without a time stamp follow their predecessor by one frame; a repeated or slightly earlier one by half a frame;
    after a break in the clock (joined recordings, a jump by more than an hour) time goes on by one frame. Damaged
    packets and frames are skipped.

    Args:
        path: a local video file.
        sparse: seconds; where key frames lie no further apart, only they are decoded, and elsewhere no frame that no
            other refers to. 0 for every frame.
        threads: that decode; None: as $SUMMDIFF_THREADS says, or as many as FFmpeg thinks fit. How FFmpeg fills gaps in
            damaged pictures depends on how several threads happen to run; with one they are always the same. Where
            several find no picture at all, one is tried.

    Attributes:
        container, stream: what is being read.
        time_base: seconds per tick.
        origin: time 0 on the container's clock, which sound shares, in ticks; None before the first frame.
        nominal: ticks that a frame lasts where nothing else is known.
        longest: ticks that a frame may last.
        regular: whether all time stamps so far were there and increasing, so that `origin` relates both clocks.
        corrupt: number of damaged packets and frames skipped so far.

    Raises:
        VideoError: see `open_input` and `video_stream`; its pictures are too large; when iterating, that not a single
            frame can be decoded.
    """

    def __init__(self, path: str | os.PathLike[str], *, sparse: float = 0.0, threads: int | None = None) -> None:
        self._path, self._sparse_seconds = path, sparse
        self._open(threads or threads_asked() or 0)

    def _open(self, threads: int) -> None:
        self.container = open_input(self._path)
        try:
            self.stream = video_stream(self.container)
            _limit_pixels(self.stream, self._path)
        except BaseException:
            self.container.close()
            raise
        self.stream.thread_type = "SLICE" if self.stream.codec_context.name in _NO_PICTURE_THREADS else "AUTO"
        self.stream.codec_context.thread_count = self._threads = threads  # 0: as many as FFmpeg thinks fit
        self.time_base = self.stream.time_base or Fraction(1, 1_000_000)
        self.origin: int | None = None
        self.regular = True
        self.corrupt = 0
        self._shift = 0  # from the container's clock to ours
        self._last: int | None = None  # ticks of the frame before; None where there is none to compare with
        self._use_dts = False
        self._first_dts: int | None = None
        self.nominal = max(1, round(1 / (nominal_rate(self.stream) * self.time_base)))
        self._within = round(self._sparse_seconds / self.time_base)
        self._sparse: Sparse | None = None
        # In ticks: what is longer is no time for which a picture stands.
        self.longest = max(self.nominal, math.floor(LONGEST_STILL_SECONDS / self.time_base))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self.container.close()

    def seconds(self, ticks: int) -> float:
        """Ticks as seconds; the float nearest to the exact quotient."""
        return ticks * self.time_base.numerator / self.time_base.denominator

    @property
    def told(self) -> tuple[int, int] | None:
        """Of a sparse pass: how many frames there are, decoded or not, and the ticks at which the last one ends.

        None where the packets do not tell, and after a pass over every frame.
        """
        seen = self._sparse
        if seen is None or seen.end is None or self.origin is None or self._last is None:
            return None
        end = seen.end - self.origin
        right = seen.trusted and self.regular and end <= self._last + self._within  # no faulty one far ahead
        return (seen.shown, end) if right else None

    def seek(self, ticks: int) -> None:
        """Go on with a key frame at or before `ticks`, if the container can; only while `regular`.

        Where it lands is for the caller to check: the next frame may come later than asked for.
        """
        if self.origin is None:
            raise RuntimeError("seek() needs the origin: decode the first frame before")
        self.container.seek(self.origin + ticks, stream=self.stream)
        self._last = None

    def __iter__(self) -> Iterator[Timed]:
        break_ticks = round(_CLOCK_BREAK_SECONDS / self.time_base)
        for frame in self._decoded():
            if self.origin is None:
                self._use_dts = frame.pts is None  # AVI and raw streams carry decoding times at best
                stamp = frame.dts if self._use_dts else frame.pts
                self.regular = not self._use_dts
                # An encoder's delay is not told in such files: the first packet stands for the first picture.
                self.origin = (self._first_dts if self._use_dts else stamp) or 0
                self._shift = -(stamp or 0)
                ticks = 0
            else:
                stamp = frame.dts if self._use_dts else frame.pts
                last = self._last
                step = None if stamp is None or last is None else stamp + self._shift - last
                if stamp is not None and (step is None or 0 < step <= self.longest):
                    ticks = stamp + self._shift
                else:
                    self.regular = False
                    last = last or 0
                    if stamp is None:
                        ticks = last + self.nominal
                    elif step is not None and (step > 0 or -step > break_ticks):
                        ticks = last + self.nominal
                        self._shift = ticks - stamp
                    else:
                        ticks = last + max(1, self.nominal // 2)
            self._last = ticks
            yield Timed(frame, ticks, frame.duration if 0 < frame.duration <= self.longest else self.nominal)
        if self.origin is None and self._threads != 1:
            self.close()
            self._open(threads=1)
            yield from self
        elif self.origin is None:
            # A decoder that meets pictures that are too large forgets what the container said of their size.
            large = f", or its pictures have more than the {most_pixels():,} pixels that {_PIXELS_VARIABLE} allows"
            raise VideoError(
                f"'{self.container.name}' holds no frame that can be decoded; the file is damaged"
                f"{'' if self.stream.codec_context.width else large}."
            )

    def _decoded(self) -> Iterator[VideoFrame]:
        """Every sound frame in display order, counting what had to be left out."""
        packets: Iterator[Packet[VideoStream]] = self.container.demux(self.stream)
        chosen: Iterator[Chosen] = (Chosen(packet, alone=False) for packet in packets)
        if self._within:
            self._sparse = Sparse(packets, within=self._within)
            chosen = iter(self._sparse)
        while True:
            alone = False
            try:
                packet, alone = next(chosen, (None, False))
            except av.FFmpegError:  # the file breaks off here: what the decoder still holds is the end
                self.corrupt += 1
                packet = None
            if self._first_dts is None and packet is not None:
                self._first_dts = packet.dts
            if self._sparse is not None and self._sparse.begun:  # not before: the first frame on display is time 0
                self.stream.codec_context.skip_frame = "NONREF"
            for frame in self._decode_alone(packet) if alone else self._decode(packet):
                if frame.is_corrupt:
                    self.corrupt += 1
                else:
                    yield frame
            if packet is None:
                return

    def _decode_alone(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """A key frame by itself: a decoder that saw others before and after would put them out of order."""
        frames = self._decode(None)  # what it still holds
        self.stream.codec_context.flush_buffers()
        frames += self._decode(packet) + self._decode(None)
        self.stream.codec_context.flush_buffers()
        return frames

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        try:
            return self.stream.decode(packet)
        except av.EOFError:  # already flushed by the empty packet that ends a demuxing pass
            return []
        except av.FFmpegError:
            self.corrupt += 1
            return []
