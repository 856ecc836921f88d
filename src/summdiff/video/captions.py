"""Subtitles and chapter marks of a video, where they lie in a summary of it, and how an mp4 holds them."""

from __future__ import annotations

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, cast

import av
import av.stream
from av.container.output import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream

from summdiff.video.source import FileVersion, FrameSource, file_version, open_input

_TEXT_CODECS = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})
# FFmpeg hands out every text as ASS, with orders such as {\i1}; a brace that is meant has a backslash. In files that
# are ASS themselves, braces hold comments as well.
_ORDERS = re.compile(r"(?<!\\)\{\\[^}]*\}")
_BRACES = re.compile(r"(?<!\\)\{[^}]*\}")
_ESCAPES = ((r"\N", "\n"), (r"\n", "\n"), (r"\h", " "), (r"\{", "{"), (r"\}", "}"), ("\\\u2060", "\\"))
_CLOCK = Fraction(1, 90000)  # of subtitles in an mp4
_LONGEST_TEXT = 65535  # bytes; the length has two
_MOST_AT_ONCE = 8  # cues
# What FFmpeg's encoder makes the track's description of: one plain style.
_STYLES = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Cue:
    """A text that is shown during [start, end) seconds; its lines are parted by line feeds."""

    start: Fraction
    end: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """Cues in order of their starts, which may overlap, with the tags of the track ("" where there are none)."""

    cues: tuple[Cue, ...]
    language: str = ""
    title: str = ""
    default: bool = False


Part = tuple[Fraction, Fraction]


def read_subtitles(path: str | os.PathLike[str]) -> tuple[SubtitleTrack, ...]:
    """All text subtitles of a video (SubRip, ASS, MP4 timed text, WebVTT), in seconds from the first displayed frame.

    Styles and positions are left out. Subtitles that are pictures (DVD, Blu-ray) are not read. What was read last is
    kept, since several formats ask for it and the whole file has to be gone through.

    Raises:
        VideoError: the file cannot be read.
    """
    return _read_subtitles(os.fspath(path), file_version(path))


@lru_cache(maxsize=2)
def _read_subtitles(path: str, _version: FileVersion) -> tuple[SubtitleTrack, ...]:
    found: dict[int, list[Cue]] = {}
    with FrameSource(path) as source:
        streams = [stream for stream in source.container.streams.subtitles if _is_text(stream)]
        if not streams:
            return ()
        next(iter(source))
        origin = (source.origin or 0) * source.time_base
    with open_input(path) as container:
        streams = [stream for stream in container.streams.subtitles if _is_text(stream)]
        open_cues: dict[int, int] = {}  # cues whose end is not told: the next packet ends them
        with suppress(av.FFmpegError):  # the file breaks off: what was read is kept
            for packet in container.demux(streams):
                if packet.pts is None or not packet.size:
                    continue
                stream = packet.stream
                start = packet.pts * packet.time_base - origin
                cues = found.setdefault(stream.index, [])
                waiting = open_cues.pop(stream.index, None)
                if waiting is not None:
                    cues[waiting] = replace(cues[waiting], end=max(start, cues[waiting].start))
                text = _decoded(cast("SubtitleStream", stream), packet)
                if text:
                    length = (packet.duration or 0) * packet.time_base
                    if not length:
                        open_cues[stream.index] = len(cues)
                        length = Fraction(5)  # stays so only for the last cue of a track
                    cues.append(Cue(start, start + length, text))
        return tuple(
            SubtitleTrack(
                cues=tuple(sorted(found.get(stream.index, ()), key=lambda cue: (cue.start, cue.end))),
                language=stream.metadata.get("language", ""),
                title=clean(stream.metadata.get("title", stream.metadata.get("name", ""))),
                default=bool(stream.disposition & av.stream.Disposition.default),
            )
            for stream in streams
        )


def read_chapters(path: str | os.PathLike[str]) -> tuple[Cue, ...]:
    """The chapter marks of a video as cues whose text is the title, in seconds from the first displayed frame.

    Raises:
        VideoError: the file cannot be read.
    """
    with FrameSource(path) as source:
        marks = source.container.chapters()
        if not marks:
            return ()
        next(iter(source))
        origin = (source.origin or 0) * source.time_base
    chapters = [
        Cue(
            mark["start"] * (mark["time_base"] or Fraction(1)) - origin,
            mark["end"] * (mark["time_base"] or Fraction(1)) - origin,
            clean(mark["metadata"].get("title", "")).replace("\n", " "),
        )
        for mark in marks
    ]
    return tuple(sorted(chapters, key=lambda chapter: (chapter.start, chapter.end)))


