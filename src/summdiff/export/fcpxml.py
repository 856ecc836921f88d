"""Final Cut Pro XML 1.9, for Final Cut Pro 10.4.9 and later and for Resolve.

Written here and not by OpenTimelineIO's adapter: that one turns rates into whole numbers, so 29.97 frames a second
come out as 29 and every cut is off; and it writes sound as clips of its own below the pictures, where `asset-clip`
holds both. Times are fractions of seconds and multiples of a frame, as Final Cut asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

from summdiff.atomic import written_whole
from summdiff.export.names import file_url, plain
from summdiff.export.timeline import cut_of, timeline_name
from summdiff.summary import Summary
from summdiff.video import CutList

_RATES = {32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k", 176400: "176.4k", 192000: "192k"}


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write one project whose storyline holds the parts, sound included."""
    cut = cut_of(summary)
    root = _document(cut)
    ET.indent(root, "  ")
    body = ET.tostring(root, encoding="unicode")
    with written_whole(path) as temporary:
        temporary.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n', encoding="utf-8")


def _document(cut: CutList) -> ET.Element:
    name, code = plain(cut.path.name), {"tcFormat": "DF" if cut.drop_frame else "NDF"}
    root = ET.Element("fcpxml", version="1.9")
    resources = ET.SubElement(root, "resources")
    ET.SubElement(
        resources,
        "format",
        {
            "id": "r1",
            "frameDuration": _seconds(1 / cut.rate),
            "width": str(cut.width),
            "height": str(cut.height),
        },
    )
    asset = {
        "id": "r2",
        "name": name,
        "start": _frames(cut.timecode, cut),
        "duration": _frames(cut.frames, cut),
        "hasVideo": "1",
        "format": "r1",
    }
    sequence = {"format": "r1", "duration": _frames(cut.length, cut), "tcStart": "0s", **code}
    clip = {"ref": "r2", "name": name, **code}
    if cut.sound is not None:
        asset |= {
            "hasAudio": "1",
            "audioSources": "1",
            "audioChannels": str(cut.sound.channels),
            "audioRate": str(cut.sound.rate),
        }
        layout = "mono" if cut.sound.channels == 1 else "stereo" if cut.sound.channels == 2 else "surround"
        sequence |= {"audioLayout": layout, "audioRate": _RATES.get(cut.sound.rate, "48k")}
        clip |= {"audioRole": "dialogue"}
    media = ET.SubElement(resources, "asset", asset)
    ET.SubElement(media, "media-rep", {"kind": "original-media", "src": file_url(cut.path)})
    event = ET.SubElement(ET.SubElement(root, "library"), "event", {"name": timeline_name(cut)})
    project = ET.SubElement(event, "project", {"name": timeline_name(cut)})
    spine = ET.SubElement(ET.SubElement(project, "sequence", sequence), "spine")
    for part in cut.parts:
        ET.SubElement(
            spine,
            "asset-clip",
            {
                **clip,
                "offset": _frames(part.record, cut),
                "start": _frames(cut.timecode + part.first, cut),
                "duration": _frames(part.frames, cut),
            },
        )
    return root


def _frames(count: int, cut: CutList) -> str:
    return _seconds(count / cut.rate)


def _seconds(time: Fraction) -> str:
    return f"{time.numerator}s" if time.denominator == 1 else f"{time.numerator}/{time.denominator}s"
