"""Listening to the sound of a video, also while its pictures are decoded."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from numpy.typing import NDArray

from summdiff.audio._samples import DAMAGE, SampleTrack, first_picture
from summdiff.audio._silero import FRAME_SAMPLES, SAMPLE_RATE, VoiceActivity
from summdiff.audio.sound import FRAME_SECONDS, LEVELS_PER_FRAME, Sound, levels
from summdiff.video import audio_stream, demux, open_input

_BATCH = 128  # frames per call of the detector, 4 s
_MAX_FRAMES = round(69 * 3600 / FRAME_SECONDS)  # as long as the features of a video may be
_SILENCE = bytes([255])


def listen(path: str | os.PathLike[str], duration: float) -> Sound:
    """Return the sound of a video without decoding more than its first picture.

    Damaged packets and gaps become silence.

    Args:
        path: a local video file.
        duration: seconds of the pictures.

    Raises:
        VideoError: the video cannot be read.
        ModelError: the voice activity detector is missing or damaged.
    """
    return _hear(path, Event()).finish(duration)


@contextmanager
def listening(path: str | os.PathLike[str]) -> Iterator[Callable[[float], Sound]]:
    """Listen in a thread of its own, which ends with the block.

        with listening(path) as sound:
            duration = ...  # look at the pictures meanwhile
            heard = sound(duration)

    Yields:
        A function that waits for the sound and returns what is heard beside pictures of a duration in seconds; it
        raises what `listen` raises.
    """
    stopped = Event()
    with ThreadPoolExecutor(1, "summdiff-listen") as pool:
        heard = pool.submit(_hear, path, stopped)
        try:
            yield lambda duration: heard.result().finish(duration)
        finally:
            stopped.set()


def _hear(path: str | os.PathLike[str], stopped: Event) -> _Heard:
    """Listen to the end, or until `stopped`."""
    heard, clock = _Heard(), first_picture(path)
    with open_input(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return heard
        track = SampleTrack(heard.add, clock)
        packets: Iterator[Packet[AudioStream]] = clock.repaired(demux(container, stream))
        with suppress(av.FFmpegError):  # the file is truncated
            for packet in packets:
                if stopped.is_set():
                    break
                with suppress(*DAMAGE):
                    for frame in packet.decode():
                        track.add(frame)
        track.end()
    return heard


class _Heard:
    """Levels and speech of samples at 16 kHz that come in order."""

    def __init__(self) -> None:
        self._voice = VoiceActivity()
        self._first: int | None = None  # index of the first sample
        self._length = 0  # samples so far
        self._waiting: list[NDArray[np.float32]] = []
        self._n_waiting = 0
        self._speech, self._loudness = bytearray(), bytearray()

    def add(self, at: int, samples: NDArray[np.float32]) -> None:
        """Add the samples (n,) from index `at` on: what was there before is skipped, and a gap is silence."""
        if self._first is None:
            self._first = at
        gap = at - self._first - self._length
        if self._length + gap > _MAX_FRAMES * FRAME_SAMPLES:
            return
        if gap > 0:
            self._add_silence(gap)
        self._append(samples[max(0, -gap) :])
        if self._n_waiting >= _BATCH * FRAME_SAMPLES:
            self._analyse()

    def finish(self, duration: float) -> Sound:
        """Return the frames that are heard beside pictures of `duration` seconds; index 0 is when the first appears."""
        self._append(np.zeros(-self._length % FRAME_SAMPLES, dtype=np.float32))
        self._analyse()
        start = (self._first or 0) / SAMPLE_RATE
        first = max(0, math.floor(-start / FRAME_SECONDS))
        last = min(len(self._speech), max(first, math.ceil((duration - start) / FRAME_SECONDS)))
        if first >= last:
            return Sound.none()
        return Sound(
            start=start + first * FRAME_SECONDS,
            speech=np.frombuffer(self._speech[first:last], dtype=np.uint8),
            loudness=np.frombuffer(self._loudness[LEVELS_PER_FRAME * first : LEVELS_PER_FRAME * last], dtype=np.uint8),
        )

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._waiting.append(samples)
        self._n_waiting += len(samples)
        self._length += len(samples)

    def _add_silence(self, count: int) -> None:
        """Add `count` samples of silence; whole frames of it are not shown to the detector."""
        begun = min(count, -self._length % FRAME_SAMPLES)
        self._append(np.zeros(begun, dtype=np.float32))
        frames, rest = divmod(count - begun, FRAME_SAMPLES)
        if frames:
            self._analyse()
            self._voice.reset()
            self._speech += bytes(frames)
            self._loudness += frames * LEVELS_PER_FRAME * _SILENCE
            self._length += frames * FRAME_SAMPLES
        self._append(np.zeros(rest, dtype=np.float32))

    def _analyse(self) -> None:
        """Take the whole frames among the waiting samples."""
        if self._n_waiting < FRAME_SAMPLES:
            return
        samples = np.concatenate(self._waiting)
        # Decoders of floating-point formats pass on any number that is in the file.
        samples = np.clip(np.nan_to_num(samples), -1.0, 1.0)
        rest = len(samples) % FRAME_SAMPLES
        frames = samples[: len(samples) - rest].reshape(-1, FRAME_SAMPLES)
        self._speech += np.round(self._voice(frames) * 255).astype(np.uint8).tobytes()
        self._loudness += levels(frames).tobytes()
        self._waiting = [samples[len(samples) - rest :]]
        self._n_waiting = rest
