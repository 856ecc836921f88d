"""How videos come in: as uploads that are let in step by step, or as files of this machine."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from summdiff.errors import UsageError, VideoError

_SPARE_BYTES = 500_000_000  # room that an upload leaves on the disk
_LOOK_BYTES = 16_000_000  # of an upload between looks at the disk
_MOST_NAME_BYTES = 120

# Containers that hold their pictures themselves. Playlists (HLS, concat, DASH and the like) would let an upload name
# other files of this machine, which then would be read and shown.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpegtsraw", "mpeg", "mpegvideo", "flv", "live_flv",
    "kux", "ogg", "asf", "asf_o", "mxf", "nut", "rm", "dv", "gxf", "wtv", "ivf", "h264", "hevc", "av1", "obu", "m4v",
    "vc1", "yuv4mpegpipe", "gif", "swf", "ty", "nsv", "pva", "lxf", "mxg", "film_cpk", "roq", "smk", "bink",
)  # fmt: skip
_SOUND_OF_WEBM = {"opus", "vorbis"}
_PICTURE_OF_WEBM = {"vp8", "vp9", "av1"}
_TYPES = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "ogg": "video/ogg",
    "flv": "video/x-flv",
}


class TooLargeError(UsageError):
    """An upload is larger than what is let in."""


@dataclass(frozen=True)
class Source:
    """A video file and what it is, as far as the container tells.

    Attributes:
        path: the file.
        title: what people call it; any text, shown as text.
        duration: seconds.
        width, height: pixels on display.
        codec: FFmpeg's name for how the picture is coded.
        container: FFmpeg's name for the container.
        media_type: for the Content-Type header.
        has_audio: whether there is sound.
        late: seconds into the file at which its first picture is shown: a player counts from the file's beginning,
            and everything else here from that picture.
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
    late: float


def describe(path: Path, title: str) -> Source:
    """Look into a file and say what it is.

    Raises:
        VideoError: it is no video that can be read, or one that only points to other files.
    """
    import av

    from summdiff.video import open_input, probe, start_in_player, video_stream

    try:
        with open_input(path, formats=_CONTAINERS) as container:
            name = container.format.name
            codec = video_stream(container).codec_context.codec.canonical_name
            sounds = [stream.codec_context for stream in container.streams.audio]
            sound = {context.codec.canonical_name for context in sounds if context is not None}
        info = probe(path)
        late = start_in_player(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"'{title}' cannot be read as a video.") from error
    except VideoError as error:
        # The file's place on this machine is nobody's business.
        raise VideoError(str(error).replace(str(path), title)) from error
    turned = info.rotation % 180 == 90
    media_type = _TYPES.get(name, "application/octet-stream")
    if name == "matroska,webm" and codec in _PICTURE_OF_WEBM and sound <= _SOUND_OF_WEBM:
        media_type = "video/webm"
    return Source(
        path=path,
        title=title,
        duration=info.duration,
        width=info.height if turned else info.width,
        height=info.width if turned else info.height,
        codec=codec,
        container=name,
        media_type=media_type,
        has_audio=info.has_audio,
        late=late,
    )


def clean_title(name: str) -> str:
    """The last part of a file name as a browser tells it, without control characters, in one line."""
    last = re.split(r"[/\\]", name)[-1]
    text = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C").strip()
    return text[:200] or "video"


def file_name(title: str) -> str:
    """A harmless name for a file that shows people what it is: letters, digits, blanks and a few signs survive.

    It never has a separator, never starts with a dot or a dash, and fits every file system. Only ever used inside a
    folder that was made for this one file.
    """
    signs = unicodedata.normalize("NFC", title)
    plain = "".join(sign if sign.isalnum() or sign in " _-.,()" else "_" for sign in signs)
    stem, dot, ending = plain.lstrip(" .-").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    if not re.fullmatch(r"[A-Za-z0-9]{1,5}", ending):
        stem, ending = f"{stem}_{ending}" if stem and ending else stem or ending, ""
    stem = stem.encode()[:_MOST_NAME_BYTES].decode(errors="ignore").strip(" .") or "video"
    return f"{stem}.{ending}" if ending else stem


async def receive(body: AsyncIterator[bytes], path: Path, *, told: int | None, most: int) -> None:
    """Write an upload to a file, as long as it stays within the limits.

    Args:
        body: the bytes as they come.
        path: the file to write.
        told: bytes that were announced, where they were.
        most: bytes that are let in.

    Raises:
        TooLargeError: it is, or is announced to be, larger than `most` or than the room on the disk.
    """
    from starlette.concurrency import run_in_threadpool

    def check(size: int, more: int) -> None:
        if size > most:
            raise TooLargeError(
                f"The video is larger than {size_text(most)}; `summdiff serve --max-upload` sets the limit."
            )
        room = shutil.disk_usage(path.parent).free - _SPARE_BYTES
        if more > room:
            raise TooLargeError(f"There is not enough room on the server's disk: {size_text(max(room, 0))} are free.")

    check(told or 0, told or 0)
    size = asked = 0
    try:
        with path.open("xb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > min(asked, most):  # again and again, since other uploads fill the same disk
                    asked = size + _LOOK_BYTES
                    check(size, _LOOK_BYTES)
                await run_in_threadpool(file.write, chunk)
    except OSError as error:  # others write to the disk as well
        raise TooLargeError(f"The video cannot be stored: {error.strerror or error}.") from error


def local_file(text: str) -> Path:
    """The file of this machine that a typed path means.

    Raises:
        VideoError: there is no such file.
    """
    typed = os.path.expanduser(text.strip().strip("\"'"))  # noqa: PTH111 - Path's raises for an unknown user
    path = Path(os.path.abspath(typed))  # noqa: PTH100 - links stay as typed
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):
        pass
    raise VideoError(f"There is no file '{path}' on this machine.")


def size_text(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
