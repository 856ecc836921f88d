"""Bit rates: those of the source, and those that quality and size allow the written video."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from summdiff.options import MovieOptions
from summdiff.summary import VideoInfo
from summdiff.video._cut import TickPart
from summdiff.video._index import FrameIndex
from summdiff.video._packets import read_packets

_MOST_SOUND = 96_000  # bits per second of a channel, by FFmpeg's documentation the rate from which AAC is transparent
_LEAST_SOUND = 24_000  # below, AAC sounds poor
_HARDLY_SOUND = 12_000  # the lowest that AAC can have
_LEAST_PICTURES = 0.01  # bits per pixel; below, blocks are all that is left
_LEAST_INTERVAL, _MOST_INTERVAL = 2.0, 10.0  # seconds between key frames, to which players seek
_CONTAINER, _HEADERS = 8_000, 3_000  # bits per second of the tables of an mp4, and bytes of its headers
# By name: the constant rate factor, and the largest share of the source's rate.
_QUALITIES: dict[str | int, tuple[float, float | None]] = {"small": (27, 0.5), "normal": (20, 1.0), "high": (17, None)}
# Rates of H.264 at constant quality double every six steps; the most that pictures full of detail take.
_MOST_PICTURES, _AT_FACTOR, _DOUBLING = 1.0, 20, 6  # bits per pixel
_SPARE = 0.97  # of a largest size
_BUSY = 1.3  # times the average rate is far more
_STEEPNESS = 1.3  # some bits do not get fewer


@dataclass(frozen=True, slots=True, eq=False)
class SourceRates:
    """Rates of the streams that a player plays.

    Attributes:
        pictures, sound: bits per second, on average over the video; of the pictures, over the chosen parts if they have
            far more than the average.
        frames: (F,) int64, bits of each frame in order of display.
        key_frame: bits of a key frame, on average.
        key_interval: seconds from one key frame to the next.
    """

    pictures: float
    sound: float
    frames: NDArray[np.int64]
    key_frame: float
    key_interval: float

    def cropped(self, share: float) -> SourceRates:
        """Return the rates of a share of each picture."""
        frames = np.round(self.frames * share).astype(np.int64)
        return replace(self, pictures=self.pictures * share, key_frame=self.key_frame * share, frames=frames)


@dataclass(frozen=True, slots=True)
class Encoding:
    """Settings of the encoders.

    Attributes:
        factor: constant rate factor of H.264.
        pictures: most bits per second of the pictures, on average; None for no limit.
        first_picture: bits that the first picture of a part may take.
        strict: whether the limit holds for each second, not only on average.
        key_interval: most seconds from one key frame to the next.
        sound: bits per second of the sound.
        most: bytes that the whole file may take; None for no limit.
    """

    factor: float
    pictures: float | None
    first_picture: float
    strict: bool
    key_interval: float
    sound: int
    most: int | None


def source_rates(path: str | os.PathLike[str], index: FrameIndex, parts: Sequence[TickPart]) -> SourceRates:
    """Measure the rates of a video and of the chosen parts, by the sizes of its packets.

    Raises:
        VideoError: the file cannot be read.
    """
    packets, seconds = read_packets(path), float(index.end * index.clock.time_base)
    pictures = packets.pictures
    bits = 8 * pictures.sizes[pictures.displayed]
    key_frames = bits[pictures.keys[pictures.displayed]]
    frames = bits[np.argsort(pictures.shown[pictures.displayed], kind="stable")]
    average = float(bits.sum()) / seconds
    if len(frames) == len(index.ticks):
        spans = [np.searchsorted(index.ticks, (part.start, part.end)) for part in parts]
        chosen = float(sum(frames[first:last].sum() for first, last in spans))
        length = float(sum(part.end - part.start for part in parts) * index.clock.time_base)
        average = chosen / length if chosen > _BUSY * average * length else average
    return SourceRates(
        pictures=average,
        sound=8 * float(packets.sound.sizes.sum()) / seconds if packets.sound is not None else 0.0,
        frames=frames,
        key_frame=float(key_frames.mean()) if len(key_frames) else 0.0,
        key_interval=seconds / max(1, len(key_frames)),
    )


def choose_encoding(
    options: MovieOptions,
    rates: SourceRates,
    *,
    pixels: float,
    channels: int,
    seconds: float,
    parts: int,
    excess: float = 1.0,
) -> Encoding:
    """Choose factor and rates so that a written video is not larger than allowed.

    Args:
        options: quality and largest size.
        rates: of the source.
        pixels: per second.
        channels: of the sound; 0 without sound.
        seconds: length of the written video.
        parts: number of its parts.
        excess: how many times too large it became with the encoding that this function chose before.
    """
    factor, share = _QUALITIES.get(options.quality) or (float(options.quality), None)
    sound, pictures = float(_MOST_SOUND * channels), math.inf
    if options.quality != "high":
        sound = min(sound, max((share or 1.0) * rates.sound, _LEAST_SOUND * channels))
    if share is not None:
        more_sound = max(0.0, sound - share * rates.sound)
        # Each part begins with a whole picture, of which a source has few where little moves.
        for_starts = share * (rates.pictures / 4 + parts * rates.key_frame / seconds)
        average = share * rates.pictures - more_sound - _CONTAINER - 8 * _HEADERS / seconds
        pictures = max(average, for_starts, _LEAST_PICTURES * pixels)
    strict = False
    if options.max_size is not None:
        total = max(8 * (options.max_size * _SPARE / excess - _HEADERS) / seconds - _CONTAINER, 1.0)
        sound = min(sound, max(total / 4, _HARDLY_SOUND * channels))
        strict = total - sound < pictures
        pictures = min(pictures, max(total - sound, 1000.0))
    if pictures == math.inf:
        most = None
    else:
        whole = max(pictures + sound + _CONTAINER, (share or 0.0) * (rates.pictures + rates.sound))
        most = options.max_size if strict else round(whole * seconds / 8)
    return Encoding(
        factor=factor + _DOUBLING * _STEEPNESS * math.log2(excess),
        pictures=None if pictures == math.inf else pictures,
        first_picture=0.0 if strict else rates.key_frame,
        strict=strict,
        key_interval=min(max(rates.key_interval, _LEAST_INTERVAL), _MOST_INTERVAL),
        sound=round(sound),
        most=most,
    )


def largest_size(video: VideoInfo, size: int, options: MovieOptions, seconds: float) -> int:
    """Return the most bytes that a written video of this length can take.

    Args:
        video: the source.
        size: bytes of its file.
        options: quality and largest size.
        seconds: length of the written video.
    """
    pixels = video.width * video.height * video.fps
    sound = 2 * _MOST_SOUND * video.has_audio
    factor, share = _QUALITIES.get(options.quality) or (float(options.quality), None)
    # Copied groups may be above the average rate, but are never larger than the whole file.
    bound = min(1.0, 2 * seconds / video.duration) * size
    if share is None:
        pictures = _MOST_PICTURES * pixels * 2 ** ((_AT_FACTOR - factor) / _DOUBLING)
        bound = max(bound, seconds * (pictures + sound) / 8)
    else:
        bound = max(bound, seconds * (_LEAST_PICTURES * pixels + sound) / 8)
    return int(bound if options.max_size is None else min(bound, options.max_size))
