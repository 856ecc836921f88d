"""Writes chosen parts of a video as a new file, exact to the frame and with its sound."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
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

from summdiff.atomic import sweep_now_and_then, temporary_path, to_disk
from summdiff.errors import OutputError, UsageError
from summdiff.summary import Interval, merge
from summdiff.video.captions import SubtitleWriter, add_chapters, carried_subtitles, carry, read_chapters
from summdiff.video.copy import Copied, CopyPlan, GroupReader, Stretch
from summdiff.video.encode import Encoder
from summdiff.video.index import FrameIndex, index_frames
from summdiff.video.pick import FramePicker
from summdiff.video.sound import SoundTrack
from summdiff.video.source import open_input

# Interval ends travel through JSON, rounded to the microsecond; no two frames are this close.
_TOLERANCE_SECONDS = 1e-3
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
# About the container and the file, or about the source's first frame, which the summary's is not.
_OWN_METADATA = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}


@dataclass(frozen=True, slots=True)
class TickPart:
    """A part of the source on the clock of its frames.

    Attributes:
        start, end: [start, end) in ticks.
        offset: tick of the output at which the part begins.
        held: whether the frame that is on display at `start` was shown earlier, so that it has to be shown again.
    """

    start: int
    end: int
    offset: int
    held: bool


def write_cut(
    source: str | os.PathLike[str],
    parts: Sequence[Interval],
    target: str | os.PathLike[str],
    *,
    on_progress: Callable[[float], None] | None = None,
    method: Literal["auto", "encode"] = "auto",
) -> None:
    """Write parts of a video, one after the other, as an mp4 (H.264 and AAC) that starts playing at once.

    It holds exactly the frames whose presentation time lies in a part, at their own distances in time (also where
    the frame rate varies), in the source's size and shape of pixels, turned by the source's display matrix, with its
    colour tags. Sound is cut to the same intervals to the sample. Where a picture stands still over the start of a
    part (slides), it is shown from that start on. Text subtitles and chapter marks move to the new times; what lies
    outside of the parts vanishes.

    The file appears under its name only when it is complete; whatever goes wrong, nothing is left behind.

    Args:
        source: the video.
        parts: intervals in seconds from the first displayed frame; sorted and merged here, cut off at the video's end.
        target: file to write; replaced if it exists.
        on_progress: called with the seconds of the new video written so far.
        method: "auto" copies what lies in whole groups of pictures of an H.264 source and encodes the rest; "encode"
            encodes everything.

    Raises:
        VideoError: the source cannot be read.
        UsageError: no part holds a frame of the video.
        OutputError: the target cannot be written, or is the source itself.
    """
    target = Path(target)
    _check_target(Path(source), target)
    index = index_frames(source)
    sweep_now_and_then(target.parent)
    temporary = temporary_path(target.parent)
    try:
        _write(source, parts, index, temporary, on_progress or (lambda seconds: None), method)
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


def tick_parts(
    parts: Sequence[Interval], index: FrameIndex, *, time_base: Fraction, nominal: int
) -> tuple[TickPart, ...]:
    """Lay intervals in seconds onto the frames of a video.

    Ends within a millisecond of a frame are meant to be that frame's time. A start that lies between two frames moves
    to the later one, so that picture and sound begin together, unless a picture stands still there.

    Args:
        parts: intervals in seconds, in any order.
        index: the frames of the video.
        time_base: seconds per tick.
        nominal: ticks that a frame usually lasts.

    Raises:
        UsageError: an end is not a number, or no part holds a frame.
    """
    if not all(math.isfinite(part.start) and math.isfinite(part.end) for part in parts):
        raise UsageError("The parts to write must begin and end at finite numbers of seconds.")
    shown = np.append(index.shown, index.end)
    stands = float(1 / time_base)  # also where all pictures of a video stand for a second or more
    found: list[TickPart] = []
    offset = 0
    for part in merge(part for part in parts if part.end > part.start):
        start, end = (_tick(seconds, shown, time_base) for seconds in (part.start, part.end))
        first, last = np.searchsorted(index.shown, (start, end))
        gap = int(shown[first]) - start if first < last else end - start
        held = first > 0 and gap > min(1.5 * nominal, stands)
        if not held and first < last:
            start = int(shown[first])
        if held or first < last:
            found.append(TickPart(start, end, offset, held))
            offset += end - start
    if not found:
        raise UsageError("There is nothing to write: no chosen part holds a frame of the video.")
    return tuple(found)


def _tick(seconds: float, shown: np.ndarray, time_base: Fraction) -> int:
    """The tick that `seconds` stand for: that of a frame where one is near, within the video."""
    exact = seconds * time_base.denominator / time_base.numerator
    tick = min(max(round(exact), 0), int(shown[-1]))
    after = int(np.searchsorted(shown, exact))
    near = min(shown[max(after - 1, 0) : after + 1], key=lambda frame: abs(frame - exact), default=tick)
    return int(near) if abs(near - exact) * time_base < _TOLERANCE_SECONDS else tick


def _write(
    path: str | os.PathLike[str],
    parts: Sequence[Interval],
    index: FrameIndex,
    temporary: Path,
    on_progress: Callable[[float], None],
    method: Literal["auto", "encode"],
) -> None:
    with ExitStack() as opened:
        picker = opened.enter_context(FramePicker(path, index))
        ticks = tick_parts(parts, index, time_base=picker.time_base, nominal=picker.nominal)
        plan = CopyPlan.of(index, picker.first, picker.time_base) if method == "auto" else None
        reader = opened.enter_context(GroupReader(path, plan, picker.origin)) if plan is not None else None
        sound = SoundTrack.open(path, origin=picker.origin, seekable=bool(len(index.keys)))
        if sound is not None:
            opened.enter_context(sound)
        output = av.open(str(temporary), "w", format="mp4", container_options={"movflags": "+faststart"})
        try:
            _add_metadata(path, output)
            picture = _PictureWriter(output, picker, plan, reader)
            seconds_of = [(part.start * picker.time_base, part.end * picker.time_base) for part in ticks]
            mixer = _SoundWriter(output, sound, seconds_of)
            subtitles = SubtitleWriter(output, carried_subtitles(path, seconds_of))
            add_chapters(output, carry(read_chapters(path), seconds_of))
            subtitles.write()
            for part in ticks:
                for tick in picture.write(part):
                    seconds = tick * picker.time_base
                    mixer.write_until(seconds)
                    on_progress(float(seconds))
            picture.finish()
            mixer.write_until(None)
            output.close()  # moves the index to the front, which needs the disk once more
            last = ticks[-1]
            on_progress(float((last.offset + last.end - last.start) * picker.time_base))
        except BaseException:
            with suppress(OSError):  # first, so that closing does not finish what nobody wants
                temporary.unlink()
            with suppress(av.FFmpegError):
                output.close()
            raise


def _add_metadata(path: str | os.PathLike[str], output: OutputContainer) -> None:
    with open_input(path) as container:
        output.metadata.update(
            {key: value for key, value in container.metadata.items() if key.lower() not in _OWN_METADATA}
        )


class _PictureWriter:
    """Writes the pictures of parts, copied where a plan allows it and encoded elsewhere."""

    def __init__(
        self, output: OutputContainer, picker: FramePicker, plan: CopyPlan | None, reader: GroupReader | None
    ) -> None:
        self._output = output
        self._picker = picker
        self._plan = plan
        self._reader = reader
        self._encoder = Encoder(
            output,
            picker.first,
            picker.stream,
            beside=plan.groups.sets if plan is not None else None,
            delay=plan.delay() if plan is not None else 0,
        )

    def write(self, part: TickPart) -> Iterator[int]:
        """Write a part; yields the output's tick that was reached, after every picture."""
        offset = part.offset - part.start
        whole = [Stretch(part.start, part.end, None)]
        for stretch in self._plan.stretches(part.start, part.end) if self._plan is not None else whole:
            copied = (
                self._reader.read(stretch.group) if self._reader is not None and stretch.group is not None else None
            )
            if copied is not None:
                yield from self._copy(copied, stretch.end, offset)
                continue
            held = part.held and stretch.start == part.start
            for frame, tick, duration in self._picker.pick(stretch.start, stretch.end, held=held):
                shown = max(tick, stretch.start) + offset
                self._output.mux(self._encoder.encode(frame, shown, duration, key=tick <= stretch.start))
                yield shown

    def finish(self) -> None:
        self._output.mux(self._encoder.finish())

    def _copy(self, copied: Sequence[Copied], end: int, offset: int) -> Iterator[int]:
        self.finish()  # what follows is on its own: the encoder has to start afresh behind it
        shown = sorted(packet.tick for packet in copied)
        duration = dict(zip(shown, [after - tick for tick, after in pairwise([*shown, end])], strict=True))
        for place, packet in enumerate(copied):
            self._output.mux(
                self._encoder.packet(
                    packet.data,
                    shown=packet.tick + offset,
                    decoded=shown[place] + offset,
                    duration=duration[packet.tick],
                    key=place == 0,
                )
            )
            yield shown[place] + offset


