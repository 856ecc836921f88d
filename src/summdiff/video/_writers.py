"""Writing of pictures and sound into a file, from the parts of a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from summdiff.video._audio_track import AudioTrack
from summdiff.video._copy import CopiedPacket, CopyPlan, GroupReader, Stretch
from summdiff.video._cut import TickPart
from summdiff.video._decode import TimedFrame
from summdiff.video._encode import H264Encoder
from summdiff.video._index import SeekingDecoder

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


class VideoWriter:
    """Write the frames of parts: copied where a plan allows it, encoded elsewhere.

    Args:
        output: the file.
        encoder: adds its stream to the file.
        decoders: of the source; two if parts dissolve into each other, to which the parts fall in turns.
        plan, groups: what can be copied, and its packets.
        dissolve_ticks: duration of a frame of a dissolve.
    """

    def __init__(
        self,
        output: OutputContainer,
        encoder: H264Encoder,
        decoders: Sequence[SeekingDecoder],
        plan: CopyPlan | None,
        groups: GroupReader | None,
        *,
        dissolve_ticks: float,
    ) -> None:
        self._output = output
        self._dissolve_ticks = dissolve_ticks
        self._decoders = decoders
        self._plan = plan
        self._groups = groups
        self._encoder = encoder

    def write(self, parts: Sequence[TickPart]) -> Iterator[int]:
        """Write the parts; yield the tick of the output after every frame."""
        for number, part in enumerate(parts):
            decoder = self._decoders[number % len(self._decoders)]
            if part.alone_from > part.start:
                yield from self._dissolve(parts[number - 1], part, self._decoders[(number - 1) % 2], decoder)
            yield from self._alone(part, decoder)

    def _alone(self, part: TickPart, decoder: SeekingDecoder) -> Iterator[int]:
        start, end, offset = part.alone_from, part.alone_until, part.offset - part.start
        starts_on_still = part.starts_on_still if start == part.start else not decoder.shows_at(start)
        whole = [Stretch(start, end, None)]
        for stretch in self._plan.stretches(start, end) if self._plan is not None else whole:
            copied = None
            if self._groups is not None and stretch.group is not None:
                copied = self._groups.read(stretch.group)
            if copied is not None:
                yield from self._copy(copied, stretch.end, offset)
                continue
            on_still = starts_on_still and stretch.start == start
            for frame, tick, duration in decoder.frames(stretch.start, stretch.end, with_current=on_still):
                pts = max(tick, stretch.start) + offset
                self._output.mux(self._encoder.encode(frame, pts, duration, key=tick <= stretch.start))
                yield pts

    def _dissolve(
        self, before: TickPart, after: TickPart, decoder: SeekingDecoder, other: SeekingDecoder
    ) -> Iterator[int]:
        """Write the frames during which one part dissolves into the next."""
        first = before.alone_until - before.start + before.offset
        last = after.alone_from - after.start + after.offset
        count = max(2, round((last - first) / self._dissolve_ticks))
        ends = [first + (last - first) * n // count for n in range(count + 1)]
        shift_before, shift_after = before.start - before.offset, after.start - after.offset
        leaving = _Playback(decoder.frames(before.alone_until, last + shift_before, with_current=True))
        entering = _Playback(other.frames(first + shift_after, after.alone_from, with_current=True))
        rounding = int(self._dissolve_ticks / 4)  # containers round the times of frames
        for n, (pts, until) in enumerate(pairwise(ends)):
            a = leaving.at(pts + shift_before + rounding)
            b = entering.at(pts + shift_after + rounding)
            mixed = a or b if a is None or b is None else self._encoder.mixture(a, b, (n + 0.5) / count)
            if mixed is not None:
                self._output.mux(self._encoder.encode(mixed, pts, until - pts, key=n == 0))
                yield pts

    def finish(self) -> None:
        """Flush the encoder."""
        self._output.mux(self._encoder.finish())

    def _copy(self, copied: Sequence[CopiedPacket], end: int, offset: int) -> Iterator[int]:
        self.finish()  # the encoder has to start with a key frame after copied frames
        in_order = sorted(packet.tick for packet in copied)
        durations = {tick: after - tick for tick, after in pairwise([*in_order, end])}
        for packet, decoded_for in zip(copied, in_order, strict=True):
            self._output.mux(
                self._encoder.packet(
                    packet.data,
                    pts=packet.tick + offset,
                    dts=decoded_for + offset,
                    duration=durations[packet.tick],
                    key=packet is copied[0],
                )
            )
            yield decoded_for + offset


class _Playback:
    """The pictures of a range on display at increasing times; None where nothing can be decoded."""

    def __init__(self, frames: Iterator[TimedFrame]) -> None:
        self._frames = frames
        self._current = self._next = next(frames, None)

    def at(self, tick: int) -> VideoFrame | None:
        while self._next is not None and self._next.ticks <= tick:
            self._current, self._next = self._next, next(self._frames, None)
        return self._current.frame if self._current is not None else None


class AudioWriter:
    """Encode an audio track as AAC, block by block, so that it is interleaved with the video."""

    def __init__(
        self,
        output: OutputContainer,
        track: AudioTrack | None,
        spans: Sequence[tuple[Fraction, Fraction]],
        dissolves: Sequence[Fraction],
        *,
        bit_rate: int,
    ) -> None:
        self._output = output
        self._packets: Iterator[list[Packet[AudioStream]]] = iter(())
        self._written = Fraction(0)
        if track is not None:
            rate = track.rate if track.rate in _AAC_RATES else 48000
            # FFmpeg documents this coder as the better one above 64 kbit/s; it is also several times faster.
            stream = output.add_stream("aac", rate=rate, options={"aac_coder": "fast"})
            stream.codec_context.layout = track.layout
            stream.codec_context.bit_rate = min(bit_rate, 5 * rate * track.channels)
            stream.metadata.update(track.tags)
            self._packets = self._encode(stream, track, track.read(spans, dissolves))

    def write_until(self, seconds: Fraction | None) -> None:
        """Write audio up to one second past `seconds` of the output; None writes all of it."""
        while seconds is None or self._written < seconds + 1:
            packets = next(self._packets, None)
            if packets is None:
                return
            self._output.mux(packets)

    def _encode(
        self, stream: AudioStream, track: AudioTrack, blocks: Iterable[NDArray[np.float32]]
    ) -> Iterator[list[Packet[AudioStream]]]:
        n_samples = 0
        for block in blocks:
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=track.layout)
            frame.sample_rate, frame.time_base, frame.pts = track.rate, Fraction(1, track.rate), n_samples
            n_samples += block.shape[1]
            self._written = Fraction(n_samples, track.rate)
            yield stream.encode(frame)
        yield stream.encode(None)
