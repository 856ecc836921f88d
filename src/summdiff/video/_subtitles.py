"""Text subtitles and chapters: reading them, moving them to the times of a summary, and writing them into an mp4."""

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
from av.container import InputContainer
from av.container.output import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream

from summdiff.video._clock import Clock
from summdiff.video._container import FileVersion, demux, file_version, open_input
from summdiff.video._index import index_frames
from summdiff.video._metadata import names_a_place
from summdiff.video._streams import is_text, subtitle_streams

# FFmpeg decodes every text to ASS, with override codes such as {\i1}; literal braces are escaped by a backslash. In
# sources that are ASS themselves, braces contain comments as well.
_OVERRIDES = re.compile(r"(?<!\\)\{\\[^}]*\}")
_OVERRIDES_AND_COMMENTS = re.compile(r"(?<!\\)\{[^}]*\}")
_ESCAPES = ((r"\N", "\n"), (r"\n", "\n"), (r"\h", " "), (r"\{", "{"), (r"\}", "}"), ("\\\u2060", "\\"))
_TIME_BASE = Fraction(1, 90000)
_CHAPTER_TIME_BASE = Fraction(1, 1000)  # of the mp4 format
_OPEN_CUE_SECONDS = Fraction(5)  # for a cue without a duration that no later packet ends
_MAX_TEXT_BYTES = 65535  # the length field has two bytes
_MAX_CUES_AT_ONCE = 8
# One plain style, from which FFmpeg's encoder writes the description of the track.
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
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Cue:
    """A text displayed during [start, end) seconds, with line feeds between its lines."""

    start: Fraction
    end: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """Cues of a track.

    Attributes:
        cues: sorted by start, possibly overlapping.
        language, title: "" if it has none.
        disposition: whether it is on by default, forced, for the hard of hearing, and the like.
    """

    cues: tuple[Cue, ...]
    language: str = ""
    title: str = ""
    disposition: Disposition = Disposition(0)  # noqa: RUF009  (a number)

    @property
    def default(self) -> bool:
        """Whether players show it unless told otherwise."""
        return bool(self.disposition & Disposition.default)

    @property
    def forced(self) -> bool:
        """Whether it has only what everybody needs, such as words in a foreign language."""
        return bool(self.disposition & Disposition.forced)

    @property
    def names_places(self) -> bool:
        """Whether it has coordinates, as drones write them."""
        return any(names_a_place(cue.text) for cue in self.cues)


def has_subtitles(container: InputContainer) -> bool:
    """Whether an open file has subtitles that `read_subtitles` reads."""
    return any(is_text(stream) for stream in container.streams.subtitles)


def read_subtitles(path: str | os.PathLike[str]) -> tuple[SubtitleTrack, ...]:
    """Read all text subtitles of a video (SubRip, ASS, MP4 timed text, WebVTT), in seconds from its first frame.

    Styles and positions are dropped. Bitmap subtitles (DVD, Blu-ray) are ignored. The last two results are kept,
    because several export formats need them and the whole file has to be read.

    Raises:
        VideoError: the file cannot be read.
    """
    return _read_subtitles(os.fspath(path), file_version(path))


@lru_cache(maxsize=2)
def _read_subtitles(path: str, _version: FileVersion) -> tuple[SubtitleTrack, ...]:
    with open_input(path) as container:
        streams = subtitle_streams(container)
        return _read_tracks(container, streams, index_frames(path).clock) if streams else ()


def read_subtitle_file(path: str | os.PathLike[str]) -> tuple[Cue, ...]:
    """Read the first text track of a file of subtitles (SubRip, WebVTT, ASS), in the seconds that it states.

    Raises:
        VideoError: the file cannot be read.
    """
    with open_input(path) as container:
        streams = tuple(stream for stream in container.streams.subtitles if is_text(stream))
        return next((track.cues for track in _read_tracks(container, streams, None)), ())


