"""The audio of chosen parts of a video, joined without gaps, clicks or drift."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate, chain, pairwise

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from summdiff.video._clock import Clock
from summdiff.video._container import OpenFile, demux, open_input
from summdiff.video._sample_places import SampleClock
from summdiff.video._steady_sound import SteadySound
from summdiff.video._streams import audio_stream

# Long enough not to click, too short to be heard as a fade or to bring in a sound from outside a part.
_FADE_SECONDS = Fraction(15, 1000)
# Decoders need a pre-roll after a seek (Opus 80 ms, MP3 its bit reservoir); the longer ones help where a seek overshot.
_PRE_ROLLS_SECONDS = (0.5, 10.0, 60.0)
_READ_ON_SECONDS = 5.0  # up to here reading on is cheaper than seeking
# Layouts that AAC names by a number, which every player reads; the side channels of 5.1 are its surround channels.
_KEPT_LAYOUTS = {"mono": "mono", "stereo": "stereo", "5.1": "5.1", "5.1(side)": "5.1"}


class AudioTrack(OpenFile):
    """The audio stream of a video that a player plays, read part by part.

    Each part begins at exactly the sample at which its place in the output begins, so that rounding errors do not add
    up. Gaps in the source become silence. Each join is an equal-power crossfade of 15 ms; it reaches 7.5 ms beyond the
    end of one part and before the start of the next, so that there is neither a click nor a gap.

    Args:
        path: a local video file.
        clock: the clock of the file.
        seekable: whether seeking is reliable; if not, the file is read from its start.

    Attributes:
        rate: samples per second.
        layout: FFmpeg's name of the channel layout: mono, stereo or 5.1 as in the source, else stereo.
        channels: number of channels.
        tags: language and title of the stream, if stated.
    """

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, clock: Clock, seekable: bool) -> AudioTrack | None:
        """Open the audio of a video; None if there is none that can be decoded."""
        track = cls(path, clock=clock, seekable=seekable)
        try:
            frames = track._decode()
            first = next(frames, None)
            if first is not None:
                track._start(first, frames)
                return track
        except BaseException:
            track.close()
            raise
        track.close()
        return None

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock, seekable: bool) -> None:
        self._path = path
        self._clock = clock
        self._seekable = seekable
        self.rate, self.layout, self.channels = 0, "", 0
        self.tags: dict[str, str] = {}
        self._open()

    def close(self) -> None:
        self._container.close()

    def read(
        self, parts: Sequence[tuple[Fraction, Fraction]], dissolves: Sequence[Fraction] = ()
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the samples of the parts, one after the other, in blocks (channels, n) float32 of at most a second.

        Args:
            parts: [start, end) in seconds from the first displayed frame, in order.
            dissolves: for each join of two parts, the seconds over which they dissolve into each other, half of them
                on each side; a shorter crossfade than that of a cut is not made.
        """
        edges = [Fraction(0), *accumulate(end - start for start, end in parts)]
        places = [round(edge * self.rate) for edge in edges]
        fades = [max(1, fade // 2) for fade in self._fades(places, dissolves)]  # samples on each side of an edge
        mixed = np.zeros((self.channels, 0), dtype=np.float32)  # the end of the part before, faded out
        for i, (start, _) in enumerate(parts):
            fade_in, fade_out = fades[i] if i else 0, fades[i + 1] if i + 1 < len(parts) else 0
            first = places[i] - fade_in
            count = places[i + 1] + fade_out - first
            rise, fall = fade_in + fades[i], fade_out + fades[i + 1]
            held: list[NDArray[np.float32]] = []
            done = 0
            for samples in self._samples(round(start * self.rate) - fade_in, count):
                n = samples.shape[1]
                block = samples * _gain(done, n, count, rise, fall)
                block[:, : max(0, mixed.shape[1] - done)] += mixed[:, done : done + n]
                finished = count - (fall if fade_out else 0) - done
                done += n
                if finished > 0:
                    yield block[:, :finished]
                if finished < n:
                    held.append(block[:, max(0, finished) :])
            mixed = np.concatenate(held, axis=1) if held else mixed[:, :0]

    def _fades(self, places: Sequence[int], dissolves: Sequence[Fraction]) -> Iterator[int]:
        """Yield the length in samples of the crossfade at each edge of the parts, at most that of either part."""
        lengths = [b - a for a, b in pairwise(places)]
        for i in range(len(places)):
            dissolve = dissolves[i - 1] if 0 < i <= len(dissolves) and i < len(lengths) else Fraction(0)
            yield min([round(max(dissolve, _FADE_SECONDS) * self.rate), *lengths[max(0, i - 1) : i + 1]])

    def _samples(self, first: int, count: int) -> Iterator[NDArray[np.float32]]:
        """Yield `count` samples from index `first` on, with silence in gaps. Index 0 is the first displayed frame."""
        position, end = first, first + count
        for at, samples in self._blocks_from(first):
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

    def _blocks_from(self, first: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield decoded blocks as (index, samples), starting at or before `first`; the last one stays current."""
        self._go_to(first)
        while self._current is not None:
            yield self._current
            self._advance()

    def _go_to(self, first: int) -> None:
        """Make the current block one that starts at or before `first`, unless the track starts later."""
        wanted = max(first, self._earliest)
        if self._current is not None and self._current[0] <= wanted <= self._current[0] + self._read_on:
            return
        if self._seekable:
            for pre_roll in _PRE_ROLLS_SECONDS:
                if self._seek(Fraction(wanted, self.rate) - Fraction(pre_roll)):
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
            at = self._clock.container_timestamp(seconds, self._stream.time_base)
            self._container.seek(at, stream=self._stream)
        except av.FFmpegError:
            return False
        self._blocks = self._placed(self._decode())
        return True

    def _open(self) -> None:
        self._container = open_input(self._path)
        self._stream = audio_stream(self._container)
        self._resampler: tuple[tuple[str, str, int], AudioResampler] | None = None

    def _rewind(self) -> None:
        self._open()
        self._blocks = self._placed(self._decode())

    def _start(self, frame: AudioFrame, others: Iterator[AudioFrame]) -> None:
        """Take the output's format from the first frame."""
        if self._stream is not None:
            metadata = self._stream.metadata
            self.tags = {key: metadata[key] for key in ("language", "title") if metadata.get(key)}
        self.rate = frame.sample_rate
        self.layout = _KEPT_LAYOUTS.get(frame.layout.name) or ("mono" if frame.layout.nb_channels == 1 else "stereo")
        self.channels = {"mono": 1, "stereo": 2}.get(self.layout, 6)
        self._read_on = round(_READ_ON_SECONDS * self.rate)
        self._blocks = self._placed(chain([frame], others))
        self._advance()
        self._earliest = self._current[0] if self._current is not None else 0  # index of the track's first sample

    def _advance(self) -> None:
        self._current: tuple[int, NDArray[np.float32]] | None = next(self._blocks, None)

    def _placed(self, frames: Iterable[AudioFrame]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield blocks of samples (channels, n) with the index of their first one, in order."""
        stated, steady = SampleClock(self._clock, self.rate), SteadySound(self.rate)
        for frame in frames:
            samples = self._resample(frame)
            yield from steady.add(stated(frame, steady.stated_end) or 0, samples)
        yield from steady.finish()

    def _resample(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Convert a frame to the output's format; the source's may change midway (television: stereo and 5.1)."""
        source_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or self._resampler[0] != source_format:
            self._resampler = (source_format, AudioResampler(format="fltp", layout=self.layout, rate=self.rate))
        blocks = [np.asarray(out.to_ndarray(), dtype=np.float32) for out in self._resampler[1].resample(frame)]
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((self.channels, 0), dtype=np.float32)

    def _decode(self) -> Iterator[AudioFrame]:
        """Yield every frame that can be decoded, from the current position of the container."""
        if self._stream is None:
            return
        packets = self._clock.repaired(demux(self._container, self._stream))
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            with suppress(av.FFmpegError):  # damaged frames become silence
                yield from self._stream.decode(packet)
            if packet is None:
                return


def _gain(first: int, n: int, count: int, rise: int, fall: int) -> NDArray[np.float32]:
    """Return the gain of samples first ... first + n of `count`, which rises over `rise` and falls over `fall` samples.

    The squares of the gains of a fall and of a rise of the same length sum up to 1.
    """
    if first >= rise and first + n <= count - fall:
        return np.ones(1, dtype=np.float32)
    at = np.arange(first, first + n) + 0.5
    rising, falling = np.clip(at / rise, 0.0, 1.0), np.clip((count - at) / fall, 0.0, 1.0)
    return np.asarray(np.sin(np.pi / 2 * rising) * np.sin(np.pi / 2 * falling), dtype=np.float32)
