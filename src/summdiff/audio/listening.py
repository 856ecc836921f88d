"""Listening to the sound of a video while its pictures are decoded."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from fractions import Fraction
from queue import Queue
from threading import Thread

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from numpy.typing import NDArray

from summdiff.audio._samples import DAMAGE, SampleTrack, first_picture
from summdiff.audio._silero import FRAME_SAMPLES, SAMPLE_RATE, VoiceActivity
from summdiff.audio.sound import FRAME_SECONDS, LEVELS_PER_FRAME, Sound, levels
from summdiff.video import Clock, audio_stream, demux, open_input

_BATCH = 128  # frames per call of the detector, 4 s
_PACKETS, _AHEAD = 64, 8  # packets per entry of the queue, about 1 s, and entries that may wait
_MAX_FRAMES = round(69 * 3600 / FRAME_SECONDS)  # as long as the features of a video may be
_SILENCE = bytes([255])


def listen(path: str | os.PathLike[str], duration: float) -> Sound:
    """Return the sound of a video without decoding more than its first picture.

    Args:
        path: a local video file.
        duration: seconds of the pictures.

    Raises:
        VideoError: the video cannot be read.
        ModelError: the voice activity detector is missing or damaged.
    """
    clock = first_picture(path)
    with open_input(path) as container, SoundListener() as listener:
        stream = audio_stream(container)
        if stream is not None:
            listener.begin(clock.of_container())
            with suppress(av.FFmpegError):  # the file is truncated
                for packet in clock.repaired(demux(container, stream)):
                    listener.hear(packet)
        return listener.sound(clock, duration)


class SoundListener:
    """Turns the packets of a sound track into a `Sound`, in a thread of its own.

    Damaged packets and gaps become silence.

        with SoundListener() as listener, FrameDecoder(path, listener=listener) as decoder:
            for timed in decoder:
                ...
            sound = listener.sound(decoder.clock, duration)

    Raises:
        ModelError: the voice activity detector is missing or damaged.
    """

    def __init__(self) -> None:
        self._heard = _Heard()
        self._track: SampleTrack | None = None
        self._before = Fraction(0)  # of the clock of the samples
        self._packets: list[Packet[AudioStream]] = []
        self._queue: Queue[list[Packet[AudioStream]] | None] = Queue(maxsize=_AHEAD)
        self._error: BaseException | None = None
        self._closed = False
        self._thread = Thread(target=self._run, name="summdiff-listen", daemon=True)
        self._thread.start()

    def __enter__(self) -> SoundListener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def begin(self, clock: Clock) -> None:
        """Forget what was heard: the file, with this clock, is read from its start."""
        self.rest()
        self._heard = _Heard()
        self._track, self._before = SampleTrack(self._heard.add, clock), clock.start

    def hear(self, packet: Packet[AudioStream]) -> None:
        """Take the next packet; an empty one ends the sound."""
        if self._closed:
            return
        self._packets.append(packet)
        if len(self._packets) >= _PACKETS or not packet.size:
            self._pass_on()

    def rest(self) -> None:
        """Wait until every packet so far is decoded."""
        if not self._closed:
            self._pass_on()
            self._queue.join()

    def sound(self, clock: Clock, duration: float) -> Sound:
        """Return what was heard beside the pictures.

        Args:
            clock: the clock of the file.
            duration: seconds of the pictures.
        """
        self.rest()
        if self._error is not None:
            raise self._error
        if self._track is not None:
            self._track.end()
        return self._heard.finish(before=float(clock.start - self._before), duration=duration)

    def _pass_on(self) -> None:
        """Wake the thread; not for each packet, as this takes longer than decoding one."""
        packets, self._packets = self._packets, []
        if packets:
            self._queue.put(packets)

    def _run(self) -> None:
        while (packets := self._queue.get()) is not None:
            try:
                track = self._track
                if track is None or self._error is not None:
                    continue
                for packet in packets:
                    with suppress(*DAMAGE):
                        for frame in packet.decode():
                            track.add(frame)
            except BaseException as error:  # raised again by `sound`
                self._error = error
            finally:
                self._queue.task_done()


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

    def finish(self, *, before: float, duration: float) -> Sound:
        """Return the frames that are heard beside pictures of `duration` seconds.

        Args:
            before: seconds from index 0 to the first picture.
            duration: seconds of the pictures.
        """
        self._append(np.zeros(-self._length % FRAME_SAMPLES, dtype=np.float32))
        self._analyse()
        start = (self._first or 0) / SAMPLE_RATE - before
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
