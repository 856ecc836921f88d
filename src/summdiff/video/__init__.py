"""Reading and writing videos: what a file is, its frames at a steady rate, and parts of it as a new file."""

from summdiff.video.cut import write_cut
from summdiff.video.probe import probe
from summdiff.video.reader import Step, VideoReader

__all__ = ["Step", "VideoReader", "probe", "write_cut"]
