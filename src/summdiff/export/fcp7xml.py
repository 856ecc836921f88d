"""Final Cut Pro 7 XML (xmeml 4), which Premiere, Resolve and Kdenlive import.

OpenTimelineIO's adapter writes it. Handed to it as metadata, its own way for what it does not know:

- which channel of the source a sound clip is, with one track a channel, as the format has it;
- size of the picture, rate and channels of the sound, where the adapter only says that there is some;
- URLs with the host "localhost", which Premiere wants.

Mended in what it wrote, since lists in metadata are lost in it:

- links between the pictures and the sound of a part, without which an editor moves them apart;
- `duration` of a clip, which means the source's and not the part's; `rate`, which comes twice; the document type.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from summdiff.atomic import written_whole
from summdiff.export.names import file_url
from summdiff.export.timeline import build, cut_of
from summdiff.summary import Summary
from summdiff.video import CutList


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write one sequence with a video track and one sound track a channel. Needs the extra [export]."""
    import opentimelineio as otio

    cut = cut_of(summary)
    channels = cut.sound.channels if cut.sound else 0
    timeline = build(cut, sound_tracks=channels, url=file_url(cut.path).replace("file://", "file://localhost", 1))
    _describe(timeline, cut, channels)
    root = ET.fromstring(otio.adapters.write_to_string(timeline, "fcp_xml"))  # noqa: S314 - our own text
    _mend(root, cut, channels)
    ET.indent(root, "  ")
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{ET.tostring(root, encoding="unicode")}\n'
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _describe(timeline: Any, cut: CutList, channels: int) -> None:
    size = {"width": str(cut.width), "height": str(cut.height), "pixelaspectratio": "square"}
    media: dict[str, Any] = {"video": {"samplecharacteristics": size}}
    shape = {"format": {"samplecharacteristics": {**_rate(cut), **size}}}
    timeline.metadata["fcp_xml"] = {"media": {"video": shape}, "timecode": _timecode(cut)}
    if cut.sound is not None:
        sampling = {"depth": "16", "samplerate": str(cut.sound.rate)}
        media["audio"] = {"samplecharacteristics": sampling, "channelcount": str(channels)}
        timeline.metadata["fcp_xml"]["media"]["audio"] = {
            "numOutputChannels": str(min(channels, 2)),
            "format": {"samplecharacteristics": sampling},
        }
    count = len(cut.parts)
    for number, track in enumerate(timeline.tracks):
        if number:
            track.metadata["fcp_xml"] = {"outputchannelindex": str(1 + (number - 1) % 2)}
        for place, clip in enumerate(track):
            clip.metadata["fcp_xml"] = {"@id": f"clipitem-{number * count + place + 1}"}
            if number:
                clip.metadata["fcp_xml"]["sourcetrack"] = {"mediatype": "audio", "trackindex": str(number)}
            clip.media_reference.metadata["fcp_xml"] = {"media": media, "timecode": _timecode(cut)}


def _mend(root: ET.Element, cut: CutList, channels: int) -> None:
    count = len(cut.parts)
    for number, clip in enumerate(root.iter("clipitem")):
        for repeated in clip.findall("rate")[1:]:
            clip.remove(repeated)
        duration = clip.find("duration")
        if duration is not None:
            duration.text = str(cut.frames)
        place = number % count
        for other in range(channels + 1) if channels else ():
            link = ET.SubElement(clip, "link")
            ET.SubElement(link, "linkclipref").text = f"clipitem-{other * count + place + 1}"
            ET.SubElement(link, "mediatype").text = "audio" if other else "video"
            ET.SubElement(link, "trackindex").text = str(other or 1)
            ET.SubElement(link, "clipindex").text = str(place + 1)
            if other:
                ET.SubElement(link, "groupindex").text = "1"


def _rate(cut: CutList) -> dict[str, Any]:
    return {"rate": {"timebase": str(cut.nominal), "ntsc": "FALSE" if cut.rate.denominator == 1 else "TRUE"}}


def _timecode(cut: CutList) -> dict[str, Any]:
    return {"displayformat": "DF" if cut.drop_frame else "NDF"}
