"""Where every picture of a video lies in time, found by reading its packets without decoding them."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import av
import numpy as np
from numpy.typing import NDArray

from summdiff.video.h264 import Groups, GroupScanner
from summdiff.video.source import FileVersion, FrameSource, file_version


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """When the frames of a video are shown. All times in ticks of the stream from the first displayed frame.

    Attributes:
        shown: (F,) int64, increasing: when each frame is shown, the first at 0.
        end: when the last frame ends.
        keys: (K,) int64, increasing: times of the key frames that the file can be entered at; empty where seeking
            cannot be relied on.
        groups: of an H.264 stream, the groups of pictures that can be copied; None where there are none.
    """

    shown: NDArray[np.int64]
    end: int
    keys: NDArray[np.int64]
    groups: Groups | None = None


def index_frames(path: str | os.PathLike[str]) -> FrameIndex:
    """Index a video by its packets, or, where their time stamps cannot be trusted, by decoding it once.

    The last few are kept, since one summary is written in many formats and each of them asks.

    Raises:
        VideoError: see `FrameSource`.
    """
    return _index_frames(os.fspath(path), file_version(path))


@lru_cache(maxsize=4)
def _index_frames(path: str, _version: FileVersion) -> FrameIndex:
    with FrameSource(path) as source:
        next(iter(source))
        origin = source.origin or 0
        trusted = source.regular
    return (trusted and _by_packets(path, origin)) or _by_decoding(path)


def _by_packets(path: str | os.PathLike[str], origin: int) -> FrameIndex | None:
    """None where time stamps are missing, repeated, far apart, or decoding times go back (joined recordings)."""
    shown: list[int] = []
    keys: list[int] = []
    end = 0
    last_dts: int | None = None
    with FrameSource(path) as source:
        scanner = _scanner(source)
        try:
            for packet in source.container.demux(source.stream):
                if not packet.size:
                    continue
                if packet.pts is None or (packet.dts is not None and last_dts is not None and packet.dts <= last_dts):
                    return None
                last_dts = packet.dts if packet.dts is not None else last_dts
                ticks = packet.pts - origin
                # Not on display: before an edit list's start, or undecodable without what came before the file's.
                displayed = ticks >= 0 and not packet.is_discard
                if scanner is not None:
                    scanner.feed(bytes(packet), ticks, intact=displayed and not packet.is_corrupt)
                if not displayed:
                    continue
                shown.append(ticks)
                if packet.is_keyframe:
                    keys.append(ticks)
                lasts = packet.duration or 0
                end = max(end, ticks + (lasts if 0 < lasts <= source.longest else source.nominal))
        except av.FFmpegError:
            return None  # the file breaks off: only decoding shows what is left of it
    times = np.unique(np.array(shown, dtype=np.int64))
    if len(times) != len(shown) or not len(times) or times[0] != 0 or (np.diff(times) > source.longest).any():
        return None
    groups = scanner.groups() if scanner is not None else None
    return FrameIndex(times, end, np.unique(np.array(keys, dtype=np.int64)), groups)


def _scanner(source: FrameSource) -> GroupScanner | None:
    context = source.stream.codec_context
    if context.name != "h264" or not context.extradata:
        return None
    with suppress(ValueError):
        return GroupScanner(context.extradata)
    return None


def _by_decoding(path: str | os.PathLike[str]) -> FrameIndex:
    with FrameSource(path) as source:
        timed = [(ticks, ticks + duration) for _, ticks, duration in source]
    shown, ends = np.array(timed, dtype=np.int64).T
    return FrameIndex(np.ascontiguousarray(shown), int(ends[-1]), np.empty(0, dtype=np.int64))
