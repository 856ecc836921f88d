"""What is in a video file, without reading all of it."""

from __future__ import annotations

import os
from fractions import Fraction

import av

from summdiff.errors import VideoError
from summdiff.summary import VideoInfo
from summdiff.video.picture import Orientation
from summdiff.video.source import FrameSource, audio_stream, nominal_rate


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Open a video, decode its first frame, and say what it is.

    Returns:
        VideoInfo whose `duration` and `fps` are what the container tells. A container that tells no duration is
        read to its end once, without decoding. `VideoReader` knows both exactly after a complete pass.

    Raises:
        VideoError: the path does not exist, is a folder, is empty, is no video, has no video stream, or no frame of
            it can be decoded.
    """
    with FrameSource(path, threads=1) as source:  # with more, some damaged files have a first frame now and then only
        first = next(iter(source)).frame
        duration = _told_duration(source) or _walked_duration(path)
        return VideoInfo(
            path=source.container.name,
            duration=duration,
            fps=float(nominal_rate(source.stream)),
            width=first.width,
            height=first.height,
            rotation=Orientation.of(first).rotation,
            has_audio=audio_stream(source.container) is not None,
        )


def first_shown(path: str | os.PathLike[str]) -> float:
    """Seconds on a player's clock at which the first frame is shown: later than 0 where sound comes before pictures.

    Raises:
        VideoError: see `probe`.
    """
    with FrameSource(path) as source:
        next(iter(source))
        begun = max(source.container.start_time or 0, 0)  # players leave out what is before 0
        return max(source.seconds(source.origin or 0) - begun / av.time_base, 0.0)


def pixel_aspect(source: FrameSource) -> Fraction:
    """Width of a stored pixel divided by its height; 1 where it is unknown or absurd."""
    ratio = source.stream.sample_aspect_ratio
    return ratio if ratio and Fraction(1, 16) <= ratio <= 16 else Fraction(1)


def _told_duration(source: FrameSource) -> float:
    """Seconds of video according to the container; 0 where it does not say."""
    stream = source.stream
    if stream.duration and stream.duration > 0:
        return source.seconds(stream.duration)
    whole = source.container.duration
    if whole and whole > 0:
        # The container's end is counted from its earliest stream, our time from the first frame on display.
        late = source.seconds(source.origin or 0) - (source.container.start_time or 0) / av.time_base
        return max(whole / av.time_base - max(late, 0.0), 0.0)
    return 0.0


def _walked_duration(path: str | os.PathLike[str]) -> float:
    """Seconds from the first to the end of the last packet of video, found by reading the whole file."""
    with FrameSource(path) as source:
        one = max(1, round(1 / (nominal_rate(source.stream) * source.time_base)))
        first: int | None = None
        end = 0
        count = 0
        try:
            for packet in source.container.demux(source.stream):
                count += bool(packet.size)
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is None or not packet.size:
                    continue
                first = stamp if first is None else min(first, stamp)
                end = max(end, stamp + (packet.duration or one))
        except av.FFmpegError as error:
            if not count:
                raise VideoError(f"'{path}' breaks off before its first frame.") from error
        return source.seconds(end - first if first is not None else count * one)
