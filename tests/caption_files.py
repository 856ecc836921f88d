"""Videos with subtitles and chapter marks, made with PyAV from videos that have none."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.subtitles.subtitle import SubtitleSet

_STYLES = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_CLOCK = Fraction(1, 1000)


def add_captions(
    source: Path,
    target: Path,
    *,
    tracks: Sequence[tuple[str, Sequence[tuple[float, float, str]]]] = (),
    chapters: Sequence[tuple[float, float, str]] = (),
    codec: str = "mov_text",
    shift: float = 0.0,
) -> Path:
    """Write `source` with subtitles and chapters as `target`; its suffix chooses the container.

    Args:
        source, target: videos.
        tracks: (language, cues) of each; a cue is (start, end, text in the form of ASS).
        chapters: (start, end, title) of each.
        codec: of the subtitles.
        shift: seconds at which the first picture of `source` is shown; all times are counted from it.
    """
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        copies = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        subtitles = []
        for language, cues in tracks:
            stream = new.add_stream(codec)
            stream.codec_context.subtitle_header = _STYLES
            stream.codec_context.time_base = _CLOCK
            stream.metadata["language"] = language
            subtitles.append((stream, cues))
        new.set_chapters(
            [
                {
                    "id": number,
                    "start": round((start + shift) / _CLOCK),
                    "end": round((end + shift) / _CLOCK),
                    "time_base": _CLOCK,
                    "metadata": {"title": title},
                }
                for number, (start, end, title) in enumerate(chapters, start=1)
            ]
        )
        new.start_encoding()
        for stream, cues in subtitles:
            for start, end, text in cues:
                length = round((end - start) * 1000)
                event = SubtitleSet.create(f"0,0,Default,,0,0,0,,{text}".encode(), 0, length)
                packet = stream.codec_context.encode_subtitle(event)
                packet.stream, packet.time_base = stream, _CLOCK
                packet.pts = packet.dts = round((start + shift) * 1000)
                packet.duration = length
                new.mux(packet)
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return target
