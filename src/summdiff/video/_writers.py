"""Writing of pictures and sound into a file, from the parts of a source."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import pairwise

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from summdiff.video._audio_track import AudioTrack
from summdiff.video._copy import CopiedPacket, GroupReader
from summdiff.video._decode import TimedFrame
from summdiff.video._encode import EncoderSettings, H264Encoder, H264Stream
from summdiff.video._index import SeekingDecoder
from summdiff.video._runs import Copy, Dissolve, Frames, Run, runs_of
from summdiff.video._side_by_side import DecoderPool, in_order

EncodedPackets = list["Packet[VideoStream]"]

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


class VideoWriter:
    """Write copies and encoded runs of frames.

    Args:
        output: the file.
        stream: its video stream.
        groups: the packets of what is copied; None if nothing is.
        encode: encodes a run, see `RunEncoder`.
        threads: runs that are encoded at the same time.
    """

    def __init__(
        self,
        output: OutputContainer,
        stream: H264Stream,
        groups: GroupReader | None,
        encode: Callable[[Run], Generator[EncodedPackets]],
        *,
        threads: int,
    ) -> None:
        self._output, self._stream, self._groups = output, stream, groups
        self._encode, self._threads = encode, threads

    def write(self, divided: Sequence[Copy | Run]) -> Generator[int]:
        """Write all of it; yield the tick of the output after every frame."""
        with closing(in_order(self._encode, runs_of(divided), threads=self._threads)) as encoded:
            for each in divided:
                if not isinstance(each, Copy):
                    yield from self._write_encoded(next(encoded))
                    continue
                stretch = each.stretch
                packets = None
                if self._groups is not None and stretch.group is not None:
                    packets = self._groups.read(stretch.group, stretch.end)
                if packets is None:
                    yield from self._write_encoded(self._encode(each.as_run()))
                else:
                    yield from self._write_copied(packets, stretch.end, each.offset)

    def _write_encoded(self, encoded: Iterator[EncodedPackets]) -> Iterator[int]:
        for packets in encoded:
            for packet in packets:
                pts = packet.pts or 0
                self._output.mux(self._stream.encoded(packet))
                yield pts

    def _write_copied(self, copied: Sequence[CopiedPacket], end: int, offset: int) -> Iterator[int]:
        displayed = sorted(packet.tick for packet in copied)
        durations = {tick: after - tick for tick, after in pairwise([*displayed, end])}
        for packet, decoded_for in zip(copied, displayed, strict=True):
            self._output.mux(
                self._stream.packet(
                    packet.data,
                    pts=packet.tick + offset,
                    dts=decoded_for + offset,
                    duration=durations[packet.tick],
                    key=packet is copied[0],
                )
            )
            yield decoded_for + offset


class RunEncoder:
    """Decode and encode runs of frames; can be called from several threads at once.

    Args:
        decoders: of the source.
        settings: of the encoders.
        dissolve_ticks: duration of a frame of a dissolve.
    """

    def __init__(self, decoders: DecoderPool, settings: EncoderSettings, *, dissolve_ticks: float) -> None:
        self._decoders, self._settings, self._dissolve_ticks = decoders, settings, dissolve_ticks

    def __call__(self, run: Run) -> Generator[EncodedPackets]:
        """Yield the packets of a run."""
        encoder = H264Encoder(self._settings)
        dissolves = any(isinstance(piece, Dissolve) for piece in run)
        # Parts that dissolve into each other fall to the decoders in turns
        with self._decoders.lend(1 + dissolves) as decoders:
            for piece in run:
                decoder = decoders[piece.part % len(decoders)]
                if isinstance(piece, Dissolve):
                    yield from self._dissolve(piece, encoder, decoders[(piece.part - 1) % 2], decoder)
                else:
                    yield from _alone(piece, encoder, decoder)
        yield encoder.finish()

    def _dissolve(
        self, dissolve: Dissolve, encoder: H264Encoder, decoder: SeekingDecoder, other: SeekingDecoder
    ) -> Iterator[EncodedPackets]:
        before, after = dissolve.before, dissolve.after
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
            mixed = a or b if a is None or b is None else encoder.mixture(a, b, (n + 0.5) / count)
            if mixed is not None:
                yield encoder.encode(mixed, pts, until - pts, key=n == 0)


def _alone(frames: Frames, encoder: H264Encoder, decoder: SeekingDecoder) -> Iterator[EncodedPackets]:
    for frame, tick, duration in decoder.frames(frames.start, frames.end, with_current=frames.with_current):
        pts = max(tick, frames.start) + frames.offset
        yield encoder.encode(frame, pts, duration, key=tick <= frames.start)


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
