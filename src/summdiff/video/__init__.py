"""Reading and writing videos.

- probing: `probe`, `stated_duration`, `player_times`, `open_input`, `video_stream`, `audio_stream`, `demux`,
  `pixel_aspect`, `file_version`
- decoding: `FrameDecoder` in one pass; `SeekingDecoder` by ranges with the `FrameIndex` of `index_frames`
- sampling: `VideoReader` at a steady rate, `stills` at given times; `Scaler` makes images of frames
- cutting: `find_cuts` finds the exact frames of cuts; `cut_list` gives those of a summary as a `CutList` of `CutPart`s
- writing: `write_cut`; `largest_size` says how large the file can be, `source_rates` what the source takes
- side by side: `in_order` works on several tasks at once
- sound: `AudioTrack` part by part; `SamplePlaces` for the frames of a decoder
- text: `has_subtitles`, `read_subtitles`, `read_subtitle_file`, `read_chapters`, `retime` and `retimed_subtitles` with
  their `Cue`s; `names_a_place` finds coordinates

All times of a file are on one `Clock` that starts with its first displayed frame. A *tick* is the unit of the video
stream's time base.
"""

from summdiff.video._audio_track import AudioTrack
from summdiff.video._clock import Clock
from summdiff.video._container import demux, file_version, open_input, pixel_aspect
from summdiff.video._cut import CutList, CutPart, cut_list
from summdiff.video._decode import FrameDecoder, TimedFrame
from summdiff.video._find_cuts import find_cuts
from summdiff.video._index import FrameIndex, SeekingDecoder, index_frames
from summdiff.video._metadata import names_a_place
from summdiff.video._overlay import Overlay
from summdiff.video._picture import Scaler
from summdiff.video._probe import player_times, probe, stated_duration
from summdiff.video._sample import VideoReader, stills
from summdiff.video._sample_places import SamplePlaces
from summdiff.video._side_by_side import in_order
from summdiff.video._size import largest_size, source_rates
from summdiff.video._steps import Step
from summdiff.video._streams import audio_stream, video_stream
from summdiff.video._subtitles import (
    Cue,
    SubtitleTrack,
    has_subtitles,
    read_chapters,
    read_subtitle_file,
    read_subtitles,
    retime,
    retimed_subtitles,
)
from summdiff.video._write import write_cut

__all__ = [
    "AudioTrack",
    "Clock",
    "Cue",
    "CutList",
    "CutPart",
    "FrameDecoder",
    "FrameIndex",
    "Overlay",
    "SamplePlaces",
    "Scaler",
    "SeekingDecoder",
    "Step",
    "SubtitleTrack",
    "TimedFrame",
    "VideoReader",
    "audio_stream",
    "cut_list",
    "demux",
    "file_version",
    "find_cuts",
    "has_subtitles",
    "in_order",
    "index_frames",
    "largest_size",
    "names_a_place",
    "open_input",
    "pixel_aspect",
    "player_times",
    "probe",
    "read_chapters",
    "read_subtitle_file",
    "read_subtitles",
    "retime",
    "retimed_subtitles",
    "source_rates",
    "stated_duration",
    "stills",
    "video_stream",
    "write_cut",
]
