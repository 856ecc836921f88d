"""Choice of the streams of a file that belong together: pictures, and the sound and subtitles of the same programme."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import av
import av.stream
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff.errors import VideoError
from summdiff.video._container import FileVersion, demux, file_version, open_input

_SILENT = 2.0**-11  # of full scale: the noise of an open input
_DEFAULT = av.stream.Disposition.default
_TEXT_CODECS = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})


def video_stream(container: InputContainer) -> VideoStream:
    """Return the stream that a player shows: a default stream if there is one, and the one with most pixels of those.

    A cover image counts only in a file with sound and without other pictures.

    Raises:
        VideoError: there is no video stream, or no decoder for it.
    """
    cover, thumbnails = av.stream.Disposition.attached_pic, av.stream.Disposition.timed_thumbnails
    pictures = [stream for stream in container.streams.video if not stream.disposition & thumbnails]
    moving = [stream for stream in pictures if not stream.disposition & cover]
    streams = moving or (pictures if container.streams.audio else [])
    if not streams:
        content = "only sound" if container.streams.audio else "no pictures"
        raise VideoError(f"'{container.name}' has {content}: name a file with moving pictures.")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise VideoError(f"'{container.name}' uses a video codec that cannot be decoded here: convert it first.")
    return max(
        decodable,
        key=lambda stream: (
            bool(stream.disposition & _DEFAULT),
            stream.codec_context.width * stream.codec_context.height,
        ),
    )


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the sound that belongs to the pictures; None without one that can be decoded.

    It is the first default stream of their programme, else the first, unless that is silent from start to end and
    another is not.
    """
    tracks = _audio_streams(container)
    if len(tracks) < 2:
        return next(iter(tracks), None)
    heard = _first_heard(container.name, file_version(container.name), tuple(stream.index for stream in tracks))
    return next((stream for stream in tracks if stream.index == heard), tracks[0])


def silent_track(container: InputContainer) -> tuple[int, int] | None:
    """Return the numbers, from 1, of a silent sound track and of the one taken in its place; None without such."""
    tracks, taken = _audio_streams(container), audio_stream(container)
    if taken is None or taken.index == tracks[0].index:
        return None
    numbers = {stream.index: number for number, stream in enumerate(container.streams.audio, start=1)}
    return numbers[tracks[0].index], numbers[taken.index]


def subtitle_streams(container: InputContainer) -> tuple[SubtitleStream, ...]:
    """Return the text subtitles that belong to the pictures."""
    pictures = video_stream(container)
    return tuple(
        stream
        for stream in container.streams.subtitles
        if is_text(stream) and _same_programme(container, pictures, stream)
    )


def is_text(stream: SubtitleStream) -> bool:
    """Whether subtitles are texts that can be decoded, not pictures."""
    return stream.codec_context is not None and stream.codec_context.name in _TEXT_CODECS


def _audio_streams(container: InputContainer) -> list[AudioStream]:
    """Return the sound tracks of the pictures' programme that can be decoded, default ones first."""
    pictures = video_stream(container)
    tracks = [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and _same_programme(container, pictures, stream)
    ]
    return sorted(tracks, key=lambda stream: not stream.disposition & _DEFAULT)


def _same_programme(container: InputContainer, pictures: VideoStream, stream: Stream) -> bool:
    """Whether two streams are in the same programme of a broadcast; true in files without programmes.

    PyAV lists no programmes, but FFmpeg's choice of the best stream stays within that of a related one.
    """
    best = container.streams.best
    return all(
        getattr(best(kind, related=pictures), "index", None) == getattr(best(kind, related=stream), "index", None)
        for kind in ("video", "audio")
    )


@lru_cache(maxsize=16)
def _first_heard(path: str, _version: FileVersion, tracks: tuple[int, ...]) -> int:
    """Return the first of these streams with any sound; the first of all if none has, or it is not known."""
    heard = _heard(path, tracks[:1])
    return heard if heard is not None else next((i for i in (_heard(path, tracks[1:]),) if i is not None), tracks[0])


def _heard(path: str, tracks: Sequence[int]) -> int | None:
    """Return which of these streams is heard first; None if all are silent from start to end."""
    with open_input(path) as container, suppress(av.FFmpegError):  # a truncated file ends
        for packet in demux(container, *(container.streams[index] for index in tracks)):
            with suppress(av.FFmpegError, ValueError):  # damaged
                if any(isinstance(frame, AudioFrame) and _peak(frame) > _SILENT for frame in packet.decode()):
                    return int(packet.stream.index)
    return None


def _peak(frame: AudioFrame) -> float:
    """Return the largest sample of a frame, as a share of full scale."""
    samples: NDArray[Any] = frame.to_ndarray()
    if samples.size == 0:
        return 0.0
    if samples.dtype.kind == "f":
        return float(np.abs(np.nan_to_num(samples)).max())
    middle = 128 if samples.dtype == np.uint8 else 0
    return float(np.abs(samples.astype(np.float64) - middle).max() / (np.iinfo(samples.dtype).max - middle))
