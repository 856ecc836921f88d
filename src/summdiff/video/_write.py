"""Writing of chosen parts of a video as a new file, exact to the frame and with sound, subtitles and chapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from summdiff.atomic import sweep_now_and_then, temporary_path, to_disk
from summdiff.errors import OutputError
from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video._audio_track import AudioTrack
from summdiff.video._clock import Clock
from summdiff.video._copy import CopiedPacket, CopyPlan, GroupReader, Stretch
from summdiff.video._cut import TickPart, tick_parts
from summdiff.video._decode import TimedFrame
from summdiff.video._encode import H264Encoder
from summdiff.video._index import FrameIndex, SeekingDecoder, index_frames
from summdiff.video._metadata import read_tags
from summdiff.video._mp4 import turn_off_subtitles
from summdiff.video._subtitles import add_chapters, read_chapters, retime, retimed_subtitles, write_subtitles

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def write_cut(
    source: str | os.PathLike[str],
    parts: Sequence[Interval],
    target: str | os.PathLike[str],
    *,
    transition: float = 0.0,
    options: MovieOptions = MovieOptions(),  # noqa: B008  (frozen)
    on_progress: Callable[[float], None] | None = None,
    method: Literal["auto", "encode"] = "auto",
) -> None:
    """Write parts of a video, one after the other, as an mp4 (H.264 and AAC) that can be streamed.

    The file contains exactly the frames whose presentation times lie in a part, with their own durations (also at
    variable frame rates), in the source's size, pixel aspect ratio, rotation and colors; interlaced frames are
    deinterlaced, one frame for each. Audio is cut to the same intervals, to the sample, and crossfades at each join. If
    a picture stands still at the start of a part (slides), it is shown from that start. Text subtitles and chapters
    move to their new times; those outside of the parts are dropped.

    The file appears under its name when it is complete; after an error, nothing is left behind.

    Args:
        source: the video.
        parts: intervals in seconds from the first displayed frame; they are sorted, merged and cut off at the end of
            the video.
        transition: seconds for which pictures and sound of two successive parts dissolve into each other, so that the
            file is shorter by as much at each join; rounded to an even number of frames, and at most half of the
            shorter part. 0 cuts.
        options: quality and size of the file, and what it keeps of the source.
        target: file to write; replaced if it exists.
        on_progress: called with the seconds of the new video written so far.
        method: "auto" copies whole groups of pictures of an H.264 source and encodes the rest; "encode" encodes
            everything.

    Raises:
        VideoError: the source cannot be read.
        UsageError: no part contains a frame of the video.
        OutputError: the target cannot be written, or is the source itself.
    """
    target = Path(target)
    _check_target(Path(source), target)
    index = index_frames(source)
    sweep_now_and_then(target.parent)
    temporary = temporary_path(target.parent)
    try:
        ticks = tick_parts(parts, index, transition)
        _write(source, ticks, index, temporary, options, on_progress or (lambda seconds: None), method)
        to_disk(temporary)
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, av.FFmpegError | OSError):
            reason = error.strerror or str(error)
            raise OutputError(f"'{target}' cannot be written: {reason}.") from error
        raise


def _check_target(source: Path, target: Path) -> None:
    folder = target.parent
    if target.is_dir():
        raise OutputError(f"'{target}' is a folder; name a file in it.")
    if not folder.is_dir():
        raise OutputError(f"'{target}' cannot be written: the folder '{folder}' does not exist.")
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"'{target}' is the video itself; choose another name.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"'{target}' cannot be written: the folder '{folder}' is not writable.")


def _write(
    path: str | os.PathLike[str],
    parts: Sequence[TickPart],
    index: FrameIndex,
    temporary: Path,
    options: MovieOptions,
    on_progress: Callable[[float], None],
    method: Literal["auto", "encode"],
) -> None:
    time_base = index.clock.time_base
    with ExitStack() as opened:
        deinterlace = not options.keep_interlaced
        decoder = opened.enter_context(SeekingDecoder(path, index, deinterlace=deinterlace))
        decoders = [decoder]
        dissolves = [2 * (part.alone_from - part.start) * time_base for part in parts[1:]]
        if any(dissolves):  # the part before and the part after are decoded at the same time
            decoders.append(opened.enter_context(SeekingDecoder(path, index, deinterlace=deinterlace)))
        spans = [(part.start * time_base, part.end * time_base) for part in parts]
        plan = CopyPlan.of(index, decoder.first) if method == "auto" and not decoder.interlaced else None
        groups = opened.enter_context(GroupReader(path, plan, index.clock)) if plan is not None else None
        track = AudioTrack.open(path, clock=index.clock, seekable=bool(len(index.key_ticks)))
        if track is not None:
            opened.enter_context(track)
        output = av.open(str(temporary), "w", format="mp4", container_options={"movflags": "+faststart"})
        try:
            output.metadata.update(read_tags(path, keep_location=options.keep_location))
            frame_ticks = 1 / (index.dissolve_rate * time_base)
            video = _VideoWriter(output, decoders, index.clock, plan, groups, dissolve_ticks=float(frame_ticks))
            audio = _AudioWriter(output, track, spans, dissolves)
            subtitles = retimed_subtitles(path, spans, keep_location=options.keep_location)
            add_chapters(output, retime(read_chapters(path), spans))
            write_subtitles(output, subtitles)
            for tick in video.write(parts):
                seconds = tick * time_base
                audio.write_until(seconds)
                on_progress(float(seconds))
            video.finish()
            audio.write_until(None)
            output.close()  # moves the index to the front, which may fill the disk
            turn_off_subtitles(temporary, [track.default for track in subtitles])
            on_progress(float((parts[-1].offset + parts[-1].end - parts[-1].start) * time_base))
        except BaseException:
            with suppress(OSError):  # first, so that closing does not complete an unwanted file
                temporary.unlink()
            with suppress(av.FFmpegError):
                output.close()
            raise


class _VideoWriter:
    """Write the frames of parts: copied where a plan allows it, encoded elsewhere.

    Args:
        output: the file.
        decoders: of the source; two if parts dissolve into each other, to which the parts fall in turns.
        clock: of the source.
        plan, groups: what can be copied, and its packets.
        dissolve_ticks: duration of a frame of a dissolve.
    """

    def __init__(
        self,
        output: OutputContainer,
        decoders: Sequence[SeekingDecoder],
        clock: Clock,
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
        self._encoder = H264Encoder(
            output,
            decoders[0].first,
            decoders[0].stream,
            clock,
            interlaced=decoders[0].first.interlaced_frame,
            copied_sets=plan.groups.sets if plan is not None else None,
            decode_delay=plan.decode_delay() if plan is not None else 0,
        )

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


class _AudioWriter:
    """Encode an audio track as AAC, block by block, so that it is interleaved with the video."""

    def __init__(
        self,
        output: OutputContainer,
        track: AudioTrack | None,
        spans: Sequence[tuple[Fraction, Fraction]],
        dissolves: Sequence[Fraction],
    ) -> None:
        self._output = output
        self._packets: Iterator[list[Packet[AudioStream]]] = iter(())
        self._written = Fraction(0)
        if track is not None:
            rate = track.rate if track.rate in _AAC_RATES else 48000
            # FFmpeg documents this coder as the better one above 64 kbit/s; it is also several times faster.
            stream = output.add_stream("aac", rate=rate, options={"aac_coder": "fast"})
            stream.codec_context.layout = track.layout
            stream.codec_context.bit_rate = min(96_000, 5 * rate) * track.channels
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