def _read_tracks(
    container: InputContainer, streams: Sequence[SubtitleStream], clock: Clock | None
) -> tuple[SubtitleTrack, ...]:
    """Read text subtitles of an open file, in seconds of the clock, or as the file states them without one."""
    cues: dict[int, list[Cue]] = {stream.index: [] for stream in streams}
    open_cues: dict[int, int] = {}  # stream -> position of a cue without a duration: the next packet ends it
    with suppress(av.FFmpegError):  # a truncated file keeps what was read
        packets = demux(container, *streams) if streams else iter(())
        for packet in packets if clock is None else clock.repaired(packets):
            if packet.pts is None or not packet.size:
                continue
            stream = packet.stream
            start = packet.pts * packet.time_base - (Fraction(0) if clock is None else clock.start)
            read = cues[stream.index]
            previous = open_cues.pop(stream.index, None)
            if previous is not None:
                read[previous] = replace(read[previous], end=max(start, read[previous].start))
            text = _decode_text(cast("SubtitleStream", stream), packet)
            if text:
                duration = (packet.duration or 0) * packet.time_base
                if not duration:
                    open_cues[stream.index] = len(read)
                read.append(Cue(start, start + (duration or _OPEN_CUE_SECONDS), text))
    return tuple(
        SubtitleTrack(
            cues=tuple(sorted(cues[stream.index], key=lambda cue: (cue.start, cue.end))),
            language=stream.metadata.get("language", ""),
            title=_clean(stream.metadata.get("title", stream.metadata.get("name", ""))),
            disposition=stream.disposition,
        )
        for stream in streams
    )


def read_chapters(path: str | os.PathLike[str]) -> tuple[Cue, ...]:
    """Read the chapters of a video as cues with their titles, in seconds from its first frame.

    Raises:
        VideoError: the file cannot be read.
    """
    with open_input(path) as container:
        marks = container.chapters()
    if not marks:
        return ()
    clock = index_frames(path).clock
    chapters = [
        Cue(
            clock.from_container(mark["start"] * (mark["time_base"] or Fraction(1))),
            clock.from_container(mark["end"] * (mark["time_base"] or Fraction(1))),
            _clean(mark["metadata"].get("title", "")).replace("\n", " "),
        )
        for mark in marks
    ]
    return tuple(sorted(chapters, key=lambda chapter: (chapter.start, chapter.end)))


def retime(cues: Iterable[Cue], parts: Sequence[tuple[Fraction, Fraction]]) -> tuple[Cue, ...]:
    """Move cues from the time of the source to the time of a summary.

    Cues are cut at the borders of the parts and dropped outside of them. If a cue reaches from the end of one part
    to the start of the next, it stays one cue, so that it does not flicker.

    Args:
        cues: in seconds of the source.
        parts: [start, end) in seconds of the source, in the order in which they are played.
    """
    ends = [end for _, end in parts]
    in_film_order = all(end <= after for (_, end), (after, _) in pairwise(parts))
    offsets = list(accumulate((end - start for start, end in parts), initial=Fraction(0)))
    retimed: list[Cue] = []
    for cue in cues:
        pieces: list[Cue] = []
        for i in range(bisect_right(ends, cue.start) if in_film_order else 0, len(parts)):
            start, end = parts[i]
            if start >= cue.end and in_film_order:
                break
            shift = offsets[i] - start
            piece = Cue(max(cue.start, start) + shift, min(cue.end, end) + shift, cue.text)
            if piece.start >= piece.end:
                continue
            if pieces and pieces[-1].end == piece.start:
                pieces[-1] = replace(pieces[-1], end=piece.end)
            else:
                pieces.append(piece)
        retimed += pieces
    return tuple(sorted(retimed, key=lambda cue: (cue.start, cue.end)))


