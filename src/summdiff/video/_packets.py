"""One pass over the packets of a file, without decoding: what its clock and its index are made of."""

from __future__ import annotations

import os
from array import array
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff.video._container import FileVersion, demux, file_version, nominal_rate, open_input
from summdiff.video._h264 import GopScanner, GroupsOfPictures
from summdiff.video._streams import audio_stream, subtitle_streams, video_stream

MISSING = np.iinfo(np.int64).min  # a timestamp that is not stated
_KEY, _DISCARD = 1, 2


@dataclass(frozen=True)
class StreamPackets:
    """The packets of a stream in the order of the file.

    Attributes:
        index: number of the stream.
        time_base: seconds per tick.
        pts, dts: (N,) int64 ticks, `MISSING` where not stated.
        durations: (N,) int64 ticks, 0 where not stated.
        sizes: (N,) int64 bytes.
        places: (N,) int64, ascending: number of each packet among those of all streams.
        flags: (N,) uint8.
    """

    index: int
    time_base: Fraction
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    durations: NDArray[np.int64]
    sizes: NDArray[np.int64]
    places: NDArray[np.int64]
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def keys(self) -> NDArray[np.bool_]:
        """(N,) whether a packet is a key frame."""
        return np.asarray((self.flags & _KEY) > 0)

    @property
    def displayed(self) -> NDArray[np.bool_]:
        """(N,) whether a packet is displayed, by the edit list of its file."""
        return np.asarray((self.flags & _DISCARD) == 0)

    @cached_property
    def shown(self) -> NDArray[np.float64]:
        """(N,) seconds of presentation, guessed from those of decoding where not stated; NaN where neither is."""
        unknown = self.pts == MISSING
        both = self.keys & ~unknown & (self.dts != MISSING)
        delay = int((self.pts[both] - self.dts[both]).min()) if both.any() else 0
        known = ~unknown | (self.dts != MISSING)
        times = np.where(unknown, np.where(known, self.dts, 0) + delay, self.pts)
        return np.where(known, times * float(self.time_base), np.nan)

    @cached_property
    def decoded(self) -> NDArray[np.float64]:
        """(N,) seconds of decoding, which increase in an intact stream; the time before where none is stated."""
        stated = self.dts if (self.dts != MISSING).any() else self.pts
        times = np.where(stated == MISSING, np.nan, stated * float(self.time_base))
        known = np.maximum.accumulate(np.where(np.isnan(times), -1, np.arange(len(times))))
        first = times[~np.isnan(times)][:1]
        return np.where(known >= 0, times[known], first[0] if len(first) else np.nan)

    @cached_property
    def interval(self) -> float:
        """Seconds from one packet to the next where nothing is missing: the median."""
        steps = np.diff(self.decoded)
        steps = steps[steps > 0]
        if len(steps):
            return float(np.median(steps))
        stated = self.durations[self.durations > 0]
        return float(np.median(stated)) * float(self.time_base) if len(stated) else 0.0


@dataclass(frozen=True)
class FilePackets:
    """The packets of the streams of a file that belong together.

    Attributes:
        pictures: of the video stream.
        sound: of the audio stream; None without one.
        texts: of the subtitle streams.
        nominal_rate: frames per second that the container states.
        complete: whether the file could be read to its end.
        groups: groups of pictures of an H.264 stream, with the container's timestamps; None if they cannot be copied.
    """

    pictures: StreamPackets
    sound: StreamPackets | None
    texts: tuple[StreamPackets, ...]
    nominal_rate: Fraction
    complete: bool
    groups: GroupsOfPictures | None


def read_packets(path: str | os.PathLike[str]) -> FilePackets:
    """Read the packets of a file. The result of the last files is kept.

    Raises:
        VideoError: the file cannot be opened, or has no usable video stream.
    """
    return _read_packets(os.fspath(path), file_version(path))


@lru_cache(maxsize=2)
def _read_packets(path: str, _version: FileVersion) -> FilePackets:
    with open_input(path) as container:
        pictures, sound, texts = video_stream(container), audio_stream(container), subtitle_streams(container)
        columns = {stream.index: _Columns() for stream in (pictures, sound, *texts) if stream is not None}
        scanner = _gop_scanner(pictures)
        complete, place = True, 0
        try:
            for packet in demux(container, *(container.streams[index] for index in columns)):
                if not packet.size:
                    continue
                place += 1
                index = packet.stream_index
                columns[index].add(packet, place)
                if scanner is not None and index == pictures.index:
                    if packet.pts is None or packet.has_sidedata("new_extradata"):  # parameter sets that change midway
                        scanner = None
                    else:
                        intact = not packet.is_discard and not packet.is_corrupt
                        scanner.feed(bytes(packet), packet.pts, intact=intact)
        except av.FFmpegError:
            complete = False
        return FilePackets(
            pictures=columns[pictures.index].of(pictures),
            sound=None if sound is None else columns[sound.index].of(sound),
            texts=tuple(columns[stream.index].of(stream) for stream in texts),
            nominal_rate=nominal_rate(pictures),
            complete=complete,
            groups=scanner.groups() if scanner is not None else None,
        )


class _Columns:
    """The packets of a stream while they are read."""

    def __init__(self) -> None:
        self._pts, self._dts, self._durations, self._sizes, self._places = (array("q") for _ in range(5))
        self._flags = bytearray()

    def add(self, packet: Packet[Any], place: int) -> None:
        pts, dts = packet.pts, packet.dts
        self._pts.append(MISSING if pts is None else pts)
        self._dts.append(MISSING if dts is None else dts)
        self._durations.append(packet.duration or 0)
        self._sizes.append(packet.size)
        self._places.append(place)
        self._flags.append(_KEY * packet.is_keyframe | _DISCARD * packet.is_discard)

    def of(self, stream: Stream) -> StreamPackets:
        pts, dts, durations, sizes, places = (
            np.frombuffer(column, dtype=np.int64) if column else np.empty(0, dtype=np.int64)
            for column in (self._pts, self._dts, self._durations, self._sizes, self._places)
        )
        flags = np.frombuffer(bytes(self._flags), dtype=np.uint8)
        time_base = stream.time_base or Fraction(1, 90000)
        return StreamPackets(stream.index, time_base, pts, dts, durations, sizes, places, flags)


def _gop_scanner(stream: VideoStream) -> GopScanner | None:
    context = stream.codec_context
    if context.name != "h264" or not context.extradata:
        return None
    with suppress(ValueError):
        return GopScanner(context.extradata)
    return None
