"""Facts about a video file, found without decoding all of it."""

from __future__ import annotations

import os
from fractions import Fraction

import av

from summdiff.summary import VideoInfo
from summdiff.video._decode import FrameDecoder
from summdiff.video._picture import Orientation
from summdiff.video._streams import audio_stream


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Open a video, decode its first frame, and describe it.

    Returns:
        `duration` and `fps` are those of the packets, which are read once; damage can make the film that is decoded
        shorter.

    Raises:
        VideoError: the path does not exist, is a folder, is empty or is no video; it has no video stream, or no frame
            of it can be decoded.
    """
    with FrameDecoder(path, threads=1) as decoder:  # with more, the first frame of a damaged file varies between runs
        first = next(iter(decoder)).frame
        clock = decoder.clock
        return VideoInfo(
            path=decoder.container.name,
            duration=decoder.seconds(clock.stated_end),
            fps=float(clock.rate),
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
        stream, container, clock = decoder.stream, decoder.container, decoder.clock
        begin = clock.container_seconds(Fraction(0))
        if stream.duration and stream.duration > 0:
            end = begin + stream.duration * clock.stream_time_base
        elif container.duration and container.duration > 0:
            # The container counts from its earliest stream, our clock from the first displayed frame.
            end = max(Fraction((container.start_time or 0) + container.duration, av.time_base), begin)
        else:
            return 0.0
        return float(clock.from_container(end))


def player_times(path: str | os.PathLike[str]) -> tuple[tuple[float, float], ...]:
    """Return seconds of the film beside those of a player's clock: at the first frame, and after each closed gap.

    At the first frame a player's clock is above 0 if sound starts earlier.

    Raises:
        VideoError: see `probe`.
    """
    with FrameDecoder(path) as decoder:
        next(iter(decoder))
        clock = decoder.clock
        start = Fraction(max(decoder.container.start_time or 0, 0), av.time_base)  # players skip times below 0
        return tuple(
            (float(at), max(float(clock.container_seconds(at) - start), 0.0)) for at in (Fraction(0), *clock.breaks())
        )
