"""Timelines for video editors, written through OpenTimelineIO: its own form, CMX 3600 and Final Cut Pro 7 XML.

Every clip is a range of frames of the source. They are counted by the source's timecode, or from 0 if it has none; the
timeline starts at 0.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import cut_of
from summdiff.export._strings import file_url, printable
from summdiff.summary import Summary

if TYPE_CHECKING:
    import opentimelineio as otio

    from summdiff.video import CutList

_EDL_EVENT = re.compile(r"^(\d{3,}  \S+ +)V +([CD]) ", re.MULTILINE)
_REEL_LENGTH = 8  # characters


def write_otio(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write OpenTimelineIO JSON with one video track and one audio track."""
    cut = cut_of(summary)
    timeline = _timeline(cut, audio_tracks=1 if cut.sound else 0)
    write_file(path, timeline.to_json_string(indent=1) + "\n")


def write_edl(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write a CMX 3600 edit decision list: one event per part, with the timecode of the source and of the summary.

    The adapter of OpenTimelineIO writes the events. What it lacks is added:

    - the frame code mode (FCM), without which readers take 29.97 for non-drop;
    - sound: an event takes pictures and sound together, as AA/V (two channels) or B (one);
    - non-drop timecode at 29.97 and 59.94, where the source has it. Non-drop numbers count like those of the next whole
      rate, so the events are written at that rate;
    - the reel, which the adapter takes from the file name, spaces included.
    """
    import opentimelineio as otio

    cut = cut_of(summary)
    rate = float(cut.rate) if cut.drop_frame or cut.rate.denominator == 1 else float(cut.nominal)
    # Readers take the comment with the source for a path, not a URL.
    timeline = _timeline(cut, audio_tracks=0, url=printable(str(cut.path)), rate=rate)
    for clip in timeline.find_clips():
        clip.metadata["cmx_3600"] = {"reel": reel_name(cut.path.stem)}
    text = otio.adapters.write_to_string(timeline, "cmx_3600", style="nucoda", rate=rate)
    head, events = text.split("\n\n", 1)
    if cut.sound is not None:
        channels = "B" if cut.sound.channels == 1 else "AA/V"
        events = _EDL_EVENT.sub(lambda event: f"{event[1]}{channels:<5} {event[2]} ", events)
    mode = "DROP FRAME" if cut.drop_frame else "NON-DROP FRAME"
    write_file(path, f"{head}\nFCM: {mode}\n\n{events}")


def reel_name(stem: str) -> str:
    """Return up to eight capital letters and digits of the source's name; AX, any source, if it has none."""
    return re.sub(r"[^A-Z0-9]", "", stem.upper())[:_REEL_LENGTH] or "AX"


def write_fcp7xml(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write Final Cut Pro 7 XML (xmeml 4): one sequence with a video track and an audio track per channel.

    The adapter of OpenTimelineIO writes it. Passed to it as metadata: the source channel of each audio clip, picture
    size, sample rate, channels, and URLs with the host "localhost", which Premiere requires. Corrected in its output,
    since the adapter drops lists in metadata: links between the pictures and the sound of a part, without which an
    editor moves them separately; `duration` of a clip, which means that of the source; a second `rate`; the effect of
    a dissolve on an audio track; the document type.
    """
    import opentimelineio as otio

    cut = cut_of(summary)
    channels = cut.sound.channels if cut.sound else 0
    timeline = _timeline(cut, audio_tracks=channels, url=file_url(cut.path).replace("file://", "file://localhost", 1))
    _add_fcp7_metadata(timeline, cut, channels)
    root = ET.fromstring(otio.adapters.write_to_string(timeline, "fcp_xml"))  # noqa: S314 - our own text
    _correct_fcp7_clips(root, cut, channels)
    ET.indent(root, "  ")
    body = ET.tostring(root, encoding="unicode")
    write_file(path, f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{body}\n')


def _timeline(
    cut: CutList, *, audio_tracks: int, url: str | None = None, rate: float | None = None
) -> otio.schema.Timeline:
    """Build a timeline with one video track and a number of audio tracks.

    Args:
        cut: frames of the summary.
        audio_tracks: number of audio tracks.
        url: address of the source; its file URL where None.
        rate: frames per second to write; that of the cut where None.
    """
    import opentimelineio as otio

    rate = rate or float(cut.rate)

    def frames(first: int, count: int) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(count, rate))

    name = printable(cut.path.name)
    timeline = otio.schema.Timeline(name=f"{printable(cut.path.stem)} summary")
    timeline.global_start_time = otio.opentime.RationalTime(0, rate)
    media_types = [otio.schema.TrackKind.Video] + [otio.schema.TrackKind.Audio] * audio_tracks
    for number, media_type in enumerate(media_types):
        track = otio.schema.Track(name=f"A{number}" if number else "V1", kind=media_type)
        for place, part in enumerate(cut.parts, start=1):
            if part.dissolve:
                half = otio.opentime.RationalTime(part.dissolve, rate)
                kind = otio.schema.TransitionTypes.SMPTE_Dissolve
                track.append(otio.schema.Transition("Cross Dissolve", kind, in_offset=half, out_offset=half))
            clip = otio.schema.Clip(
                name=name,
                media_reference=otio.schema.ExternalReference(
                    target_url=url or file_url(cut.path), available_range=frames(cut.timecode, cut.frames)
                ),
                source_range=frames(cut.timecode + part.first, part.frames),
                # OpenTimelineIO cannot express linked clips; this is how Resolve stores them.
                metadata={"Resolve_OTIO": {"Link Group ID": place}} if audio_tracks else {},
            )
            clip.media_reference.name = name
            track.append(clip)
        timeline.tracks.append(track)
    return timeline


def _add_fcp7_metadata(timeline: Any, cut: CutList, channels: int) -> None:
    size = {"width": str(cut.width), "height": str(cut.height), "pixelaspectratio": "square"}
    rate = {"timebase": str(cut.nominal), "ntsc": "FALSE" if cut.rate.denominator == 1 else "TRUE"}
    timecode = {"displayformat": "DF" if cut.drop_frame else "NDF"}
    media: dict[str, Any] = {"video": {"samplecharacteristics": size}}
    shape = {"format": {"samplecharacteristics": {"rate": rate, **size}}}
    timeline.metadata["fcp_xml"] = {"media": {"video": shape}, "timecode": timecode}
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
        for place, clip in enumerate(track.find_clips()):
            clip.metadata["fcp_xml"] = {"@id": f"clipitem-{number * count + place + 1}"}
            if number:
                clip.metadata["fcp_xml"]["sourcetrack"] = {"mediatype": "audio", "trackindex": str(number)}
            clip.media_reference.metadata["fcp_xml"] = {"media": media, "timecode": timecode}


def _correct_fcp7_clips(root: ET.Element, cut: CutList, channels: int) -> None:
    for effect in root.iterfind(".//audio/track/transitionitem/effect"):
        for tag, text in (
            ("name", "Cross Fade (+3dB)"),  # equal power
            ("effectid", "KGAudioTransCrossFade3dB"),
            ("mediatype", "audio"),
        ):
            _child(effect, tag).text = text
    count = len(cut.parts)
    for number, clip in enumerate(root.iter("clipitem")):
        for repeated in clip.findall("rate")[1:]:
            clip.remove(repeated)
        duration = clip.find("duration")
        if duration is not None:
            duration.text = str(cut.frames)
        place = number % count
        for track in range(channels + 1) if channels else ():
            link = ET.SubElement(clip, "link")
            ET.SubElement(link, "linkclipref").text = f"clipitem-{track * count + place + 1}"
            ET.SubElement(link, "mediatype").text = "audio" if track else "video"
            ET.SubElement(link, "trackindex").text = str(track or 1)
            ET.SubElement(link, "clipindex").text = str(place + 1)
            if track:
                ET.SubElement(link, "groupindex").text = "1"


def _child(parent: ET.Element, tag: str) -> ET.Element:
    found = parent.find(tag)
    return ET.SubElement(parent, tag) if found is None else found


FORMATS = (
    Format(
        "otio",
        {"otio": write_otio},
        "timeline, pictures and sound",
        opens_in="Resolve 18 and later, Kdenlive 25.04 and later, OpenTimelineIO",
        libraries=("opentimelineio",),
        install="summdiff[export]",
    ),
    Format(
        "edl",
        {"edl": write_edl},
        "CMX 3600 edit decision list",
        opens_in="nearly every editor",
        libraries=("opentimelineio", "otio_cmx3600_adapter"),
        install="summdiff[export]",
    ),
    Format(
        "fcp7xml",
        {"fcp7.xml": write_fcp7xml},
        "Final Cut Pro 7 XML (xmeml 4), sound linked",
        opens_in="Premiere, Resolve, other editors that import it",
        libraries=("opentimelineio", "otio_fcp_adapter"),
        install="summdiff[export]",
    ),
)
