"""Reading and writing videos: what a file is, its frames at a steady rate, and parts of it as a new file."""

from summdiff.video.captions import Cue, carried_subtitles, carry, read_chapters
from summdiff.video.cut import write_cut
from summdiff.video.cutlist import CutList, CutPart, cut_list
from summdiff.video.probe import probe
from summdiff.video.reader import Step, VideoReader
from summdiff.video.stills import stills

__all__ = [
    "Cue",
    "CutList",
    "CutPart",
    "Step",
    "VideoReader",
    "carried_subtitles",
    "carry",
    "cut_list",
    "probe",
    "read_chapters",
    "stills",
    "write_cut",
]
