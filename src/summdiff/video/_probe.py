"""Facts about a video file, found without decoding all of it."""

from __future__ import annotations

import os

import av

from summdiff.errors import VideoError
from summdiff.summary import VideoInfo
from summdiff.video._container import audio_stream, demux, nominal_rate
from summdiff.video._decode import FrameDecoder
from summdiff.video._picture import Orientation


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Open a video, decode its first frame, and describe it.

    Returns:
        `duration` and `fps` are the container's statements; `VideoReader` has the exact values after a complete pass.
        If the container states no duration, the file is read to its end once, without decoding.

    Raises:
        VideoError: the path does not exist, is a folder, is empty or is no video; it has no video stream, or no frame
            of it can be decoded.
    """
    with FrameDecoder(path, threads=1) as decoder:  # with more, the first frame of a damaged file varies between runs
        first = next(iter(decoder)).frame
        return VideoInfo(
            path=decoder.container.name,
            duration=_stated_duration(decoder) or _measured_duration(path),
            fps=float(nominal_rate(decoder.stream)),
            width=first.width,
            height=first.height,
            rotation=Orientation.of(first).rotation,
            has_audio=audio_stream(decoder.container) is not None,
        )


def stated_duration(path: str | os.PathLike[str]) -> float:
    """Return the duration of the video that its container states, in seconds; 0 if it states none.

    Raises:
        VideoError: see `probe`.
    """
    with FrameDecoder(path) as decoder:
        next(iter(decoder))
        return _stated_duration(decoder)


def start_in_player(path: str | os.PathLike[str]) -> float:
    """Return the seconds on a player's clock at which the first frame is displayed; above 0 if sound starts earlier.

    Raises:
        VideoError: see `probe`.
    """
    with FrameDecoder(path) as decoder:
        next(iter(decoder))
        start = max(decoder.container.start_time or 0, 0)  # players skip times below 0
        return max(decoder.seconds(decoder.clock.origin) - start / av.time_base, 0.0)


def _stated_duration(decoder: FrameDecoder) -> float:
    """Return the container's duration of the video in seconds; 0 if it states none."""
    stream, container = decoder.stream, decoder.container
    if stream.duration and stream.duration > 0:
        return decoder.seconds(stream.duration)
    if container.duration and container.duration > 0:
        # The container counts from its earliest stream, our clock from the first displayed frame.
        late = decoder.seconds(decoder.clock.origin) - (container.start_time or 0) / av.time_base
        return max(container.duration / av.time_base - max(late, 0.0), 0.0)
    return 0.0


def _measured_duration(path: str | os.PathLike[str]) -> float:
    """Return the seconds from the first video packet to the end of the last, by reading the whole file."""
    with FrameDecoder(path) as decoder:
        first: int | None = None
        end = 0
        count = 0
        try:
            for packet in demux(decoder.container, decoder.stream):
                count += bool(packet.size)
                timestamp = packet.pts if packet.pts is not None else packet.dts
                if timestamp is None or not packet.size:
                    continue
                first = timestamp if first is None else min(first, timestamp)
                end = max(end, timestamp + (packet.duration or decoder.frame_ticks))
        except av.FFmpegError as error:
            if not count:
                raise VideoError(f"'{path}' breaks off before its first frame.") from error
        return decoder.seconds(end - first if first is not None else count * decoder.frame_ticks)
