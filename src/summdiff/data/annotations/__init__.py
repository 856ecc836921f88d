"""What annotators said of videos, read from the files that data sets are published in or from a table of one's own.

    annotations = read_annotations("ydata-tvsum50-anno.tsv")
    annotations["AwmHb44_ouw"].scores  # (20, n_frames)

One module per format; `read_annotations` chooses by what the path is.
"""

from summdiff.data.annotations.read import Source, read_annotations, source_of
from summdiff.data.annotations.record import Span, VideoAnnotations

__all__ = ["Source", "Span", "VideoAnnotations", "read_annotations", "source_of"]
