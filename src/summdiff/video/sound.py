"""The sound of chosen parts of a video, joined without a gap, a click or a drift."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from summdiff.video.source import LONGEST_STILL_SECONDS, audio_stream, open_input

_FADE_SECONDS = 0.005
# Time stamps of sound jitter (Matroska rounds to milliseconds): below this, samples are taken to follow each other.
_JITTER_SECONDS = 0.02
# Decoders need a run-up after a seek (Opus 80 ms, MP3 its bit reservoir); the later ones are for bad landings.
_RUN_UPS_SECONDS = (0.5, 10.0, 60.0)
_READ_ON_SECONDS = 5.0
_KEPT_LAYOUTS = ("mono", "stereo", "5.1", "5.1(side)")


class SoundTrack:
    """The first or default sound stream of a video, read part by part.

    Every part gets exactly as many samples as its place in the output asks for, counted from the output's start, so
    errors cannot add up. Where the source has no sound there is silence. Every part is faded in and out over 5 ms.

    Args:
        path: a local video file.
        origin: seconds on the container's clock at which the first displayed frame is shown.
        seekable: whether the file can be entered in its middle; otherwise it is read from the start.

    Attributes:
        rate: samples per second.
        layout: FFmpeg's name of the channel layout: the source's own where AAC has it, else mono or stereo.
        channels: number of channels.
        tags: language and title of the stream, as far as it tells them.
    """

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, origin: Fraction, seekable: bool) -> SoundTrack | None:
        """The sound of a video, or None where there is none that can be decoded."""
        track = cls(path, origin=origin, seekable=seekable)
        try:
            first = next(track._decoded, None) if track._stream is not None else None
        except BaseException:
            track.close()
            raise
        if first is None:
            track.close()
            return None
        track._start(first)
        return track

    def __init__(self, path: str | os.PathLike[str], *, origin: Fraction, seekable: bool) -> None:
        self._path = path
        self._origin = origin
        self._seekable = seekable
        self.rate, self.layout, self.channels = 0, "", 0
        self.tags: dict[str, str] = {}
        self._earliest = 0
        self._expected: int | None = None
        self._rewind()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    def read(self, parts: Sequence[tuple[Fraction, Fraction]]) -> Iterator[NDArray[np.float32]]:
        """The samples of the parts one after the other, in blocks (channels, n) float32 of at most about a second.

        Args:
            parts: [start, end) in seconds from the first displayed frame, in order.
        """
        passed = Fraction(0)
        for start, end in parts:
            until = passed + end - start
            count = round(until * self.rate) - round(passed * self.rate)
            done = 0
            for block in self._samples(round(start * self.rate), count):
                yield block * self._fade(done, block.shape[1], count)
                done += block.shape[1]
            passed = until

    def _fade(self, done: int, n: int, count: int) -> NDArray[np.float32]:
        """Gain of the samples done ... done + n of a part of `count` samples: a short ramp at each of its ends."""
        ramp = max(1, min(round(_FADE_SECONDS * self.rate), count // 2))
        at = np.arange(done, done + n)
        return (np.minimum(np.minimum(at + 1, count - at), ramp) / ramp).astype(np.float32)

    def _samples(self, first: int, count: int) -> Iterator[NDArray[np.float32]]:
        """`count` samples from index `first` on, counted from the first displayed frame; silence where none are."""
        position, end = first, first + count
        for at, samples in self._from(first):
            stop = at + samples.shape[1]
            if stop <= position:
                continue
            if at >= end:
                break
            yield from self._silence(at - position)
            position = max(position, at)
            block = samples[:, position - at : end - at]
            position += block.shape[1]
            yield block
            if position >= end:
                break
        yield from self._silence(end - position)

    def _silence(self, n: int) -> Iterator[NDArray[np.float32]]:
        while n > 0:
            yield np.zeros((self.channels, min(n, self.rate)), dtype=np.float32)
            n -= self.rate

    def _from(self, first: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Decoded sound as (index, samples) from `first` or earlier on; the last one given comes again next time."""
        self._go_to(first)
        while self._current is not None:
            yield self._current
            self._advance()

    def _go_to(self, first: int) -> None:
        """Make the current block one that lies at or before `first`, unless the sound starts later."""
        wanted = max(first, self._earliest)
        if self._current is not None and self._current[0] <= wanted <= self._current[0] + self._read_on:
            return
        if self._seekable:
            for run_up in _RUN_UPS_SECONDS:
                if self._seek(Fraction(wanted, self.rate) - Fraction(run_up)):
                    self._advance()
                    if self._current is not None and self._current[0] <= wanted:
                        return
        if self._current is None or self._current[0] > wanted:
            self.close()
            self._rewind()
            self._advance()

    def _seek(self, seconds: Fraction) -> bool:
        if self._stream is None or self._stream.time_base is None:
            return False
        try:
            self._container.seek(round((seconds + self._origin) / self._stream.time_base), stream=self._stream)
        except av.FFmpegError:
            return False
        self._expected = None
        self._decoded = self._decode()
        return True

    def _rewind(self) -> None:
        self._container = open_input(self._path)
        self._stream = audio_stream(self._container)
        self._expected = None
        self._shift = 0
        self._converter: tuple[tuple[str, str, int], AudioResampler] | None = None
        self._decoded = self._decode()
        self._current: tuple[int, NDArray[np.float32]] | None = None

    def _start(self, frame: AudioFrame) -> None:
        if self._stream is not None:
            told = self._stream.metadata
            self.tags = {key: told[key] for key in ("language", "title") if told.get(key)}
        self.rate = frame.sample_rate
        channels = frame.layout.nb_channels
        self.layout = (
            frame.layout.name if frame.layout.name in _KEPT_LAYOUTS else ("mono" if channels == 1 else "stereo")
        )
        self.channels = {"mono": 1, "stereo": 2}.get(self.layout, 6)
        self._read_on = round(_READ_ON_SECONDS * self.rate)
        self._current = self._placed(frame)
        self._earliest = self._current[0]

    def _advance(self) -> None:
        frame = next(self._decoded, None)
        self._current = None if frame is None else self._placed(frame)

    def _placed(self, frame: AudioFrame) -> tuple[int, NDArray[np.float32]]:
        """The frame's samples (channels, n) and the index of the first of them."""
        samples = self._converted(frame)
        at = self._expected
        if frame.pts is not None and frame.time_base is not None:
            told = round((frame.pts * frame.time_base - self._origin) * self.rate) + self._shift
            if at is None or abs(told - at) > _JITTER_SECONDS * self.rate:
                late = 0 if at is None else told - at
                if at is not None and not -self.rate <= late <= LONGEST_STILL_SECONDS * self.rate:
                    # A break in the clock, as `FrameSource` knows it: the sound goes on.
                    self._shift += at - told
                    told = at
                at = told
        at = at or 0
        self._expected = at + samples.shape[1]
        return at, samples

    def _converted(self, frame: AudioFrame) -> NDArray[np.float32]:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._converter is None or self._converter[0] != form:  # television changes from 2 to 6 channels and back
            self._converter = (form, AudioResampler(format="fltp", layout=self.layout, rate=self.rate))
        blocks = [np.asarray(out.to_ndarray(), dtype=np.float32) for out in self._converter[1].resample(frame)]
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((self.channels, 0), dtype=np.float32)

    def _decode(self) -> Iterator[AudioFrame]:
        """Every frame that can be decoded, from where the container stands."""
        if self._stream is None:
            return
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            with suppress(av.FFmpegError):  # what is damaged leaves a silence in its place
                yield from self._stream.decode(packet)
            if packet is None:
                return