def retimed_subtitles(
    path: str | os.PathLike[str], parts: Sequence[tuple[Fraction, Fraction]], *, keep_location: bool = False
) -> tuple[SubtitleTrack, ...]:
    """Read a video's subtitle tracks and move them to the time of a summary, without those that have no cues then.

    Tracks with coordinates (drones) are left out unless the location is to be kept.
    """
    tracks = (track for track in read_subtitles(path) if keep_location or not track.names_places)
    retimed = (replace(track, cues=retime(track.cues, parts)) for track in tracks)
    return tuple(track for track in retimed if track.cues)


def write_subtitles(output: OutputContainer, tracks: Sequence[SubtitleTrack]) -> None:
    """Add subtitle tracks to an mp4 to which nothing has been written yet, and write all their cues.

    The muxer interleaves them with pictures and sound.
    """
    streams = [(_add_stream(output, track), track) for track in tracks]
    for stream, track in streams:
        for cue in without_overlaps(track.cues):
            text = cue.text.encode("utf-8", errors="replace")[:_MAX_TEXT_BYTES]
            packet = cast("Packet[SubtitleStream]", Packet(struct.pack(">H", len(text)) + text))
            packet.stream, packet.time_base, packet.is_keyframe = stream, _TIME_BASE, True
            packet.pts = packet.dts = round(cue.start / _TIME_BASE)
            packet.duration = round(cue.end / _TIME_BASE) - packet.pts
            output.mux(packet)


def add_chapters(output: OutputContainer, chapters: Sequence[Cue]) -> None:
    """Add chapters to an mp4 to which nothing has been written yet."""
    output.set_chapters(
        [
            {
                "id": i,
                "start": round(chapter.start / _CHAPTER_TIME_BASE),
                "end": round(chapter.end / _CHAPTER_TIME_BASE),
                "time_base": _CHAPTER_TIME_BASE,
                "metadata": {"title": chapter.text},
            }
            for i, chapter in enumerate(chapters)
        ]
    )


def without_overlaps(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """Split cues that overlap into successive ones with the texts below each other, as MP4 timed text needs.

    At most the latest eight cues are displayed at once: a file with thousands of simultaneous cues would take memory
    quadratic in their number.
    """
    edges = sorted({edge for cue in cues for edge in (cue.start, cue.end)})
    split: list[Cue] = []
    displayed: list[Cue] = []
    upcoming = list(reversed(cues))
    for start, end in pairwise(edges):
        displayed = [cue for cue in displayed if cue.end > start]
        while upcoming and upcoming[-1].start <= start:
            displayed.append(upcoming.pop())
        del displayed[:-_MAX_CUES_AT_ONCE]
        text = "\n".join(dict.fromkeys(cue.text for cue in displayed if cue.end > start))
        if not text:
            continue
        if split and split[-1].end == start and split[-1].text == text:
            split[-1] = replace(split[-1], end=end)
        else:
            split.append(Cue(start, end, text))
    return tuple(split)


def _add_stream(output: OutputContainer, track: SubtitleTrack) -> SubtitleStream:
    stream = output.add_stream("mov_text")
    stream.codec_context.subtitle_header = _STYLES
    stream.codec_context.time_base = _TIME_BASE
    stream.metadata.update(
        {key: value for key, value in (("language", track.language), ("title", track.title)) if value}
    )
    stream.disposition = track.disposition
    return stream


def _clean(text: str) -> str:
    """Remove control characters and empty lines, which would end a cue or break XML."""
    return "\n".join(line.strip() for line in _CONTROL_CHARACTERS.sub("", text).split("\n") if line.strip())


def _decode_text(stream: SubtitleStream, packet: Packet[Any]) -> str:
    """Decode a packet to plain text."""
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
        is_ass = stream.codec_context.name in ("ass", "ssa")
        text = (_OVERRIDES_AND_COMMENTS if is_ass else _OVERRIDES).sub("", text)
        for code, meaning in _ESCAPES:
            text = text.replace(code, meaning)
        lines.append(text)
    return _clean("\n".join(lines))
