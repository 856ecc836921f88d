"""The samples of a sound track at the rate of the voice activity detector."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.filter import Graph
from av.packet import Packet
from numpy.typing import NDArray

from summdiff.audio._silero import SAMPLE_RATE
from summdiff.video import Clock, FrameDecoder, SamplePlaces, audio_stream, demux, open_input

DAMAGE = (av.FFmpegError, ValueError)  # what PyAV raises for damaged packets and frames
_BLOCK = 8192  # samples at 16 kHz that the resampler gives at a time
_FRAMES = 64  # of the source between two looks for samples


def first_picture(path: str | os.PathLike[str]) -> Clock:
    """Return the clock of a file, which starts with its first displayed picture.

    Raises:
        VideoError: the video cannot be read.
    """
    with FrameDecoder(path) as decoder:
        next(iter(decoder))
        return decoder.clock


def speech_samples(path: str | os.PathLike[str], spans: Sequence[tuple[float, float]]) -> Iterator[NDArray[np.float32]]:
    """Yield the samples (n,) of each span of the sound at 16 kHz, mixed to one channel; 0 where there is no sound.

    Only one span at a time is in memory.

    Args:
        path: a local video file.
        spans: start and end in seconds from the first displayed picture, in order and apart.

    Raises:
        VideoError: the video cannot be read.
    """
    clock = first_picture(path)
    wanted = [tuple(round(time * SAMPLE_RATE) for time in span) for span in spans]
    pieces: list[tuple[int, NDArray[np.float32]]] = []
    done = 0

    def taken(*, all_: bool) -> Iterator[NDArray[np.float32]]:
        nonlocal done
        while done < len(wanted) and (all_ or (pieces and pieces[-1][0] + len(pieces[-1][1]) >= wanted[done][1])):
            start, end = wanted[done]
            samples = np.zeros(end - start, dtype=np.float32)
            for at, piece in pieces:
                inside = piece[max(0, start - at) : max(0, end - at)]
                samples[max(0, at - start) :][: len(inside)] = inside
            done += 1
            yield np.clip(np.nan_to_num(samples), -1.0, 1.0)
        first = wanted[done][0] if done < len(wanted) else float("inf")
        pieces[:] = [(at, piece) for at, piece in pieces if at + len(piece) > first]

    track = SampleTrack(lambda at, samples: pieces.append((at, samples)), clock)
    with open_input(path) as container:
        stream = audio_stream(container)
        packets: Iterator[Packet[AudioStream]] = iter(())
        if stream is not None:
            packets = clock.repaired(demux(container, stream))
        while done < len(wanted):
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):  # the file ends or is truncated
                break
            with suppress(*DAMAGE):
                for frame in packet.decode():
                    track.add(frame)
            yield from taken(all_=False)
    track.end()
    yield from taken(all_=True)


class SampleTrack:
    """Turns the frames of a sound track into samples at 16 kHz, mixed to one channel.

    Args:
        take: called with samples (n,) and the index of the first one, in order.
        clock: gives the time of index 0; the packets of the frames are repaired by it.
    """

    def __init__(self, take: Callable[[int, NDArray[np.float32]], None], clock: Clock) -> None:
        self._take_samples, self._clock = take, clock
        self._format: tuple[str, str, int] | None = None
        self._graph: Graph | None = None  # resamples the current run of frames without a gap
        self._n_frames = 0  # that it took
        self._run_start = self._run_length = 0  # samples at 16 kHz that it gave
        self._run_end = 0  # index of the next sample of the source, if there is no gap

    def add(self, frame: AudioFrame) -> None:
        """Add the next frame of the track."""
        source_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        changed = source_format != self._format
        if changed:
            self._format = source_format
            self._places = SamplePlaces(self._clock, frame.sample_rate)
        at = self._places(frame, frame.samples)
        if self._graph is None or changed or at != self._run_end:
            self._end_run()
            self._graph, self._n_frames = _resampling(frame), 0
            self._run_start, self._run_length = round(at * SAMPLE_RATE / frame.sample_rate), 0
        self._run_end = at + frame.samples
        self._take(frame)

    def end(self) -> None:
        """Pass on the last samples."""
        self._end_run()

    def _end_run(self) -> None:
        with suppress(*DAMAGE):
            self._take(None)  # what the graph held back
        self._graph = None

    def _take(self, frame: AudioFrame | None) -> None:
        """Resample a frame; after damage the next one begins anew."""
        graph, self._graph = self._graph, None
        if graph is None:
            return
        graph.push(frame)
        self._n_frames += 1
        if frame is None or self._n_frames % _FRAMES == 0:
            with suppress(av.BlockingIOError, av.EOFError):  # it has no more
                while True:
                    samples = np.asarray(graph.pull().to_ndarray()[0], dtype=np.float32)
                    self._take_samples(self._run_start + self._run_length, samples)
                    self._run_length += len(samples)
        self._graph = graph


def _resampling(frame: AudioFrame) -> Graph:
    """Return a filter graph from the format of a frame to mono at 16 kHz.

    `av.AudioResampler` takes twice as long: it looks for a result after each frame.
    """
    graph = Graph()
    source = graph.add_abuffer(
        format=frame.format.name,
        sample_rate=frame.sample_rate,
        layout=frame.layout.name,
        time_base=Fraction(1, frame.sample_rate),
    )
    target = graph.add("aformat", f"sample_rates={SAMPLE_RATE}:sample_fmts=fltp:channel_layouts=mono")
    sink = graph.add("abuffersink")
    source.link_to(target)
    target.link_to(sink)
    graph.configure()
    graph.set_audio_frame_size(_BLOCK)
    return graph
