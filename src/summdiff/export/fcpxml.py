"""Final Cut Pro XML 1.9, for Final Cut Pro 10.4.9 and later and for Resolve.

OpenTimelineIO's adapter is not used: it rounds 29.97 frames per second to 29, so that every cut is off, and it writes
sound as separate clips, where `asset-clip` holds both. Times are fractions of seconds and multiples of a frame, as
Final Cut Pro requires.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import cut_of
from summdiff.export._strings import file_url, printable
from summdiff.summary import Summary

if TYPE_CHECKING:
    from summdiff.video import CutList

_RATES = {32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k", 176400: "176.4k", 192000: "192k"}


def write_fcpxml(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write one project whose storyline holds the parts with their sound."""
    cut = cut_of(summary)
    root = _document(cut)
    ET.indent(root, "  ")
    body = ET.tostring(root, encoding="unicode")
    write_file(path, f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n')


def _document(cut: CutList) -> ET.Element:
    title = f"{printable(cut.path.stem)} summary"
    name, code = printable(cut.path.name), {"tcFormat": "DF" if cut.drop_frame else "NDF"}
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
    if any(part.dissolve for part in cut.parts):
        for effect, _, attributes in _effects(cut):
            ET.SubElement(resources, "effect", {**attributes, "uid": effect})
    media = ET.SubElement(resources, "asset", asset)
    ET.SubElement(media, "media-rep", {"kind": "original-media", "src": file_url(cut.path)})
    event = ET.SubElement(ET.SubElement(root, "library"), "event", {"name": title})
    project = ET.SubElement(event, "project", {"name": title})
    spine = ET.SubElement(ET.SubElement(project, "sequence", sequence), "spine")
    for part in cut.parts:
        if part.dissolve:
            placed = {
                "name": "Cross Dissolve",
                "offset": _frames(part.record - part.dissolve, cut),
                "duration": _frames(2 * part.dissolve, cut),
            }
            transition = ET.SubElement(spine, "transition", placed)
            for _, kind, attributes in _effects(cut):
                ET.SubElement(transition, kind, {"ref": attributes["id"], "name": attributes["name"]})
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


def _effects(cut: CutList) -> list[tuple[str, str, dict[str, str]]]:
    """Return Final Cut Pro's id of each effect of a dissolve, the element that refers to it, and its id and name."""
    picture = ("FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265", "filter-video", {"id": "r3", "name": "Cross Dissolve"})
    sound = ("FFAudioTransition", "filter-audio", {"id": "r4", "name": "Audio Crossfade"})
    return [picture, sound] if cut.sound is not None else [picture]


def _frames(count: int, cut: CutList) -> str:
    return _seconds(count / cut.rate)


def _seconds(time: Fraction) -> str:
    return f"{time.numerator}s" if time.denominator == 1 else f"{time.numerator}/{time.denominator}s"


FORMATS = (
    Format(
        "fcpxml",
        {"fcpxml": write_fcpxml},
        "Final Cut Pro XML 1.9",
        opens_in="Final Cut Pro 10.4.9 and later, Resolve",
    ),
)