def carry(cues: Iterable[Cue], parts: Sequence[Part]) -> tuple[Cue, ...]:
    """Cues of the source in the time of a summary.

    A cue is cut at the borders of the parts; what lies outside of them vanishes. One that goes on over a border
    comes as one cue where it is the same on both sides of it, so that it does not flicker.

    Args:
        cues: in the source's time.
        parts: [start, end) in the source's seconds, in order, as in `CutList`.
    """
    ends = [end for _, end in parts]
    offsets = list(accumulate((end - start for start, end in parts), initial=Fraction(0)))
    carried: list[Cue] = []
    for cue in cues:
        pieces: list[Cue] = []
        for number in range(bisect_right(ends, cue.start), len(parts)):
            start, end = parts[number]
            if start >= cue.end:
                break
            shift = offsets[number] - start
            piece = Cue(max(cue.start, start) + shift, min(cue.end, end) + shift, cue.text)
            if piece.start >= piece.end:
                continue
            if pieces and pieces[-1].end == piece.start:
                pieces[-1] = replace(pieces[-1], end=piece.end)
            else:
                pieces.append(piece)
        carried += pieces
    return tuple(sorted(carried, key=lambda cue: (cue.start, cue.end)))


def carried_subtitles(path: str | os.PathLike[str], parts: Sequence[Part]) -> tuple[SubtitleTrack, ...]:
    """The subtitle tracks of a video in the time of a summary, also those of which no cue is left."""
    return tuple(replace(track, cues=carry(track.cues, parts)) for track in read_subtitles(path))


def one_at_a_time(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """Cues that do not overlap: where several are shown at once, their texts stand below each other.

    MP4 timed text knows only one sample at a time. Of more than eight at once the latest eight are shown: nobody reads
    more, and a file made to hold thousands of them would take memory by their square.
    """
    edges = sorted({edge for cue in cues for edge in (cue.start, cue.end)})
    flat: list[Cue] = []
    showing: list[Cue] = []
    waiting = list(reversed(cues))
    for start, end in pairwise(edges):
        showing = [cue for cue in showing if cue.end > start]
        while waiting and waiting[-1].start <= start:
            showing.append(waiting.pop())
        del showing[:-_MOST_AT_ONCE]
        text = "\n".join(dict.fromkeys(cue.text for cue in showing if cue.end > start))
        if not text:
            continue
        if flat and flat[-1].end == start and flat[-1].text == text:
            flat[-1] = replace(flat[-1], end=end)
        else:
            flat.append(Cue(start, end, text))
    return tuple(flat)


class SubtitleWriter:
    """Subtitle tracks of an mp4 that is being written.

    Args:
        output: the file; nothing may have been written to it yet.
        tracks: in the output's time. Tracks without a cue get no stream.
    """

    def __init__(self, output: OutputContainer, tracks: Sequence[SubtitleTrack]) -> None:
        self._output = output
        self._streams = [(self._stream(track), track) for track in tracks if track.cues]

    def write(self) -> None:
        """Write all cues; the muxer puts them where they belong between pictures and sound."""
        for stream, track in self._streams:
            for cue in one_at_a_time(track.cues):
                text = cue.text.encode("utf-8", errors="replace")[:_LONGEST_TEXT]
                packet = cast("Packet[SubtitleStream]", Packet(struct.pack(">H", len(text)) + text))
                packet.stream, packet.time_base, packet.is_keyframe = stream, _CLOCK, True
                packet.pts = packet.dts = round(cue.start / _CLOCK)
                packet.duration = round(cue.end / _CLOCK) - packet.pts
                self._output.mux(packet)

    def _stream(self, track: SubtitleTrack) -> SubtitleStream:
        stream = self._output.add_stream("mov_text")
        stream.codec_context.subtitle_header = _STYLES
        stream.codec_context.time_base = _CLOCK
        stream.metadata.update(
            {key: value for key, value in (("language", track.language), ("title", track.title)) if value}
        )
        stream.disposition = av.stream.Disposition.default if track.default else av.stream.Disposition(0)
        return stream


def add_chapters(output: OutputContainer, chapters: Sequence[Cue]) -> None:
    """Give an mp4 chapter marks, before anything is written to it."""
    clock = Fraction(1, 1000)  # what the format keeps
    output.set_chapters(
        [
            {
                "id": number,
                "start": round(chapter.start / clock),
                "end": round(chapter.end / clock),
                "time_base": clock,
                "metadata": {"title": chapter.text},
            }
            for number, chapter in enumerate(chapters)
        ]
    )


def clean(text: str) -> str:
    """Text without control characters and empty lines, which would end a cue or break XML."""
    return "\n".join(line.strip() for line in _CONTROLS.sub("", text).split("\n") if line.strip())


def _is_text(stream: SubtitleStream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in _TEXT_CODECS


def _decoded(stream: SubtitleStream, packet: Packet[Any]) -> str:
    """The text of a packet, plain."""
    try:
        decoded = stream.decode2(packet)
    except av.FFmpegError:
        return ""
    lines = []
    for rect in decoded.rects if decoded is not None else ():
        event = getattr(rect, "ass", b"").decode("utf-8", errors="replace")
        # ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text
        fields = event.split(",", 8)
        text = fields[8] if len(fields) == 9 else event
        text = (_BRACES if stream.codec_context.name in ("ass", "ssa") else _ORDERS).sub("", text)
        for code, meaning in _ESCAPES:
            text = text.replace(code, meaning)
        lines.append(text)
    return clean("\n".join(lines))
