"""Opening of local video files and reading of their packets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.container
from av.codec.hwaccel import HWAccel
from av.container.input import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from summdiff._runtime import whole_number
from summdiff.errors import UsageError, VideoError, reason
from summdiff.video._unreadable import why_unreadable

PIXELS_VARIABLE = "SUMMDIFF_MAX_PIXELS"
# A frame that would be displayed for longer has a wrong timestamp: it must not turn into years of video.
LONGEST_STILL_SECONDS = 3600.0
_IMAGE_AND_TEXT_FORMATS = ("image2", "_pipe", "tty")
# Formats that name other files or streams, which the user did not ask to open.
# Those for images take a name such as "a%d.png" for a series of files.
_PLAYLISTS = frozenset({
    "concat", "dash", "hls", "imf", "rtp", "rtsp", "sap", "sdp", "vobsub", "webm_dash_manifest",
    "image2", "alias_pix", "brender_pix",
})  # fmt: skip
# 8192 x 4320 and a little more. A decoder holds sixteen frames and more, so that larger ones take gigabytes.
_DEFAULT_MAX_PIXELS = 36_000_000


FileVersion = tuple[int, int, int, int]


class OpenFile:
    """Base of classes that hold a file open: a context manager that calls `close`."""

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_input(
    path: str | os.PathLike[str], *, formats: Iterable[str] | None = None, hardware: HWAccel | None = None
) -> InputContainer:
    """Open a local file for reading.

    Args:
        path: the file.
        formats: FFmpeg's names of the containers to accept; None accepts every container that holds its own media.
        hardware: the device that decodes its streams, where it can.

    Raises:
        VideoError: the path does not exist, is not a regular file, is empty, or FFmpeg cannot read it as a video.
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
        # Titles in unknown encodings are no reason to refuse a video.
        container = av.open(
            str(absolute), mode="r", options=_open_options(formats), metadata_errors="replace", hwaccel=hardware
        )
    except (av.InvalidDataError, av.ArgumentError) as error:
        raise VideoError(f"'{path}' cannot be read as a video: {why_unreadable(absolute)}.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"'{path}' cannot be read as a video: {reason(error)}.") from error
    # Presentation timestamps that FFmpeg derives from decode timestamps put the B-frames of AVI files out of order.
    generate: Any = av.container.Flags.gen_pts  # PyAV's types take a member of this enum for the enum
    container.flags &= ~generate.value
    if container.format.name.endswith(_IMAGE_AND_TEXT_FORMATS):
        container.close()
        if container.format.name == "webp_pipe":
            raise VideoError(f"'{path}' is a WebP picture or animation: convert it to mp4 or GIF first.")
        raise VideoError(f"'{path}' is a picture or a text, not a video.")
    return container


def demux(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """Yield the packets of the streams in the order of the file, and an empty one for each stream at the end.

    Raises:
        av.FFmpegError: the file is truncated or damaged.
    """
    # PyAV raises IndexError at the very end if a stream appeared midway (television).
    with suppress(IndexError):
        yield from container.demux(streams)


def max_pixels() -> int:
    """Return the number of pixels that a frame may have: $SUMMDIFF_MAX_PIXELS, by default 36 million.

    Raises:
        UsageError: the variable is not a whole number above 0.
    """
    return min(whole_number(PIXELS_VARIABLE, _DEFAULT_MAX_PIXELS, "pixels", error=UsageError), 2**31 - 1)


def limit_pixels(stream: VideoStream, path: str | os.PathLike[str]) -> None:
    """Refuse a stream whose frames are too large, and let its decoder treat frames that grow later as damage.

    Raises:
        VideoError: frames have more than `max_pixels()` pixels.
    """
    context, most = stream.codec_context, max_pixels()
    if context.width * context.height > most:
        raise VideoError(
            f"'{path}' has frames of {context.width} x {context.height} pixels; at most {most:,} pixels are allowed, "
            f"because larger frames take gigabytes of memory. Set {PIXELS_VARIABLE} to allow more."
        )
    context.options = {"max_pixels": _decoder_limit()}


def file_version(path: str | os.PathLike[str]) -> FileVersion:
    """Return a key that changes when a file is replaced or rewritten: device, inode, time and size; zeros for none."""
    try:
        status = os.stat(path)  # noqa: PTH116  (avoids creating a Path)
    except (OSError, ValueError):  # ValueError: the name is impossible for a file
        return 0, 0, 0, 0
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def nominal_rate(stream: VideoStream) -> Fraction:
    """Return the frames per second that the container states; 25 if it states nothing plausible."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 1 / LONGEST_STILL_SECONDS <= rate <= 1000:
            return rate
    return Fraction(25)


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return the width of a stored pixel divided by its height; 1 if it is unknown or outside [1/16, 16]."""
    ratio = stream.sample_aspect_ratio
    return ratio if ratio and Fraction(1, 16) <= ratio <= 16 else Fraction(1)


def _decoder_limit() -> str:
    """Return `max_pixels` plus the margin that decoders add at the edges."""
    return str(min(max_pixels() * 5 // 4 + 100_000, 2**31 - 1))


@cache
def _media_formats() -> str:
    return ",".join(sorted(av.formats_available - _PLAYLISTS))


def _open_options(formats: Iterable[str] | None) -> dict[str, str]:
    """Return FFmpeg options that keep it from opening other files and from allocating huge frames."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": _media_formats() if formats is None else ",".join(formats),
        "max_pixels": _decoder_limit(),  # for decoders that run while the container is probed
    }
