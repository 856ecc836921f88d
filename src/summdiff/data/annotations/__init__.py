"""Annotations of videos, from the files in which data sets are published or from the user's own tables.

    annotations = read_annotations("ydata-tvsum50-anno.tsv")
    annotations["AwmHb44_ouw"].scores  # (20, n_frames)

One module per format; `read_annotations` chooses it by the path.
"""

from summdiff.data.annotations.read import Source, read_annotations, source_of
from summdiff.data.annotations.record import Span, VideoAnnotations

__all__ = ["Source", "Span", "VideoAnnotations", "read_annotations", "source_of"]
