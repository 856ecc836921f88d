"""Videos that are added to the studio: uploads, which are limited in size, and files of this computer."""

from __future__ import annotations

import gc
import os
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import av
from starlette.concurrency import run_in_threadpool

from summdiff._untrusted import check_regular
from summdiff.errors import UsageError, VideoError, reason
from summdiff.video import has_subtitles, open_input, player_times, probe, video_stream

_RESERVED_BYTES = 500_000_000  # free space that an upload leaves on the disk
_CHECK_EVERY_BYTES = 16_000_000  # of an upload, between checks of the disk
_MAX_NAME_BYTES = 120
_MAX_TITLE_LENGTH = 200

# Containers that hold their own media. Playlists (HLS, concat, DASH …) would let an upload name other files of this
# computer, which would then be read and shown.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpegtsraw", "mpeg", "mpegvideo", "flv", "live_flv",
    "kux", "ogg", "asf", "asf_o", "mxf", "nut", "rm", "dv", "gxf", "wtv", "ivf", "h264", "hevc", "av1", "obu", "m4v",
    "vc1", "yuv4mpegpipe", "gif", "swf", "ty", "nsv", "pva", "lxf", "mxg", "film_cpk", "roq", "smk", "bink",
)  # fmt: skip
_WEBM_VIDEO_CODECS = {"vp8", "vp9", "av1"}
_WEBM_AUDIO_CODECS = {"opus", "vorbis"}
_MEDIA_TYPES = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "ogg": "video/ogg",
    "flv": "video/x-flv",
}


class TooLargeError(UsageError):
    """An upload exceeds the size limit or the free space on the disk."""


@dataclass(frozen=True)
class VideoFile:
    """A video file and the container's statements about it.

    Attributes:
        path: the file.
        title: name for people; any text, always shown as text.
        duration: seconds.
        width, height: pixels of the upright picture.
        codec: FFmpeg's name of the video codec.
        container: FFmpeg's name of the container.
        media_type: for the Content-Type header.
        has_audio: whether the file has sound.
        has_subtitles: whether it has subtitles as text.
        size: bytes.
        player_times: see `summdiff.video.player_times`.
    """

    path: Path
    title: str
    duration: float
    width: int
    height: int
    codec: str
    container: str
    media_type: str
    has_audio: bool
    has_subtitles: bool
    size: int
    player_times: tuple[tuple[float, float], ...]


def describe(path: Path, title: str) -> VideoFile:
    """Open a file and describe it.

    Raises:
        VideoError: it cannot be read as a video, or only points to other files.
    """
    try:
        with open_input(path, formats=_CONTAINERS) as container:
            name = container.format.name
            codec = video_stream(container).codec_context.codec.canonical_name
            audio_contexts = [stream.codec_context for stream in container.streams.audio]
            subtitles = has_subtitles(container)
            audio_codecs = {context.codec.canonical_name for context in audio_contexts if context is not None}
        info = probe(path)
        times = player_times(path)
        size = path.stat().st_size
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"'{title}' cannot be read as a video.") from error
    except VideoError as error:
        raise VideoError(str(error).replace(str(path), title)) from error  # paths of this computer stay private
    finally:
        gc.collect()  # PyAV's frames and their side data refer to each other: a large picture would stay for long
    sideways = info.rotation % 180 == 90
    media_type = _MEDIA_TYPES.get(name, "application/octet-stream")
    if name == "matroska,webm" and codec in _WEBM_VIDEO_CODECS and audio_codecs <= _WEBM_AUDIO_CODECS:
        media_type = "video/webm"
    return VideoFile(
        path=path,
        title=title,
        duration=info.duration,
        width=info.height if sideways else info.width,
        height=info.width if sideways else info.height,
        codec=codec,
        container=name,
        media_type=media_type,
        has_audio=info.has_audio,
        has_subtitles=subtitles,
        size=size,
        player_times=times,
    )


def clean_title(name: str) -> str:
    """Return the last part of a browser's file name, in one line and without control characters."""
    last = re.split(r"[/\\]", name)[-1]
    text = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip()
    return text[:_MAX_TITLE_LENGTH] or "video"


def file_name(title: str) -> str:
    """Return a safe file name that resembles a title: letters, digits, blanks and a few other characters.

    It contains no separator, does not start with a dot or a dash, and fits every file system. It is only used inside
    a folder made for this one file.
    """
    characters = unicodedata.normalize("NFC", title)
    safe = "".join(character if character.isalnum() or character in " _-.,()" else "_" for character in characters)
    stem, dot, suffix = safe.lstrip(" .-").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    if not re.fullmatch(r"[A-Za-z0-9]{1,5}", suffix):
        stem, suffix = f"{stem}_{suffix}" if stem and suffix else stem or suffix, ""
    stem = stem.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(" .") or "video"
    return f"{stem}.{suffix}" if suffix else stem


async def save_upload(body: AsyncIterator[bytes], path: Path, *, announced_bytes: int | None, max_bytes: int) -> None:
    """Write an upload to a file while it stays within the limits.

    Args:
        body: the content, in chunks.
        path: the file to write.
        announced_bytes: size according to the request, if stated.
        max_bytes: largest size accepted.

    Raises:
        TooLargeError: the size, or the announced size, exceeds `max_bytes` or the free space on the disk.
    """

    def check(size: int, needed: int) -> None:
        if size > max_bytes:
            raise TooLargeError(
                f"The video is larger than {size_text(max_bytes)}; `summdiff serve --max-upload` sets the limit."
            )
        free = shutil.disk_usage(path.parent).free - _RESERVED_BYTES
        if needed > free:
            raise TooLargeError(f"There is not enough room on the server's disk: {size_text(max(free, 0))} are free.")

    check(announced_bytes or 0, announced_bytes or 0)
    size = checked_up_to = 0
    try:
        with path.open("xb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > min(checked_up_to, max_bytes):  # repeatedly: other uploads fill the same disk
                    checked_up_to = size + _CHECK_EVERY_BYTES
                    check(size, _CHECK_EVERY_BYTES)
                await run_in_threadpool(file.write, chunk)
    except OSError as error:  # the disk may fill up between checks
        raise TooLargeError(f"The video cannot be stored: {reason(error)}.") from error


def local_file(text: str) -> Path:
    """Return the file of this computer that a typed path names.

    Raises:
        VideoError: the file does not exist.
    """
    typed = text.strip().strip("\"'")
    try:
        path = Path(os.path.abspath(os.path.expanduser(typed)))  # noqa: PTH100, PTH111 - links stay as typed
        check_regular(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name of a file or of a user
        if os.path.isdir(folder := os.path.expanduser(typed.replace("\0", ""))):  # noqa: PTH111, PTH112
            raise VideoError(f"'{folder}' is a folder: enter the path of a video in it.") from error
        raise VideoError(f"There is no file '{typed}' on this computer.") from error
    return path


def size_text(size: int) -> str:
    """Format a number of bytes."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
