"""A summary as an OpenTimelineIO timeline, from which the adapters write the editors' own formats.

Needs the extra [export].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from summdiff.export.names import file_url, plain
from summdiff.summary import Summary
from summdiff.video import CutList, cut_list

if TYPE_CHECKING:
    import opentimelineio as otio


def cut_of(summary: Summary) -> CutList:
    """The frames of a summary."""
    return cut_list(summary.video.path, summary.selection)


def timeline_name(cut: CutList) -> str:
    """What an editor calls the timeline."""
    return f"{plain(cut.path.stem)} summary"


def build(
    cut: CutList, *, sound_tracks: int, url: str | None = None, rate: float | None = None
) -> otio.schema.Timeline:
    """A timeline with one video track and the sound beside it, every clip a range of frames of the source.

    Frames of the source are counted by its timecode where it carries one, else from 0; the timeline starts at 0.

    Args:
        cut: the frames.
        sound_tracks: how many tracks of sound to put beside the pictures.
        url: address of the source; its file URL where None.
        rate: frames per second to write instead of the grid's.
    """
    import opentimelineio as otio

    rate = rate or float(cut.rate)

    def frames(first: int, count: int) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(count, rate))

    name = plain(cut.path.name)
    timeline = otio.schema.Timeline(name=timeline_name(cut))
    timeline.global_start_time = otio.opentime.RationalTime(0, rate)
    kinds = [otio.schema.TrackKind.Video] + [otio.schema.TrackKind.Audio] * sound_tracks
    for number, kind in enumerate(kinds):
        track = otio.schema.Track(name=f"A{number}" if number else "V1", kind=kind)
        for place, part in enumerate(cut.parts, start=1):
            clip = otio.schema.Clip(
                name=name,
                media_reference=otio.schema.ExternalReference(
                    target_url=url or file_url(cut.path), available_range=frames(cut.timecode, cut.frames)
                ),
                source_range=frames(cut.timecode + part.first, part.frames),
                # OTIO has no word for clips that belong together; this is Resolve's.
                metadata={"Resolve_OTIO": {"Link Group ID": place}} if sound_tracks else {},
            )
            clip.media_reference.name = name
            track.append(clip)
        timeline.tracks.append(track)
    return timeline
