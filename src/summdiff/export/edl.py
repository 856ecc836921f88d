"""CMX 3600, the edit decision list that every editor reads.

OpenTimelineIO's adapter writes the events; mended afterwards is what it leaves out:

- the frame code mode (FCM), without which readers take 29.97 for non-drop;
- sound, which the adapter does not write: an event takes pictures and sound together, as AA/V (two channels)
  or B (one);
- timecode that does not drop numbers at 29.97 and 59.94, where the source carries such: the adapter always drops.
  Without dropping, numbers count like those of the whole rate above, so that rate is written;
- the reel, which the adapter takes from the file name with spaces in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.export.names import plain
from summdiff.export.timeline import build, cut_of
from summdiff.summary import Summary

_EVENT = re.compile(r"^(\d{3,}  \S+ +)V +C ", re.MULTILINE)
_REEL = 8  # characters that the format has room for


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write one event a part: reel and timecode of the source, and timecode of the summary from 00:00:00:00 on.

    Needs the extra [export].
    """
    import opentimelineio as otio

    cut = cut_of(summary)
    rate = float(cut.rate) if cut.drop_frame or cut.rate.denominator == 1 else float(cut.nominal)
    timeline = build(cut, sound_tracks=0, url=plain(str(cut.path)), rate=rate)
    for clip in timeline.find_clips():
        clip.metadata["cmx_3600"] = {"reel": reel(cut.path.stem)}
    # The path is written as it is: readers take this comment for a path, and no URL has a place in it.
    text = otio.adapters.write_to_string(timeline, "cmx_3600", style="nucoda", rate=rate)
    head, events = text.split("\n\n", 1)
    if cut.sound is not None:
        channels = "B" if cut.sound.channels == 1 else "AA/V"
        events = _EVENT.sub(lambda event: f"{event[1]}{channels:<5} C ", events)
    mode = "DROP FRAME" if cut.drop_frame else "NON-DROP FRAME"
    with written_whole(path) as temporary:
        temporary.write_text(f"{head}\nFCM: {mode}\n\n{events}", encoding="utf-8")


def reel(stem: str) -> str:
    """The source's name as a reel: up to eight capital letters and digits; AX, "some source", where none is left."""
    return re.sub(r"[^A-Z0-9]", "", stem.upper())[:_REEL] or "AX"