class _SoundWriter:
    """Encodes a sound track as AAC, block by block, so that it keeps beside the picture in the file."""

    def __init__(
        self, output: OutputContainer, sound: SoundTrack | None, parts: Sequence[tuple[Fraction, Fraction]]
    ) -> None:
        self._output = output
        self._packets: Iterator[list[Packet[AudioStream]]] = iter(())
        self._written = Fraction(0)
        if sound is not None:
            rate = sound.rate if sound.rate in _AAC_RATES else 48000
            # FFmpeg's documentation calls this coder the better one above 64 kbit/s; it is also several times faster.
            stream = output.add_stream("aac", rate=rate, options={"aac_coder": "fast"})
            stream.codec_context.layout = sound.layout
            stream.codec_context.bit_rate = min(96_000, 5 * rate) * sound.channels
            stream.metadata.update(sound.tags)
            self._packets = self._encode(stream, sound, parts)

    def write_until(self, seconds: Fraction | None) -> None:
        """Write sound up to one second past `seconds` of the output; all of it for None."""
        while seconds is None or self._written < seconds + 1:
            packets = next(self._packets, None)
            if packets is None:
                return
            self._output.mux(packets)

    def _encode(
        self, stream: AudioStream, sound: SoundTrack, parts: Sequence[tuple[Fraction, Fraction]]
    ) -> Iterator[list[Packet[AudioStream]]]:
        samples = 0
        for block in sound.read(parts):
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=sound.layout)
            frame.sample_rate, frame.time_base, frame.pts = sound.rate, Fraction(1, sound.rate), samples
            samples += block.shape[1]
            self._written = Fraction(samples, sound.rate)
            yield stream.encode(frame)
        yield stream.encode(None)
